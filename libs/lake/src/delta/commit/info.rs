//! What a commit tells of itself: who made it, and how much it is.

use std::sync::Arc;

use arrow::array::{RecordBatch, StringArray};
use arrow::datatypes::{DataType as ArrowType, Field, Schema};
use delta_kernel::engine::arrow_data::ArrowEngineData;
use delta_kernel::schema::{DataType, SchemaRef, StructField, StructType};
use delta_kernel::{EngineData, KernelResult};

use crate::delta::TableState;
use crate::write::WrittenFile;

/// Where a commit tells the name of its user.
const USER_NAME: &str = "userName";

/// A number that a commit tells, by its name.
pub(super) type Metric = (&'static str, Option<String>);

/// The user's name as a part of the information about a commit.
///
/// # Errors
/// Arrow's or the log reader's own.
pub(super) fn user_info(user: &str) -> KernelResult<(Box<dyn EngineData>, SchemaRef)> {
    let column = Field::new(USER_NAME, ArrowType::Utf8, true);
    let names = Arc::new(StringArray::from(vec![user]));
    let row = RecordBatch::try_new(Arc::new(Schema::new(vec![column])), vec![names])?;
    let schema = StructType::try_new([StructField::nullable(USER_NAME, DataType::STRING)])?;
    Ok((Box::new(ArrowEngineData::new(row)), Arc::new(schema)))
}

/// How much was written, by the names that other engines have for it.
pub(super) fn metrics(files: &[WrittenFile]) -> [Metric; 3] {
    let sum = |of: fn(&WrittenFile) -> u64| files.iter().map(of).sum::<u64>().to_string();
    [
        ("numFiles", Some(files.len().to_string())),
        ("numOutputRows", Some(sum(|file| file.rows))),
        ("numOutputBytes", Some(sum(|file| file.bytes))),
    ]
}

/// How much goes where all that a version has goes.
pub(super) fn removed_metrics(version: &TableState) -> [Metric; 2] {
    let detail = version.detail();
    [
        ("numRemovedFiles", Some(detail.files.to_string())),
        ("numRemovedBytes", Some(detail.bytes.to_string())),
    ]
}
