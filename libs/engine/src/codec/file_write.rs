//! How the writing of files travels.

use std::num::NonZeroUsize;
use std::sync::Arc;

use datafusion::common::{DataFusionError, Result, internal_datafusion_err, internal_err};
use datafusion::physical_plan::ExecutionPlan;
use lakegate_lake::delta::TableRoot;
use lakegate_lake::write::{FileFormat, FileLayout, FileWrite, FileWriteExec, WriteLimits};
use prost::Message;
use url::Url;

use crate::schema;

/// How the bytes of the node begin; no message of Ballista does.
pub(super) const MARK: &[u8] = b"lakegate.file-write.2:";

#[derive(Clone, PartialEq, Message)]
struct WriteMessage {
    #[prost(string, tag = "1")]
    root: String,
    #[prost(string, tag = "2")]
    stem: String,
    #[prost(enumeration = "LayoutMessage", tag = "3")]
    layout: i32,
    /// The columns in the IPC format.
    #[prost(bytes = "vec", tag = "4")]
    columns: Vec<u8>,
    #[prost(uint32, repeated, tag = "5")]
    partitions: Vec<u32>,
    #[prost(enumeration = "FormatMessage", tag = "6")]
    format: i32,
    #[prost(message, repeated, tag = "7")]
    options: Vec<OptionMessage>,
    #[prost(uint64, tag = "8")]
    file_bytes: u64,
    #[prost(uint64, tag = "9")]
    memory_bytes: u64,
    #[prost(uint64, tag = "10")]
    open_files: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
enum LayoutMessage {
    Own = 0,
    Hive = 1,
    Single = 2,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
enum FormatMessage {
    Parquet = 0,
    Csv = 1,
    Json = 2,
}

#[derive(Clone, PartialEq, Message)]
struct OptionMessage {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

/// Writes the node; its input is written as its input.
pub(super) fn encode(node: &FileWriteExec, buf: &mut Vec<u8>) -> Result<()> {
    let write = node.write();
    let layout = match write.layout {
        FileLayout::Own => LayoutMessage::Own,
        FileLayout::Hive => LayoutMessage::Hive,
        FileLayout::Single => LayoutMessage::Single,
    };
    let format = match write.format {
        FileFormat::Parquet { .. } => FormatMessage::Parquet,
        FileFormat::Csv { .. } => FormatMessage::Csv,
        FileFormat::Json => FormatMessage::Json,
    };
    let options = write.format.options().into_iter();
    let position = |column: &usize| {
        u32::try_from(*column).map_err(|_| internal_datafusion_err!("too many columns"))
    };
    let message = WriteMessage {
        root: write.root.url().to_string(),
        stem: write.stem.clone(),
        layout: layout.into(),
        columns: schema::encode(&write.columns),
        partitions: write.partitions.iter().map(position).collect::<Result<_>>()?,
        format: format.into(),
        options: options
            .map(|(name, value)| OptionMessage { name: name.to_string(), value })
            .collect(),
        file_bytes: write.limits.file_bytes,
        memory_bytes: write.limits.memory_bytes,
        open_files: write.limits.open_files.get() as u64,
    };
    buf.extend_from_slice(MARK);
    message.encode(buf).map_err(|error| internal_datafusion_err!("encoding a write: {error}"))
}

/// Reads what [`encode`] wrote after the mark.
pub(super) fn decode(
    message: &[u8],
    inputs: &[Arc<dyn ExecutionPlan>],
) -> Result<Arc<dyn ExecutionPlan>> {
    let malformed = |reason: String| internal_datafusion_err!("decoding a write: {reason}");
    let message = WriteMessage::decode(message).map_err(|error| malformed(error.to_string()))?;
    let [input] = inputs else {
        return internal_err!("a write of files has {} inputs", inputs.len());
    };
    let layout = match LayoutMessage::try_from(message.layout) {
        Ok(LayoutMessage::Own) => FileLayout::Own,
        Ok(LayoutMessage::Hive) => FileLayout::Hive,
        Ok(LayoutMessage::Single) => FileLayout::Single,
        Err(error) => return Err(malformed(error.to_string())),
    };
    let bare = match FormatMessage::try_from(message.format) {
        Ok(FormatMessage::Parquet) => FileFormat::PARQUET,
        Ok(FormatMessage::Csv) => FileFormat::CSV,
        Ok(FormatMessage::Json) => FileFormat::Json,
        Err(error) => return Err(malformed(error.to_string())),
    };
    let format = message
        .options
        .iter()
        .try_fold(bare, |format, option| format.with_option(&option.name, &option.value))
        .map_err(external)?;
    let url = Url::parse(&message.root).map_err(|error| malformed(error.to_string()))?;
    let write = FileWrite {
        root: TableRoot::from_url(url).map_err(external)?,
        stem: message.stem,
        layout,
        columns: schema::decode(&message.columns)?,
        partitions: message.partitions.iter().map(|column| *column as usize).collect(),
        format,
        limits: WriteLimits {
            file_bytes: message.file_bytes,
            memory_bytes: message.memory_bytes,
            open_files: usize::try_from(message.open_files)
                .ok()
                .and_then(NonZeroUsize::new)
                .ok_or_else(|| malformed("no file may be open".to_string()))?,
        },
    };
    Ok(Arc::new(FileWriteExec::new(Arc::clone(input), Arc::new(write))))
}

fn external(error: lakegate_lake::Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::SessionContext;
    use datafusion_proto::physical_plan::AsExecutionPlan;
    use datafusion_proto::protobuf::PhysicalPlanNode;
    use lakegate_lake::write::WrittenFile;

    use super::*;
    use crate::codec::PlanNodes;

    #[tokio::test]
    async fn a_write_does_the_same_after_it_has_travelled() {
        let folder = tempfile::tempdir().unwrap();
        let session = SessionContext::new();
        let rows = session.sql("SELECT 1 AS n, 'a' AS p").await.unwrap();
        let rows = rows.create_physical_plan().await.unwrap();
        let write = FileWrite {
            root: TableRoot::parse(&format!("{}/", folder.path().display())).unwrap(),
            stem: "statement".to_string(),
            layout: FileLayout::Hive,
            columns: rows.schema(),
            partitions: vec![1],
            format: FileFormat::CSV.with_option("delimiter", ";").unwrap(),
            limits: WriteLimits {
                file_bytes: 9,
                memory_bytes: 10,
                open_files: NonZeroUsize::new(11).unwrap(),
            },
        };
        let plan = Arc::new(FileWriteExec::new(rows, Arc::new(write.clone())));
        let codec = PlanNodes::default();
        let node = PhysicalPlanNode::try_from_physical_plan(plan, &codec).unwrap();
        let node = PhysicalPlanNode::decode(node.encode_to_vec().as_slice()).unwrap();
        let plan = node.try_into_physical_plan(&session.task_ctx(), &codec).unwrap();
        assert_eq!(**plan.downcast_ref::<FileWriteExec>().unwrap().write(), write);
        let told = datafusion::physical_plan::collect(plan, session.task_ctx()).await.unwrap();
        let files = WrittenFile::from_batch(&told[0]).unwrap();
        assert_eq!(files[0].partition_values, [Some("a".to_string())]);
        let text = std::fs::read_to_string(format!("/{}", files[0].path)).unwrap();
        assert_eq!(text, "n\n1\n");
    }
}
