//! The cluster port: one server for what executors call, to members only.

use std::sync::Arc;

use ballista_core::serde::protobuf::scheduler_grpc_server::SchedulerGrpcServer;
use lakegate_common::cluster_token::ClusterToken;
use lakegate_common::{Chain, Coded};
use lakegate_engine::channel::{KEEPALIVE, MESSAGE_BYTES_MAX};
use lakegate_lake::store::{AccessSource, StoreUrl};
use lakegate_proto::cluster::v1::scheduler_server::{Scheduler as Membership, SchedulerServer};
use lakegate_proto::cluster::v1::{
    AccessSecrets, GetAccessRequest, GetAccessResponse, NeededJobsRequest, NeededJobsResponse,
};
use prost::Message;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::service::interceptor::InterceptorLayer;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use super::gate::Gate;
use super::job_state::Jobs;

/// How long an executor may use what it was told of an object store before it asks again.
const ACCESS_VALID_SECONDS: u32 = 60;
/// Jobs that one question may name.
const QUESTION_MAX: usize = 10_000;

/// Serves until told to close.
pub(super) async fn serve(
    listener: TcpListener,
    gate: Gate,
    answers: MemberAnswers,
    token: ClusterToken,
    closing: CancellationToken,
) {
    let router = Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE * 2))
        .http2_keepalive_timeout(Some(KEEPALIVE * 2))
        .layer(InterceptorLayer::new(token.require()))
        .add_service(
            SchedulerGrpcServer::new(gate)
                .max_decoding_message_size(MESSAGE_BYTES_MAX)
                .max_encoding_message_size(MESSAGE_BYTES_MAX),
        )
        .add_service(SchedulerServer::new(answers));
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    if let Err(error) =
        router.serve_with_incoming_shutdown(incoming, closing.cancelled_owned()).await
    {
        tracing::error!(error = %error, "the cluster port is closed");
    }
}

/// What members ask beside Ballista's own calls.
pub(super) struct MemberAnswers {
    /// Whose files are still needed.
    pub(super) jobs: Arc<Jobs>,
    /// Where keys of object stores come from.
    pub(super) access: Arc<dyn AccessSource>,
    /// Seals those keys on their way.
    pub(super) token: ClusterToken,
}

#[tonic::async_trait]
impl Membership for MemberAnswers {
    async fn needed_jobs(
        &self,
        request: Request<NeededJobsRequest>,
    ) -> Result<Response<NeededJobsResponse>, Status> {
        let mut jobs = request.into_inner().job_ids;
        jobs.truncate(QUESTION_MAX);
        Ok(Response::new(NeededJobsResponse { job_ids: self.jobs.needed_of(jobs) }))
    }

    async fn get_access(
        &self,
        request: Request<GetAccessRequest>,
    ) -> Result<Response<GetAccessResponse>, Status> {
        let refused = |error: lakegate_lake::Error| {
            let text = match &error {
                // The executor says the same of its own.
                lakegate_lake::Error::AccessUnavailable { source, .. } => {
                    Chain(&**source).to_string()
                }
                _ => Chain(&error).to_string(),
            };
            Status::new(error.code().grpc(), text)
        };
        let url = StoreUrl::parse(&request.into_inner().url)
            .map_err(refused)?
            .ok_or_else(|| Status::invalid_argument("a local path needs no access"))?;
        let access = self.access.access(&url).await.map_err(refused)?;
        let secrets = access.secrets.iter().flatten();
        let message = AccessSecrets {
            ambient: access.secrets.is_none(),
            secrets: secrets
                .map(|(key, key_text)| (key.clone(), key_text.expose().to_string()))
                .collect(),
            options: access.options.into_iter().collect(),
        };
        let sealed = self
            .token
            .sealing()
            .seal(&message.encode_to_vec(), access.prefix.as_bytes())
            .map_err(|error| Status::internal(error.to_string()))?;
        Ok(Response::new(GetAccessResponse {
            prefix: access.prefix,
            kind: access.kind.to_string(),
            version: access.version,
            valid_seconds: ACCESS_VALID_SECONDS,
            sealed,
        }))
    }
}
