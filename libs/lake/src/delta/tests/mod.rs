//! Tables that the tests write themselves: commits as JSON, files with the Parquet writer.

mod columns;
mod pruning;
mod rows;
mod support;
mod versions;
