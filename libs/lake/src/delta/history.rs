//! What was done to a table, commit by commit.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use delta_kernel::KernelError;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use serde_json::Value;

use super::failure::failure;
use super::{AsOf, DeltaLog};
use crate::Error;

/// Commits read at a time.
const COMMITS_AT_ONCE: usize = 16;
/// Where in a commit the information about it nearly always stands. Only if it does not is the
/// whole commit read, which may name a million files.
const HEAD_BYTES: u64 = 64 << 10;
/// Digits of a version in the name of its commit.
const VERSION_DIGITS: usize = 20;

/// One commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The version that it made.
    pub version: u64,
    /// When, in milliseconds since 1970-01-01 UTC: as the commit itself says where the table has
    /// in-commit timestamps, else as the store says of its file.
    pub timestamp: i64,
    /// Whether the time is the commit's own word.
    pub in_commit: bool,
    /// Such as `WRITE` or `MERGE`.
    pub operation: Option<String>,
    /// The operation's parameters, as a JSON object.
    pub parameters: Option<String>,
    /// The operation's metrics, as a JSON object.
    pub metrics: Option<String>,
    /// Identifier of who committed.
    pub user_id: Option<String>,
    /// Name of who committed.
    pub user_name: Option<String>,
    /// What software committed.
    pub engine: Option<String>,
    /// Whether rows were only added, without a look at others.
    pub is_blind_append: Option<bool>,
}

impl DeltaLog {
    /// The newest `limit` commits whose log is still there, newest first.
    ///
    /// # Errors
    /// As [`DeltaLog::open`].
    pub async fn history(&self, limit: usize) -> Result<Vec<Commit>, Error> {
        let mut commits = self.commit_files(0, u64::MAX).await?;
        if commits.is_empty() {
            // A checkpoint may have outlived all commits.
            self.open(AsOf::Latest).await?;
        }
        commits.reverse();
        commits.truncate(limit);
        self.commits(commits).await
    }

    /// The commits from version `from` to version `to`, oldest first, as far as they are there.
    ///
    /// # Errors
    /// As [`DeltaLog::history`].
    pub(super) async fn history_between(&self, from: u64, to: u64) -> Result<Vec<Commit>, Error> {
        let commits = self.commit_files(from, to).await?;
        self.commits(commits).await
    }

    async fn commits(&self, files: Vec<(u64, ObjectMeta)>) -> Result<Vec<Commit>, Error> {
        futures::stream::iter(files)
            .map(|(version, file)| self.commit(version, file))
            .buffered(COMMITS_AT_ONCE)
            .try_collect()
            .await
    }

    async fn commit_files(&self, from: u64, to: u64) -> Result<Vec<(u64, ObjectMeta)>, Error> {
        let folder = self.root().folder().clone().join("_delta_log");
        let before = folder.clone().join(format!("{from:0VERSION_DIGITS$}"));
        let mut listing = self.store().list_with_offset(Some(&folder), &before);
        let mut commits = Vec::new();
        while let Some(file) = listing.try_next().await.map_err(|error| self.unreadable(error))? {
            match version_of(&file.location, &folder) {
                Some(version) if (from..=to).contains(&version) => commits.push((version, file)),
                _ => {}
            }
        }
        commits.sort_by_key(|(version, _)| *version);
        Ok(commits)
    }

    async fn commit(&self, version: u64, file: ObjectMeta) -> Result<Commit, Error> {
        if file.size == 0 {
            return Ok(Commit::of(version, &file, &Value::Null));
        }
        let head = 0..file.size.min(HEAD_BYTES);
        let whole = head.end == file.size;
        let read = self.store().get_range(&file.location, head).await;
        let mut info = commit_info(&read.map_err(|error| self.unreadable(error))?);
        if info.is_none() && !whole {
            let all = self.store().get(&file.location).await;
            let all = all.map_err(|error| self.unreadable(error))?.bytes().await;
            info = commit_info(&all.map_err(|error| self.unreadable(error))?);
        }
        Ok(Commit::of(version, &file, &info.unwrap_or_default()))
    }

    fn unreadable(&self, error: object_store::Error) -> Error {
        failure(self.root().url().as_str(), KernelError::ObjectStore(error))
    }
}

impl Commit {
    fn of(version: u64, file: &ObjectMeta, info: &Value) -> Self {
        let text = |key: &str| info.get(key).and_then(Value::as_str).map(str::to_string);
        let json = |key: &str| info.get(key).filter(|value| !value.is_null()).map(Value::to_string);
        let in_commit = info.get("inCommitTimestamp").and_then(Value::as_i64);
        Self {
            version,
            timestamp: in_commit.unwrap_or_else(|| file.last_modified.timestamp_millis()),
            in_commit: in_commit.is_some(),
            operation: text("operation"),
            parameters: json("operationParameters"),
            metrics: json("operationMetrics"),
            user_id: text("userId"),
            user_name: text("userName"),
            engine: text("engineInfo"),
            is_blind_append: info.get("isBlindAppend").and_then(Value::as_bool),
        }
    }
}

/// Columns of a history.
pub fn history_schema() -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![
        Field::new("version", DataType::Int64, true),
        Field::new("timestamp", time, true),
        text("operation"),
        text("operation_parameters"),
        text("operation_metrics"),
        text("user_id"),
        text("user_name"),
        text("engine_info"),
        Field::new("is_blind_append", DataType::Boolean, true),
    ]))
}

/// A history as rows of [`history_schema`].
///
/// # Errors
/// Arrow's own.
pub fn history_rows(commits: &[Commit]) -> Result<RecordBatch, ArrowError> {
    let text = |of: fn(&Commit) -> &Option<String>| -> ArrayRef {
        Arc::new(commits.iter().map(|commit| of(commit).as_deref()).collect::<StringArray>())
    };
    let versions = commits.iter().map(|commit| i64::try_from(commit.version).ok());
    let times = commits.iter().map(|commit| commit.timestamp.saturating_mul(1_000));
    let times = TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC");
    let blind = commits.iter().map(|commit| commit.is_blind_append).collect::<BooleanArray>();
    RecordBatch::try_new(
        history_schema(),
        vec![
            Arc::new(versions.collect::<Int64Array>()),
            Arc::new(times),
            text(|commit| &commit.operation),
            text(|commit| &commit.parameters),
            text(|commit| &commit.metrics),
            text(|commit| &commit.user_id),
            text(|commit| &commit.user_name),
            text(|commit| &commit.engine),
            Arc::new(blind),
        ],
    )
}

/// The version whose commit this file is.
fn version_of(file: &Path, folder: &Path) -> Option<u64> {
    let mut parts = file.prefix_match(folder)?;
    let name = parts.next()?;
    let digits = name.as_ref().strip_suffix(".json")?;
    let is_version = digits.len() == VERSION_DIGITS && parts.next().is_none();
    is_version.then(|| digits.parse().ok()).flatten()
}

/// The information about itself in the beginning of a commit, whose last line may be cut.
fn commit_info(commit: &[u8]) -> Option<Value> {
    commit.split(|byte| *byte == b'\n').find_map(|line| {
        let mut action: Value = serde_json::from_slice(line).ok()?;
        action.get_mut("commitInfo").map(Value::take)
    })
}
