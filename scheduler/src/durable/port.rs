//! The cluster port: one server for what executors call, to members only.

use std::sync::Arc;

use ballista_core::serde::protobuf::scheduler_grpc_server::SchedulerGrpcServer;
use lakegate_common::cluster_token::ClusterToken;
use lakegate_engine::channel::{KEEPALIVE, MESSAGE_BYTES_MAX};
use lakegate_proto::cluster::v1::scheduler_server::{Scheduler as Membership, SchedulerServer};
use lakegate_proto::cluster::v1::{NeededJobsRequest, NeededJobsResponse};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::service::interceptor::InterceptorLayer;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use super::gate::Gate;
use super::job_state::Jobs;

/// Jobs that one question may name.
const QUESTION_MAX: usize = 10_000;

/// Serves until told to close.
pub(super) async fn serve(
    listener: TcpListener,
    gate: Gate,
    jobs: Arc<Jobs>,
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
        .add_service(SchedulerServer::new(NeededJobs(jobs)));
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    if let Err(error) =
        router.serve_with_incoming_shutdown(incoming, closing.cancelled_owned()).await
    {
        tracing::error!(error = %error, "the cluster port is closed");
    }
}

/// Tells executors whose files they may remove.
struct NeededJobs(Arc<Jobs>);

#[tonic::async_trait]
impl Membership for NeededJobs {
    async fn needed_jobs(
        &self,
        request: Request<NeededJobsRequest>,
    ) -> Result<Response<NeededJobsResponse>, Status> {
        let mut jobs = request.into_inner().job_ids;
        jobs.truncate(QUESTION_MAX);
        Ok(Response::new(NeededJobsResponse { job_ids: self.0.needed_of(jobs) }))
    }
}
