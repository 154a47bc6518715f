//! Adding files to a table.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use delta_kernel::committer::FileSystemCommitter;
use delta_kernel::transaction::{CommitResult, Transaction, UpdateTableOperation};
use delta_kernel::{Engine, KernelError, KernelResult, SnapshotRef};

use super::adds::adds;
use super::info::{metrics, user_info};
use super::place::Place;
use super::{Change, Commits, ENGINE};
use crate::Error;
use crate::delta::failure::failure;
use crate::delta::writable::writable;
use crate::delta::{AsOf, DeltaLog, TableState};
use crate::write::WrittenFile;

/// Longest pause before the first new attempt; each further one may wait as long again.
const PAUSE: Duration = Duration::from_millis(20);
/// Commits after which a table gets a checkpoint that does not say itself.
const CHECKPOINT_INTERVAL: u64 = 100;

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
    /// Makes `files`, which were written for the table as `base` has it, part of the table; the
    /// version that has them first. Without files nothing is done. `is_blind` says that they were
    /// made without a look at the table.
    ///
    /// # Errors
    /// [`Error::TableChanged`] where the table's columns are others by now,
    /// [`Error::UnsupportedFeature`] where the table's protocol requires of writers what is not
    /// done here, [`Error::CommitContention`] after too many attempts, [`Error::CommitFailed`]
    /// where the store failed and does not tell whether it has the commit; after any other error
    /// none of the files is part of the table.
    pub async fn append(
        &self,
        log: &DeltaLog,
        base: &Arc<TableState>,
        files: Vec<WrittenFile>,
        is_blind: bool,
    ) -> Result<u64, Error> {
        if files.is_empty() {
            return Ok(base.version());
        }
        let files = Arc::new(files);
        let place = Place::of(log.root()).await;
        let turn = self.turn(&place);
        let _turn = turn.lock().await;
        let change = self.change(&place, log, is_blind);
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
            if !same_table(base, &newest) {
                return Err(Error::TableChanged { location: log.root().to_string() });
            }
            match self.attempt(log, &newest, &files, &change).await? {
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

    /// Refuses a table to which nothing can be added here.
    ///
    /// # Errors
    /// [`Error::UnsupportedFeature`] where the table's protocol requires of writers what is not
    /// done here.
    pub async fn check_writable(&self, log: &DeltaLog, state: &TableState) -> Result<(), Error> {
        let snapshot = SnapshotRef::clone(&state.snapshot);
        log.read(move |engine, _| begin(engine, snapshot, None).map(drop)).await
    }

    /// Whether an earlier attempt is in the log after all; if not, what to add to.
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
        files: &Arc<Vec<WrittenFile>>,
        change: &Change,
    ) -> Result<Attempt, Error> {
        let (state, files, change) = (Arc::clone(newest), Arc::clone(files), change.clone());
        let tried = log.try_read(move |engine, _| try_append(engine, &state, &files, change)).await;
        tried.map_err(|error| failure(log.root().url().as_str(), error))
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

fn begin(
    engine: &dyn Engine,
    snapshot: SnapshotRef,
    change: Option<Change>,
) -> KernelResult<Transaction> {
    let mut builder = writable(snapshot)?
        .update_table(UpdateTableOperation::Write, ENGINE, true)
        .with_operation_parameters([("mode", Some("Append"))]);
    if let Some(Change { application, number, user, is_blind }) = change {
        builder = builder.with_transaction_id(application, number);
        if let Some(user) = user {
            let (info, schema) = user_info(&user)?;
            builder = builder.with_commit_info(info, schema);
        }
        if is_blind {
            builder = builder.with_blind_append();
        }
    }
    builder.build(engine, Box::new(FileSystemCommitter::new()))
}

fn try_append(
    engine: &dyn Engine,
    state: &TableState,
    files: &[WrittenFile],
    change: Change,
) -> KernelResult<Attempt> {
    let snapshot = SnapshotRef::clone(&state.snapshot);
    let mut transaction =
        begin(engine, snapshot, Some(change))?.with_operation_metrics(metrics(files));
    let partitions = state.schema.partitions().iter();
    let names: Vec<_> =
        partitions.map(|column| state.schema.logged_name(*column).to_string()).collect();
    let statistics = transaction.stats_schema()?;
    transaction.add_files(adds(&state.root, &names, &statistics, files, now_ms())?);
    Ok(match transaction.commit(engine) {
        Ok(CommitResult::Committed(committed)) => Attempt::Committed {
            version: committed.commit_version(),
            since_checkpoint: committed.post_commit_stats().commits_since_checkpoint,
        },
        Ok(CommitResult::Conflicted(_)) => Attempt::Conflict,
        Ok(CommitResult::Retryable(failed)) if is_conflict(&failed.error) => Attempt::Conflict,
        Ok(CommitResult::Retryable(failed)) => Attempt::Unclear(failed.error),
        Err(error) if is_conflict(&error) => Attempt::Conflict,
        Err(error) => Attempt::Unclear(error),
    })
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

/// Whether files that were written for one state fit the other.
fn same_table(base: &TableState, newest: &TableState) -> bool {
    base.schema == newest.schema && base.table_id() == newest.table_id()
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

pub(super) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
