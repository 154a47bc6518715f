//! Tables that the tests write themselves: commits as JSON, files with the Parquet writer.

mod changes;
mod checkpoints;
mod columns;
mod commits;
mod contention;
mod links;
mod pruning;
mod replacing;
mod rows;
pub(super) mod support;
mod versions;
