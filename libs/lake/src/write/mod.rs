//! Writing rows to files: by a plan node that runs wherever plans run, one writer a partition.
//!
//! [`FileWrite`] says what is written where, [`FileWriteExec`] does it and returns a row for each
//! file, [`WrittenFile`] is such a row. Nobody sees the files until whoever asked for them has put
//! them down somewhere: a table's log ([`crate::delta`]) or, for plain files, the folder itself.

mod dictionaries;
mod encoder;
mod exec;
mod outgoing;
mod partitions;
mod required;
mod rolling;
mod sink;
mod spec;
mod statistics;
#[cfg(test)]
mod tests;
mod unfinished;
mod upload;
mod writer;
mod written;

pub use exec::FileWriteExec;
pub use partitions::parts_files;
pub use sink::FileSink;
pub use spec::{FileFormat, FileLayout, FileWrite, WriteLimits};
pub use unfinished::remove_files;
pub use written::{WrittenFile, written_schema};
