//! What can go wrong on the durable tier.

use std::time::Duration;

use ballista_core::error::BallistaError;
use datafusion::error::DataFusionError;
use lakegate_common::{Coded, ErrorCode, cluster_token};
use lakegate_engine::distributable::NotDistributable;
use lakegate_engine::failure;
use lakegate_engine::security_barrier::ViewFailure;

/// A query of the durable tier that was refused, failed or was given up, or a tier that cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The plan would give wrong rows on executors.
    #[error("the plan cannot run on executors")]
    NotDistributable {
        /// What about it.
        #[from]
        source: NotDistributable,
    },
    /// Nobody is there to run it.
    #[error("no executor has joined")]
    NoExecutors,
    /// The executors are gone, and none came back in time.
    #[error("all executors are lost and none came back within {grace:?}")]
    ExecutorsGone {
        /// How long was waited.
        grace: Duration,
    },
    /// Executors were lost more often than the query may be run anew.
    #[error("executors were lost {attempts} times while the query ran; last: {reason}")]
    ExecutorLost {
        /// How often it was run.
        attempts: usize,
        /// What was noticed last.
        reason: String,
    },
    /// An executor was lost after its client had seen rows.
    #[error("an executor was lost while its results were read: {reason}")]
    ResultsLost {
        /// What was noticed.
        reason: String,
    },
    /// Nothing moved any more.
    #[error("the query made no progress for {waited:?}, {attempts} times")]
    Stuck {
        /// How long nothing moved.
        waited: Duration,
        /// How often it was run.
        attempts: usize,
    },
    /// A task failed in a way that running it again does not change.
    #[error("{text}")]
    Task {
        /// What it means.
        code: ErrorCode,
        /// What the executor said.
        text: String,
    },
    /// A task failed below a view whose inside the caller may not see.
    #[error(transparent)]
    View(#[from] ViewFailure),
    /// Ballista could not make a job of the plan.
    #[error("the plan cannot be divided into stages: {text}")]
    Stages {
        /// In its words.
        text: String,
    },
    /// Ballista failed in a way that we do not know.
    #[error("the job failed: {text}")]
    Job {
        /// In its words.
        text: String,
    },
    /// The query was cancelled, from outside or because the server stops.
    #[error("the query was cancelled")]
    Cancelled,
    /// Ballista's scheduler takes nothing any more.
    #[error("handing the plan to the scheduler of the durable tier")]
    Submit {
        /// The reason.
        #[source]
        source: BallistaError,
    },
    /// The join token cannot be used.
    #[error("using the cluster's join token")]
    Token {
        /// The reason.
        #[source]
        source: cluster_token::Error,
    },
    /// Threads or the port cannot be had.
    #[error("{action}")]
    Start {
        /// What was tried.
        action: &'static str,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
    /// Ballista refuses a setting of ours.
    #[error("settings of the durable tier")]
    Settings {
        /// The reason.
        #[source]
        source: DataFusionError,
    },
    /// Ballista's scheduler cannot be started.
    #[error("starting the scheduler of the durable tier")]
    Ballista {
        /// The reason.
        #[source]
        source: BallistaError,
    },
}

impl Coded for Error {
    fn code(&self) -> ErrorCode {
        match self {
            Self::NotDistributable { source } => source.code(),
            Self::NoExecutors => ErrorCode::NoExecutors,
            Self::ExecutorsGone { .. } | Self::ExecutorLost { .. } | Self::ResultsLost { .. } => {
                ErrorCode::ExecutorLost
            }
            Self::Stuck { .. } => ErrorCode::QueryStuck,
            Self::Task { code, .. } => *code,
            Self::View(failure) => failure.code(),
            Self::Stages { .. } => ErrorCode::PlanNotDistributable,
            Self::Cancelled => ErrorCode::QueryCancelled,
            Self::Submit { .. } => ErrorCode::Unavailable,
            Self::Token { source } => source.code(),
            Self::Start { .. } => ErrorCode::Unavailable,
            Self::Job { .. } | Self::Settings { .. } | Self::Ballista { .. } => ErrorCode::Internal,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NotDistributable { source } => source.hint(),
            Self::Stages { .. } => Some("SET lakegate.execution.tier = 'local'".to_string()),
            Self::NoExecutors | Self::ExecutorsGone { .. } => {
                Some("start one with: lakegate executor --scheduler HOST:PORT".to_string())
            }
            Self::Task { code: ErrorCode::MemoryExhausted, .. } => {
                Some("give the executors more memory, or start more of them".to_string())
            }
            Self::Task { code: ErrorCode::DiskFull, .. } => {
                Some("free space in the executors' data folders, or raise spill_limit".to_string())
            }
            Self::Task { code, .. } => failure::hint_for(*code).map(str::to_string),
            Self::Token { source } => source.hint(),
            Self::View(failure) => failure.hint(),
            _ => None,
        }
    }
}
