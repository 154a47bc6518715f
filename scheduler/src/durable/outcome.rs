//! What the end of a job means, and whether running the query again may help.

use std::time::Duration;

use lakegate_common::ErrorCode;
use lakegate_engine::task_failure::{self, broken_connection};

use super::Error;

/// How a job ended that gave no rows.
#[derive(Debug)]
pub(super) enum End {
    /// Ballista failed it, in these words.
    Failed(String),
    /// Nothing moved for so long.
    Stuck(Duration),
    /// Nobody was there for so long.
    Forsaken(Duration),
    /// Its results could not be fetched, for this reason.
    ResultsLost(String),
    /// A stage reads something else than its inputs wrote.
    Inconsistent(String),
    /// Ballista knows it no more.
    Forgotten,
}

/// What to do after it.
#[derive(Debug)]
pub(super) enum Next {
    /// Run the query anew.
    Rerun(String),
    /// Tell the client.
    Fail(Error),
}

/// Decides; `attempts` is how often the query was run so far.
pub(super) fn decide(end: End, attempts: usize, reruns_max: usize) -> Next {
    let again = attempts <= reruns_max;
    match end {
        End::Failed(text) => match meaning(&text) {
            Meaning::Final(error) => Next::Fail(error),
            Meaning::ExecutorLost if again => Next::Rerun(text),
            Meaning::ExecutorLost => Next::Fail(Error::ExecutorLost { attempts, reason: text }),
        },
        // A second standstill is no accident.
        End::Stuck(waited) if again && attempts == 1 => {
            Next::Rerun(format!("nothing moved for {waited:?}"))
        }
        End::Stuck(waited) => Next::Fail(Error::Stuck { waited, attempts }),
        End::Forsaken(grace) => Next::Fail(Error::ExecutorsGone { grace }),
        End::ResultsLost(reason) | End::Inconsistent(reason) if again => Next::Rerun(reason),
        End::ResultsLost(reason) | End::Inconsistent(reason) => {
            Next::Fail(Error::ExecutorLost { attempts, reason })
        }
        End::Forgotten if again && attempts == 1 => {
            Next::Rerun("the scheduler lost the job".to_string())
        }
        End::Forgotten => Next::Fail(Error::Job { text: "the scheduler lost the job".to_string() }),
    }
}

enum Meaning {
    Final(Error),
    ExecutorLost,
}

/// Ballista gives only a text; ours come first, then its own, by the words that mark them.
fn meaning(text: &str) -> Meaning {
    if broken_connection(text).is_some() {
        return Meaning::ExecutorLost;
    }
    if let Some((code, text)) = task_failure::decode(text) {
        return Meaning::Final(Error::Task { code, text });
    }
    let has = |words: &str| text.contains(words);
    if has("Shuffle fetch partition error")
        || has("FetchPartitionError")
        || has("all executors were lost")
        || has("times, most recent failure reason")
    {
        return Meaning::ExecutorLost;
    }
    let error = if text == "Cancelled" {
        Error::Cancelled
    } else if has("Null-aware anti join")
        || has("Range-partitioned")
        || has("Error planning job")
        || has("could not be prepared")
    {
        Error::Stages { text: text.to_string() }
    } else if has("No space left on device") {
        Error::Task { code: ErrorCode::DiskFull, text: text.to_string() }
    } else {
        Error::Job { text: text.to_string() }
    };
    Meaning::Final(error)
}

#[cfg(test)]
mod tests {
    use lakegate_common::Coded;

    use super::*;

    fn code(end: End, attempts: usize) -> Option<ErrorCode> {
        match decide(end, attempts, 3) {
            Next::Rerun(_) => None,
            Next::Fail(error) => Some(error.code()),
        }
    }

    fn failed(text: &str) -> End {
        End::Failed(text.to_string())
    }

    #[test]
    fn a_failure_of_the_data_is_told_with_its_code_and_not_repeated() {
        for known in [
            ErrorCode::MemoryExhausted,
            ErrorCode::DiskFull,
            ErrorCode::DataError,
            ErrorCode::StorageError,
            ErrorCode::InvalidFile,
        ] {
            let text = format!(
                "Job failed due to stage 2 failed: {}\n",
                task_failure::encode(known, "because")
            );
            assert_eq!(code(failed(&text), 1), Some(known));
        }
    }

    #[test]
    fn a_fault_of_the_storage_keeps_its_code_through_ballistas_retries() {
        let inner = task_failure::encode(ErrorCode::StorageError, "reset");
        let text = format!(
            "Task 1 in Stage 2 failed 4 times, fail the stage, most recent failure reason: {inner:?}"
        );
        assert_eq!(code(failed(&text), 1), Some(ErrorCode::StorageError));
    }

    #[test]
    fn a_connection_that_breaks_in_the_middle_of_a_file_is_no_fault_of_the_data() {
        let inner = task_failure::encode(
            ErrorCode::DataError,
            "Arrow error: Ipc error: code: 'Unknown error', message: \"h2 protocol error: error \
             reading a body from connection\"",
        );
        let text = format!("Job failed due to stage 3 failed: {inner}\n");
        assert_eq!(code(failed(&text), 1), None);
        assert_eq!(code(failed(&text), 4), Some(ErrorCode::ExecutorLost));
    }

    #[test]
    fn lost_inputs_are_made_again_a_number_of_times() {
        let text = "Stage 3 has failed 4 times, most recent failure reason: \"connection refused\"";
        assert_eq!(code(failed(text), 1), None);
        assert_eq!(code(failed(text), 3), None);
        assert_eq!(code(failed(text), 4), Some(ErrorCode::ExecutorLost));
    }

    #[test]
    fn a_standstill_is_tried_again_once() {
        assert_eq!(code(End::Stuck(Duration::from_secs(1)), 1), None);
        assert_eq!(code(End::Stuck(Duration::from_secs(1)), 2), Some(ErrorCode::QueryStuck));
    }

    #[test]
    fn results_that_are_lost_before_a_row_was_seen_are_made_again() {
        assert_eq!(code(End::ResultsLost("refused".to_string()), 1), None);
        assert_eq!(code(End::ResultsLost("refused".to_string()), 4), Some(ErrorCode::ExecutorLost));
    }

    #[test]
    fn rows_that_would_come_twice_are_never_given_out() {
        assert_eq!(code(End::Inconsistent("twice".to_string()), 1), None);
        assert_eq!(code(End::Inconsistent("twice".to_string()), 4), Some(ErrorCode::ExecutorLost));
    }

    #[test]
    fn an_empty_fleet_fails_the_query() {
        assert_eq!(code(End::Forsaken(Duration::from_secs(1)), 1), Some(ErrorCode::ExecutorLost));
    }

    #[test]
    fn a_plan_that_ballista_refuses_is_not_repeated() {
        assert_eq!(
            code(failed("General error: Null-aware anti join requires single-task execution"), 1),
            Some(ErrorCode::PlanNotDistributable)
        );
        assert_eq!(code(failed("Cancelled"), 1), Some(ErrorCode::QueryCancelled));
    }
}
