//! A table's log: opening a version, and going on from a version that is known.

use std::sync::Arc;

use datafusion::execution::session_state::SessionState;
use delta_kernel::cancellation::CancellationTokenRef;
use delta_kernel::history_manager::{HistoryCommitType, first_version_after, latest_version_as_of};
use delta_kernel::{FileMeta, KernelResult, Snapshot, SnapshotRef};
use lakegate_common::ErrorCode;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use serde::Deserialize;

use super::TableRoot;
use super::blocking::blocking;
use super::failure::{failure, newest_failure, version_failure};
use super::files::{FileList, added_files, all_files};
use super::guarded::{KnownCommits, LogEngine};
use super::schema::DeltaSchema;
use super::writable::writable;
use crate::{Error, code_of_store};

/// Commits since the known version up to which going on beats reading anew.
const INCREMENTAL_COMMITS_MAX: u64 = 1_000;

/// Commits after its checkpoint that a state names before it looks for a newer checkpoint.
const COMMITS_AFTER_CHECKPOINT_MAX: u64 = 100;

/// Bytes of what writers say of the newest checkpoint; where they say more, they are not heard.
const LAST_CHECKPOINT_BYTES_MAX: u64 = 1 << 20;

/// What going on from a version does with checkpoints written since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Checkpoints {
    /// Goes on from them; the commits before them are then not at hand.
    Adopt,
    /// Reads the commits.
    Leave,
}

/// Whether a state has gone far from its checkpoint. It looks for a newer one only now and then.
fn looks_for_checkpoint(snapshot: &Snapshot) -> bool {
    let checkpoint = snapshot.log_segment().checkpoint_version.unwrap_or_default();
    let commits = snapshot.version().saturating_sub(checkpoint);
    commits >= COMMITS_AFTER_CHECKPOINT_MAX
        && snapshot.version().is_multiple_of(COMMITS_AFTER_CHECKPOINT_MAX)
}

/// What writers say of the newest checkpoint, where a log has one.
#[derive(Deserialize)]
struct LastCheckpoint {
    version: u64,
}

/// Whether a file is the one that was listed. Of a single file some stores tell the time in whole
/// seconds.
fn is_file(found: &ObjectMeta, listed: &FileMeta) -> bool {
    let found_at = found.last_modified.timestamp_millis();
    let listed_at = match found_at.rem_euclid(1_000) {
        0 => listed.last_modified - listed.last_modified.rem_euclid(1_000),
        _ => listed.last_modified,
    };
    found.size == listed.size && found_at == listed_at
}

/// Which version of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsOf {
    /// The newest that there is.
    Latest,
    /// This one.
    Version(u64),
    /// The newest that is not younger than this time, in milliseconds since 1970-01-01 UTC.
    Timestamp(i64),
}

/// Reads the log of one table.
#[derive(Clone)]
pub struct DeltaLog {
    root: TableRoot,
    /// The folder as it is named, where links lead on from there.
    named: Option<Path>,
    store: Arc<dyn ObjectStore>,
    /// In whose name commits are made.
    user: Option<Arc<str>>,
}

/// One version of a table: what its protocol, schema and files are. It never changes.
#[derive(Debug)]
pub struct TableState {
    pub(super) root: TableRoot,
    pub(super) snapshot: SnapshotRef,
    /// The columns.
    pub(super) schema: DeltaSchema,
    /// The files.
    pub(super) files: FileList,
}

/// What has become of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It is the newest.
    Newest,
    /// There are newer ones.
    Old,
    /// Another table lies at the place.
    Replaced,
}

impl TableState {
    /// The version that this is.
    pub fn version(&self) -> u64 {
        self.snapshot.version()
    }

    /// Where the table lies.
    pub fn root(&self) -> &TableRoot {
        &self.root
    }

    /// The columns.
    pub fn schema(&self) -> &DeltaSchema {
        &self.schema
    }

    /// Number of data files.
    pub fn file_count(&self) -> usize {
        self.files.len()
    }

    /// What tells the table from another one at its place.
    pub(super) fn table_id(&self) -> &str {
        self.snapshot.table_configuration().metadata().id()
    }

    /// The table's properties, such as `delta.appendOnly`.
    pub fn properties(&self) -> &std::collections::HashMap<String, String> {
        self.snapshot.metadata_configuration()
    }

    /// Bytes that this state holds, about.
    pub fn memory(&self) -> usize {
        self.files.memory() + self.snapshot.estimated_owned_heap_size_bytes()
    }
}

impl DeltaLog {
    /// The log of the table at `root`, in `store`.
    pub fn new(store: Arc<dyn ObjectStore>, root: TableRoot) -> Self {
        Self { root, named: None, store, user: None }
    }

    /// The log of the table at `root`, to which links may lead, in the store that the session has
    /// for it.
    ///
    /// # Errors
    /// [`Error::UnknownScheme`] where the session has none.
    pub fn in_session(state: &SessionState, root: TableRoot) -> Result<Self, Error> {
        let url = root.object_store_url()?;
        let store = state.runtime_env().object_store(&url).map_err(|_| Error::UnknownScheme {
            scheme: root.url().scheme().to_string(),
            location: root.to_string(),
        })?;
        let named = root.folder().clone();
        let root = root.followed();
        let named = (named != *root.folder()).then_some(named);
        Ok(Self { named, ..Self::new(store, root) })
    }

