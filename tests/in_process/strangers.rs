//! Callers that do not belong to the cluster, and members that talk nonsense.

use arrow_flight::Ticket;
use arrow_flight::flight_service_client::FlightServiceClient;
use ballista_core::serde::protobuf::executor_grpc_client::ExecutorGrpcClient;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use ballista_core::serde::protobuf::{
    ExecuteQueryParams, LaunchMultiTaskParams, RegisterExecutorParams, TaskStatus,
    UpdateTaskStatusParams,
};
use lakegate_common::cluster_token::ClusterToken;
use lakegate_common::secret::Secret;
use lakegate_scheduler::durable;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request};

use super::support::{Fleet, TOKEN};

fn channel(address: &str) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy()
}

fn token(text: &str) -> ClusterToken {
    ClusterToken::new(&Secret::from_text(text)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_refused_on_every_port() {
    let fleet = Fleet::start(1, durable::Config::default()).await;
    let executor = fleet.durable.executors()[0].address.clone();
    let scheduler = channel(&fleet.cluster_address);
    let register = SchedulerGrpcClient::new(scheduler.clone())
        .register_executor(RegisterExecutorParams { metadata: None })
        .await;
    let wrong = token("another-token-0123456789").show();
    let wrong = SchedulerGrpcClient::with_interceptor(scheduler, wrong)
        .register_executor(RegisterExecutorParams { metadata: None })
        .await;
    let launch =
        LaunchMultiTaskParams { multi_tasks: Vec::new(), scheduler_endpoint: String::new() };
    let launch = ExecutorGrpcClient::new(channel(&executor)).launch_multi_task(launch).await;
    let fetch = FlightServiceClient::new(channel(&executor)).do_get(Ticket::default()).await;
    let codes = [
        register.unwrap_err().code(),
        wrong.unwrap_err().code(),
        launch.unwrap_err().code(),
        fetch.unwrap_err().code(),
    ];
    assert_eq!(codes, [Code::Unauthenticated; 4]);
    assert_eq!(fleet.active(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn members_cannot_send_plans_over_the_cluster_port() {
    let fleet = Fleet::start(0, durable::Config::default()).await;
    let mut member =
        SchedulerGrpcClient::with_interceptor(channel(&fleet.cluster_address), token(TOKEN).show());
    let refused = member.execute_query(ExecuteQueryParams::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_from_a_member_harms_nobody() {
    let fleet = Fleet::start(1, durable::Config::default()).await;
    let mut member =
        SchedulerGrpcClient::with_interceptor(channel(&fleet.cluster_address), token(TOKEN).show());
    assert_eq!(
        member
            .register_executor(RegisterExecutorParams { metadata: None })
            .await
            .unwrap_err()
            .code(),
        Code::InvalidArgument
    );
    let executor_id = fleet.durable.executors()[0].id.clone();
    let query = fleet.query("SELECT count(*) FROM numbers a JOIN numbers b ON a.k = b.k").await;
    for number in 1_000_000_u64..1_000_020 {
        let status = TaskStatus {
            task_id: 99,
            job_id: "no such job".to_string(),
            stage_id: 7,
            ..Default::default()
        };
        let mut request = Request::new(UpdateTaskStatusParams {
            executor_id: executor_id.clone(),
            task_status: vec![status],
        });
        if number % 2 == 0 {
            request.metadata_mut().insert("lakegate-report", number.into());
        }
        let _ = member.update_task_status(request).await;
    }
    drop(query);
    let mut tasks = ExecutorGrpcClient::with_interceptor(
        channel(&fleet.durable.executors()[0].address),
        token(TOKEN).show(),
    );
    let nonsense = ballista_core::serde::protobuf::MultiTaskDefinition {
        plan: vec![0xff; 64],
        job_id: "../..".to_string(),
        ..Default::default()
    };
    tasks
        .launch_multi_task(LaunchMultiTaskParams {
            multi_tasks: vec![nonsense],
            scheduler_endpoint: String::new(),
        })
        .await
        .unwrap();
    assert!(fleet.durable.is_healthy());
}
