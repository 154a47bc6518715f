//! What a task tells the scheduler of its end.

use std::any::Any;
use std::error::Error as StdError;
use std::time::Duration;

use ballista_core::error::BallistaError;
use ballista_core::serde::protobuf::failed_task::FailedReason;
use ballista_core::serde::protobuf::{
    ExecutionError, FailedTask, IoError, MultiTaskDefinition, OperatorMetricsSet, SuccessfulTask,
    TaskStatus, task_status,
};
use ballista_core::serde::scheduler::TaskDefinition;
use datafusion::error::DataFusionError;
use lakegate_common::{Chain, ErrorCode};
use lakegate_engine::{failure, task_failure};

/// What a task that succeeded gives.
pub(crate) struct Success {
    pub(crate) task: SuccessfulTask,
    pub(crate) metrics: Vec<OperatorMetricsSet>,
    /// How long its shuffle files took to be written.
    pub(crate) writing: Duration,
}

/// When a task was launched, began and ended, in milliseconds since 1970.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    pub(crate) launch: u64,
    pub(crate) start: u64,
    pub(crate) end: u64,
}

/// A status that names the task and says nothing yet.
pub(crate) fn status_of(task: &TaskDefinition) -> TaskStatus {
    TaskStatus {
        task_id: to_wire(task.task_id),
        job_id: task.job_id.to_string(),
        stage_id: to_wire(task.stage_id),
        stage_attempt_num: to_wire(task.stage_attempt_num),
        ..Default::default()
    }
}

/// The same for every task of a plan that was not read yet.
pub(crate) fn unread(definition: &MultiTaskDefinition) -> Vec<TaskStatus> {
    definition
        .task_ids
        .iter()
        .map(|task| TaskStatus {
            task_id: task.task_id,
            job_id: definition.job_id.clone(),
            stage_id: definition.stage_id,
            stage_attempt_num: definition.stage_attempt_num,
            launch_time: definition.launch_time,
            ..Default::default()
        })
        .collect()
}

/// Writes the end of a task into its status.
pub(crate) fn finish(
    status: &mut TaskStatus,
    times: Times,
    result: Result<Success, BallistaError>,
) {
    status.launch_time = times.launch;
    status.start_exec_time = times.start;
    status.end_exec_time = times.end;
    status.status = Some(match result {
        Ok(Success { task, metrics, .. }) => {
            status.metrics = metrics;
            task_status::Status::Successful(task)
        }
        Err(error) => task_status::Status::Failed(failed_task(error)),
    });
}

/// The failure as the scheduler acts on it: a lost input is made again, a fault of the storage is
/// tried again some times, anything else ends the query with its code.
pub(crate) fn failed_task(error: BallistaError) -> FailedTask {
    let (code, text) = describe(&error);
    let mut failed = FailedTask::from(error);
    match failed.failed_reason {
        Some(FailedReason::IoError(_) | FailedReason::ExecutionError(_)) | None => {}
        // A lost input or an abort, which Ballista handles by kind.
        Some(_) => return failed,
    }
    let retryable = code == ErrorCode::StorageError;
    failed.error = task_failure::encode(code, &text);
    failed.retryable = retryable;
    failed.count_to_failures = retryable;
    failed.failed_reason = Some(if retryable {
        FailedReason::IoError(IoError {})
    } else {
        FailedReason::ExecutionError(ExecutionError {})
    });
    failed
}

fn describe(error: &BallistaError) -> (ErrorCode, String) {
    match error {
        BallistaError::DataFusionError(inner) => {
            (failure::code_of(inner), Chain(inner.as_ref()).to_string())
        }
        BallistaError::ArrowError(inner) => {
            let code =
                match inner.source().and_then(|source| source.downcast_ref::<DataFusionError>()) {
                    Some(source) => failure::code_of(source),
                    None => failure::code_of_arrow(inner),
                };
            (code, inner.to_string())
        }
        BallistaError::IoError(inner) => (failure::code_of_io(inner), inner.to_string()),
        BallistaError::General(text) if text.contains("No space left on device") => {
            (ErrorCode::DiskFull, text.clone())
        }
        other => (ErrorCode::Internal, other.to_string()),
    }
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_string())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    format!("a task panicked: {}", text.unwrap_or_else(|| "no text".to_string()))
}

fn to_wire(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;

    fn failed(error: DataFusionError) -> FailedTask {
        failed_task(BallistaError::from(error))
    }

    fn code(failed: &FailedTask) -> ErrorCode {
        task_failure::decode(&failed.error).unwrap().0
    }

    #[test]
    fn memory_that_ran_out_ends_the_query_with_its_code() {
        let failed = failed(DataFusionError::ResourcesExhausted("the pool is empty".to_string()));
        assert_eq!(code(&failed), ErrorCode::MemoryExhausted);
        assert!(!failed.retryable);
    }

    #[test]
    fn a_full_disk_is_not_tried_again() {
        let failed = failed(DataFusionError::IoError(std::io::Error::from(ErrorKind::StorageFull)));
        assert_eq!(code(&failed), ErrorCode::DiskFull);
        assert!(!failed.retryable);
    }

    #[test]
    fn a_fault_of_the_storage_is_tried_again_some_times() {
        let failed =
            failed(DataFusionError::IoError(std::io::Error::from(ErrorKind::ConnectionReset)));
        assert!(failed.retryable && failed.count_to_failures);
        assert_eq!(failed.failed_reason, Some(FailedReason::IoError(IoError {})));
    }

    #[test]
    fn a_lost_input_is_left_to_ballista() {
        let failed = failed_task(BallistaError::FetchFailed(
            "gone".to_string(),
            2,
            1,
            "connection refused".to_string(),
        ));
        assert!(matches!(failed.failed_reason, Some(FailedReason::FetchPartitionError(_))));
    }
}