    /// The same log; commits to it tell that `user` has made them.
    #[must_use]
    pub fn written_by(self, user: &str) -> Self {
        Self { user: Some(user.into()), ..self }
    }

    /// In whose name commits are made, if that is known.
    pub(super) fn user(&self) -> Option<&Arc<str>> {
        self.user.as_ref()
    }

    /// Where the table lies.
    pub fn root(&self) -> &TableRoot {
        &self.root
    }

    /// Reads one version from the start.
    ///
    /// # Errors
    /// [`Error::NotDelta`], [`Error::VersionNotFound`], [`Error::TimestampOutOfRange`],
    /// [`Error::UnsupportedFeature`], [`Error::CorruptLog`], [`Error::UnreadableLog`].
    pub async fn open(&self, as_of: AsOf) -> Result<Arc<TableState>, Error> {
        self.check_named().await?;
        let version = match as_of {
            AsOf::Latest => None,
            AsOf::Version(version) => Some(version),
            AsOf::Timestamp(time) => {
                let latest = self.snapshot(None).await?;
                Some(self.version_at(latest, time).await?)
            }
        };
        let snapshot = self.snapshot(version).await?;
        self.state_of(snapshot).await
    }

    /// The newest version, going on from `known`; `known` itself where nothing has happened since.
    ///
    /// # Errors
    /// As [`DeltaLog::open`].
    pub async fn refresh(&self, known: &Arc<TableState>) -> Result<Arc<TableState>, Error> {
        self.check_named().await?;
        match self.standing(known).await? {
            Standing::Newest => return Ok(Arc::clone(known)),
            Standing::Replaced => return self.open(AsOf::Latest).await,
            Standing::Old => {}
        }
        let adopts = looks_for_checkpoint(&known.snapshot);
        if adopts
            && self.has_newer_checkpoint(known).await
            && let Some(state) = self.gone_on(known, Checkpoints::Adopt).await?
        {
            return Ok(state);
        }
        match self.gone_on(known, Checkpoints::Leave).await? {
            Some(state) => Ok(state),
            None => self.open(AsOf::Latest).await,
        }
    }

    /// Refuses a table to which links lead over the border of a location, as the store knows it.
    async fn check_named(&self) -> Result<(), Error> {
        let Some(named) = &self.named else { return Ok(()) };
        // A folder is no object, and its name is looked at first.
        match self.store.head(named).await {
            Err(error) if code_of_store(&error) == ErrorCode::PermissionDenied => {
                Err(failure(self.root.url().as_str(), error.into()))
            }
            _ => Ok(()),
        }
    }

    /// The newest version from what came after `known`; `None` where that does not tell it.
    async fn gone_on(
        &self,
        known: &Arc<TableState>,
        checkpoints: Checkpoints,
    ) -> Result<Option<Arc<TableState>>, Error> {
        let base = Arc::clone(&known.snapshot);
        let engine = self.engine();
        let newest = blocking(move |token| {
            let builder = Snapshot::builder_from(Arc::clone(&base)).with_cancellation_token(token);
            match checkpoints {
                Checkpoints::Adopt => builder.build(&engine),
                Checkpoints::Leave => {
                    let engine = engine.knowing(KnownCommits::of(&base)?);
                    builder.skip_new_checkpoints().build(&engine)
                }
            }
        });
        let newest = newest.await.map_err(|error| failure(self.root.url().as_str(), error))?;
        let commits = newest.version().saturating_sub(known.version());
        if commits == 0 {
            return Ok(Some(Arc::clone(known)));
        }
        let schema = DeltaSchema::of(&self.root, &newest)?;
        if commits > INCREMENTAL_COMMITS_MAX || schema != known.schema {
            return Ok(None);
        }
        let reads = (Arc::clone(known), Arc::clone(&newest));
        let changed = self.read(move |engine, _| added_files(engine, &reads.0, &reads.1)).await?;
        changed.map(|files| self.held(newest, schema, files, &known.files)).transpose()
    }

    /// What has become of a version since it was read. Two requests, whatever the log's length.
    async fn standing(&self, known: &TableState) -> Result<Standing, Error> {
        let Some(commit) = &known.snapshot.log_segment().listed.latest_commit_file else {
            return Ok(Standing::Old);
        };
        let next = known.version().saturating_add(1);
        let (own, next) = tokio::join!(self.commit_file(known.version()), self.commit_file(next));
        Ok(match (own?, next?) {
            (Some(own), next) if is_file(&own, &commit.location) => match next {
                Some(_) => Standing::Old,
                None => Standing::Newest,
            },
            _ => Standing::Replaced,
        })
    }

    /// Whether there is a checkpoint after that of a version, as far as writers say. To go on from
    /// it, the log is listed; without it, the commits are read as well.
    async fn has_newer_checkpoint(&self, known: &TableState) -> bool {
        let own = known.snapshot.log_segment().checkpoint_version;
        let last = self.last_checkpoint().await;
        last.is_some_and(|last| own.is_none_or(|own| last > own))
    }

