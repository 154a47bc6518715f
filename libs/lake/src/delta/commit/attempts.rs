//! One change of a table, tried until it is in the log or somebody's turn of it is over.

use std::sync::Arc;
use std::time::Duration;

use delta_kernel::transaction::{CommitResult, Transaction};
use delta_kernel::{KernelError, KernelResult};

use super::place::Place;
use super::{Change, Commits};
use crate::Error;
use crate::delta::failure::failure;
use crate::delta::guarded::LogEngine;
use crate::delta::{AsOf, DeltaLog, TableState};

/// Longest pause before the first new attempt; each further one may wait as long again.
const PAUSE: Duration = Duration::from_millis(20);
/// Commits after which a table gets a checkpoint that does not say itself.
const CHECKPOINT_INTERVAL: u64 = 100;

/// What leads from one version of a table to the next, whatever that one is.
pub(super) trait Step: Send + Sync + 'static {
    /// Refuses a version that it was not made for.
    ///
    /// # Errors
    /// Why not.
    fn check(&self, newest: &TableState) -> Result<(), Error>;

    /// What is to be committed on top of a version. Runs on a thread that may block.
    ///
    /// # Errors
    /// The log's rules do not allow it.
    fn transaction(
        &self,
        engine: &LogEngine,
        newest: &TableState,
        change: Change,
    ) -> KernelResult<Transaction>;
}

/// Where a change stands before an attempt.
enum Found {
    Committed(u64),
    Open(Arc<TableState>),
}

/// What became of one attempt.
enum Attempt {
    Committed {
        version: u64,
        /// Commits after the last checkpoint that is known here; there may be a newer one.
        since_checkpoint: u64,
    },
    /// Another writer has that version.
    Conflict,
    /// The store did not take it, or did and did not say so.
    Unclear(KernelError),
}

impl Commits {
    /// Takes `step` from the newest version; the version that has it first.
    ///
    /// # Errors
    /// Those of the step, [`Error::CommitContention`] after too many attempts,
    /// [`Error::CommitFailed`] where the store failed and does not tell whether it has the commit;
    /// after any other error it does not have it.
    pub(super) async fn take(&self, log: &DeltaLog, step: impl Step) -> Result<u64, Error> {
        let step: Arc<dyn Step> = Arc::new(step);
        let place = Place::of(log.root()).await;
        let turn = self.turn(&place);
        let _turn = turn.lock().await;
        let change = self.change(&place, log);
        let attempts_max = self.attempts_max.get();
        let mut unclear = None;
        for attempt in 0..=attempts_max {
            let found = self.look(log, &change, attempt).await;
            let newest = match (found, unclear.take()) {
                (Ok(Found::Committed(version)), _) => return Ok(version),
                (_, Some(error)) => {
                    let location = log.root().to_string();
                    return Err(Error::CommitFailed { location, source: Box::new(error) });
                }
                (Ok(Found::Open(newest)), None) => newest,
                // An attempt that found the version taken may have met itself.
                (Err(error), None) if attempt > 0 => {
                    let source = Box::new(KernelError::internal_error(error.to_string()));
                    return Err(Error::CommitFailed { location: log.root().to_string(), source });
                }
                (Err(error), None) => return Err(error),
            };
            if attempt == attempts_max {
                break;
            }
            step.check(&newest)?;
            match self.attempt(log, &newest, &step, &change).await? {
                Attempt::Committed { version, since_checkpoint } => {
                    checkpoint_when_due(log, &newest, version, since_checkpoint).await;
                    return Ok(version);
                }
                Attempt::Conflict => pause(attempt).await,
                // Looked for in the log once more before it is an error.
                Attempt::Unclear(error) => unclear = Some(error),
            }
        }
        Err(Error::CommitContention { location: log.root().to_string(), attempts: attempts_max })
    }

    /// Whether an earlier attempt is in the log after all; if not, what to go on from.
    async fn look(&self, log: &DeltaLog, change: &Change, attempt: usize) -> Result<Found, Error> {
        let newest = self.known.state(log, AsOf::Latest).await?;
        if attempt > 0 && is_committed(log, &newest, change).await? {
            return Ok(Found::Committed(newest.version()));
        }
        Ok(Found::Open(newest))
    }

    async fn attempt(
        &self,
        log: &DeltaLog,
        newest: &Arc<TableState>,
        step: &Arc<dyn Step>,
        change: &Change,
    ) -> Result<Attempt, Error> {
        let (state, step, change) = (Arc::clone(newest), Arc::clone(step), change.clone());
        let tried = log.try_read(move |engine, _| {
            let transaction = step.transaction(engine, &state, change)?;
            Ok(outcome(transaction.commit(engine)))
        });
        tried.await.map_err(|error| failure(log.root().url().as_str(), error))
    }
}

fn outcome(committed: KernelResult<CommitResult>) -> Attempt {
    match committed {
        Ok(CommitResult::Committed(committed)) => Attempt::Committed {
            version: committed.commit_version(),
            since_checkpoint: committed.post_commit_stats().commits_since_checkpoint,
        },
        Ok(CommitResult::Conflicted(_)) => Attempt::Conflict,
        Ok(CommitResult::Retryable(failed)) if is_conflict(&failed.error) => Attempt::Conflict,
        Ok(CommitResult::Retryable(failed)) => Attempt::Unclear(failed.error),
        Err(error) if is_conflict(&error) => Attempt::Conflict,
        Err(error) => Attempt::Unclear(error),
    }
}

/// Whether the log has the change. Later ones of the same application are not there: it makes the
/// next when this one is done.
async fn is_committed(
    log: &DeltaLog,
    newest: &Arc<TableState>,
    change: &Change,
) -> Result<bool, Error> {
    let snapshot = Arc::clone(&newest.snapshot);
    let Change { application, number, .. } = change.clone();
    let found = log.read(move |engine, _| snapshot.get_app_id_version(&application, engine));
    Ok(found.await? == Some(number))
}

/// Whether the store says that the version is there already. Azure says it by another word.
fn is_conflict(error: &KernelError) -> bool {
    use object_store::Error as Store;
    match error {
        KernelError::Backtraced { source, .. } => is_conflict(source),
        KernelError::ObjectStore(error) => {
            matches!(error, Store::AlreadyExists { .. } | Store::Precondition { .. })
        }
        _ => false,
    }
}

/// Writes a checkpoint, which spares readers the commits before it, when there is none among the
/// last commits of the table's interval. The rows are safe without it.
async fn checkpoint_when_due(
    log: &DeltaLog,
    state: &TableState,
    version: u64,
    since_checkpoint: u64,
) {
    let interval = state.snapshot.table_properties().checkpoint_interval;
    let interval = interval.map_or(CHECKPOINT_INTERVAL, std::num::NonZero::get);
    if since_checkpoint < interval {
        return;
    }
    // States go on from version to version and rarely look for checkpoints, those that were
    // written here among them: the log is asked.
    if log.last_checkpoint().await.is_some_and(|last| version.saturating_sub(last) < interval) {
        return;
    }
    if let Err(error) = log.write_checkpoint().await {
        tracing::warn!(table = %log.root(), %error, "a checkpoint was not written");
    }
}

/// Waits for a random time, so that writers in each other's way come apart.
async fn pause(attempt: usize) {
    let longest =
        PAUSE.saturating_mul(u32::try_from(attempt).unwrap_or(u32::MAX).saturating_add(1));
    tokio::time::sleep(longest.mul_f64(rand::random())).await;
}
