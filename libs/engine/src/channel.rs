//! Channels between the members of a cluster: how they show the join token, how soon they notice
//! that the other side is gone, and the Ballista settings that both sides must agree on.

use std::sync::Arc;
use std::time::Duration;

use ballista_core::config::{
    BALLISTA_ADAPTIVE_PLANNER_ENABLED, BALLISTA_BROADCAST_JOIN_THRESHOLD_BYTES,
    BALLISTA_BROADCAST_JOIN_THRESHOLD_ROWS, BALLISTA_CLIENT_GRPC_CONNECT_TIMEOUT_SECONDS,
    BALLISTA_CLIENT_GRPC_MAX_MESSAGE_SIZE, BALLISTA_CLIENT_GRPC_TIMEOUT_SECONDS,
    BALLISTA_CLIENT_IO_RETRIES_TIMES, BALLISTA_CLIENT_IO_RETRY_WAIT_TIME_MS,
    BALLISTA_SHUFFLE_COMPRESSION_CODEC, BALLISTA_SHUFFLE_SORT_BASED_MEMORY_LIMIT_PER_TASK_BYTES,
    BallistaConfig,
};
use ballista_core::extension::{EndpointOverrideFn, SessionConfigExt};
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionConfig;
use lakegate_common::cluster_token::ClusterToken;
use tonic::transport::Endpoint;

/// The largest message between members. A launch carries every file of a task's scan.
pub const MESSAGE_BYTES_MAX: usize = 128 << 20;
/// How long a connection to a member may take.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often an idle connection is tried, and how long an answer may take.
pub const KEEPALIVE: Duration = Duration::from_secs(5);
/// Data that may be under way on a connection before the reader has taken any.
pub const WINDOW_BYTES: u32 = 32 << 20;

/// Ballista's settings that differ from its defaults, with the reason for each.
const SETTINGS: &[(&str, &str)] = &[
    // Hangs a job whose completed stage lost its output (docs/decisions/0003).
    (BALLISTA_ADAPTIVE_PLANNER_ENABLED, "false"),
    // A lost executor is a matter of recomputing, not of waiting; 3 s a try by default.
    (BALLISTA_CLIENT_IO_RETRIES_TIMES, "3"),
    (BALLISTA_CLIENT_IO_RETRY_WAIT_TIME_MS, "200"),
    (BALLISTA_CLIENT_GRPC_CONNECT_TIMEOUT_SECONDS, "5"),
    (BALLISTA_CLIENT_GRPC_TIMEOUT_SECONDS, "20"),
    (BALLISTA_CLIENT_GRPC_MAX_MESSAGE_SIZE, "134217728"),
    // A shuffle's buffers are outside the memory pool; half of the default leaves room for it.
    (BALLISTA_SHUFFLE_SORT_BASED_MEMORY_LIMIT_PER_TASK_BYTES, "134217728"),
    (BALLISTA_SHUFFLE_COMPRESSION_CODEC, "lz4"),
    // A build side up to here is read by every task instead of shuffling both sides.
    (BALLISTA_BROADCAST_JOIN_THRESHOLD_BYTES, "67108864"),
    (BALLISTA_BROADCAST_JOIN_THRESHOLD_ROWS, "1000000"),
];

/// Gives a configuration the cluster's settings of Ballista, and takes away any other.
///
/// # Errors
/// A setting that this version of Ballista does not have.
pub fn with_cluster_settings(mut config: SessionConfig) -> Result<SessionConfig, DataFusionError> {
    let options = config.options_mut();
    options.extensions = Default::default();
    options.extensions.insert(BallistaConfig::default());
    for (key, value) in SETTINGS {
        options.set(key, value)?;
    }
    Ok(config)
}

/// The configuration that an executor reads a task's settings into.
///
/// # Errors
/// As [`with_cluster_settings`].
pub fn executor_config(token: &ClusterToken) -> Result<SessionConfig, DataFusionError> {
    let config = with_cluster_settings(SessionConfig::new_with_ballista())?;
    Ok(config.with_ballista_override_create_grpc_client_endpoint(customise(token)))
}

/// What Ballista applies to every channel it opens to a member.
pub fn customise(token: &ClusterToken) -> EndpointOverrideFn {
    let token = token.clone();
    Arc::new(move |endpoint| member_endpoint(endpoint, &token).map_err(Into::into))
}

/// An endpoint that shows the token and notices within some seconds that the other side is gone.
///
/// # Errors
/// The token makes no header, which [`ClusterToken::new`] rules out.
pub fn member_endpoint(
    endpoint: Endpoint,
    token: &ClusterToken,
) -> Result<Endpoint, tonic::transport::Error> {
    Ok(endpoint
        .user_agent(token.agent())?
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_settings_of_ballista_travel() {
        let mut config = SessionConfig::new_with_ballista();
        config.options_mut().set("ballista.scheduler.max_partitions_per_task", "abc").unwrap();
        let ballista = with_cluster_settings(config).unwrap().ballista_config();
        assert_eq!(ballista.max_partitions_per_task(), 0);
        assert!(!ballista.adaptive_query_planner_enabled());
        assert_eq!(ballista.grpc_client_max_message_size(), MESSAGE_BYTES_MAX);
        assert_eq!(ballista.io_retry_wait_time_ms(), 200);
    }
}