    /// The version of the newest checkpoint, as far as writers say. One request.
    pub(super) async fn last_checkpoint(&self) -> Option<u64> {
        let file = self.root.folder().clone().join("_delta_log").join("_last_checkpoint");
        let found = self.store.get(&file).await.ok()?;
        if found.meta.size > LAST_CHECKPOINT_BYTES_MAX {
            return None;
        }
        let text = found.bytes().await.ok()?;
        let last: LastCheckpoint = serde_json::from_slice(&text).ok()?;
        Some(last.version)
    }

    /// The file of a version's commit, if there is one.
    async fn commit_file(&self, version: u64) -> Result<Option<ObjectMeta>, Error> {
        let folder = self.root.folder().clone().join("_delta_log");
        match self.store.head(&folder.join(format!("{version:020}.json"))).await {
            Ok(file) => Ok(Some(file)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failure(self.root.url().as_str(), error.into())),
        }
    }

    /// The newest version that is not younger than `time`, in milliseconds since 1970-01-01 UTC,
    /// by in-commit timestamps where the table has them.
    ///
    /// # Errors
    /// [`Error::TimestampOutOfRange`] before the first version that can still be read.
    pub async fn version_as_of(&self, latest: &TableState, time: i64) -> Result<u64, Error> {
        self.version_at(Arc::clone(&latest.snapshot), time).await
    }

    /// The oldest version that is not older than `time`, in milliseconds since 1970-01-01 UTC.
    ///
    /// # Errors
    /// [`Error::TimestampOutOfRange`] after the newest version.
    pub(super) async fn version_since(&self, latest: &TableState, time: i64) -> Result<u64, Error> {
        let latest = Arc::clone(&latest.snapshot);
        self.read(move |engine, _| {
            first_version_after(&latest, engine, time, HistoryCommitType::Published)
                .map(|commit| commit.version)
        })
        .await
    }

    async fn version_at(&self, latest: SnapshotRef, time: i64) -> Result<u64, Error> {
        self.read(move |engine, _| {
            latest_version_as_of(&latest, engine, time, HistoryCommitType::Recreatable)
                .map(|commit| commit.version)
        })
        .await
    }

    async fn snapshot(&self, version: Option<u64>) -> Result<SnapshotRef, Error> {
        let url = self.root.to_string();
        let built = self.try_read(move |engine, token| {
            let builder = Snapshot::builder_for(url).with_cancellation_token(token);
            match version {
                Some(version) => builder.at_version(version).build(engine),
                None => builder.build(engine),
            }
        });
        built.await.map_err(|error| match version {
            Some(version) => version_failure(self.root.url().as_str(), version, error),
            None => newest_failure(self.root.url().as_str(), error),
        })
    }

    async fn state_of(&self, snapshot: SnapshotRef) -> Result<Arc<TableState>, Error> {
        let schema = DeltaSchema::of(&self.root, &snapshot)?;
        let reads = (Arc::clone(&snapshot), schema.clone());
        let files =
            self.read(move |engine, token| all_files(engine, &reads.0, &reads.1, token)).await?;
        self.held(snapshot, schema, files, &FileList::default())
    }

    /// A state all of whose files may be read; those of `known` may.
    fn held(
        &self,
        snapshot: SnapshotRef,
        schema: DeltaSchema,
        files: FileList,
        known: &FileList,
    ) -> Result<Arc<TableState>, Error> {
        files.check_places(&self.root, known)?;
        Ok(Arc::new(TableState { root: self.root.clone(), snapshot, schema, files }))
    }

    /// Writes a checkpoint of the newest version.
    ///
    /// # Errors
    /// [`Error::CommitFailed`]; the table is as good without.
    pub(super) async fn write_checkpoint(&self) -> Result<(), Error> {
        let url = self.root.to_string();
        let written = self.try_read(move |engine, _| {
            let newest = writable(Snapshot::builder_for(url).build(engine)?)?;
            newest.checkpoint(engine.unguarded(), None).map(drop)
        });
        written.await.map_err(|source| Error::CommitFailed {
            location: self.root.to_string(),
            source: Box::new(source),
        })
    }

    /// The store that holds the table.
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// What reads the log on threads that may block, for the runtime that the caller is on.
    pub(super) fn engine(&self) -> LogEngine {
        LogEngine::new(Arc::clone(&self.store), &self.root)
    }

    pub(super) async fn read<R, F>(&self, work: F) -> Result<R, Error>
    where
        R: Send + 'static,
        F: FnOnce(&LogEngine, CancellationTokenRef) -> KernelResult<R> + Send + 'static,
    {
        self.try_read(work).await.map_err(|error| failure(self.root.url().as_str(), error))
    }

    pub(super) async fn try_read<R, F>(&self, work: F) -> KernelResult<R>
    where
        R: Send + 'static,
        F: FnOnce(&LogEngine, CancellationTokenRef) -> KernelResult<R> + Send + 'static,
    {
        let engine = self.engine();
        blocking(move |token| work(&engine, token)).await
    }
}
