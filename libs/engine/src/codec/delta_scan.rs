//! How the scan of a Delta table travels: its files as the Parquet scan below it, and here what
//! that scan cannot carry, for the files of the task alone.

use std::sync::Arc;

use datafusion::common::{DataFusionError, Result, internal_datafusion_err, internal_err};
use datafusion::physical_plan::ExecutionPlan;
use lakegate_lake::delta::{ColumnMapping, DeletionVector, DeltaScanExec, FileColumns, TableRoot};
use prost::Message;
use url::Url;

use crate::schema;

/// How the bytes of the node begin. No message of Ballista does: its first byte would be the end
/// of a group that has not begun.
pub(super) const MARK: &[u8] = b"lakegate.delta-scan.1:";

#[derive(Clone, PartialEq, Message)]
struct ScanMessage {
    /// The table's folder.
    #[prost(string, tag = "1")]
    root: String,
    /// The columns as the log describes them, in the IPC format.
    #[prost(bytes = "vec", tag = "2")]
    columns: Vec<u8>,
    #[prost(enumeration = "MappingMessage", tag = "3")]
    mapping: i32,
    #[prost(message, repeated, tag = "4")]
    vectors: Vec<VectorMessage>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
enum MappingMessage {
    None = 0,
    Name = 1,
    Id = 2,
}

#[derive(Clone, PartialEq, Message)]
struct VectorMessage {
    #[prost(string, tag = "1")]
    file: String,
    #[prost(string, tag = "2")]
    storage: String,
    #[prost(string, tag = "3")]
    location: String,
    #[prost(int32, optional, tag = "4")]
    offset: Option<i32>,
    #[prost(int32, tag = "5")]
    size: i32,
    #[prost(int64, tag = "6")]
    cardinality: i64,
    #[prost(uint64, optional, tag = "7")]
    rows: Option<u64>,
}

/// Writes a scan; its files are written as its input.
pub(super) fn encode(scan: &DeltaScanExec, buf: &mut Vec<u8>) -> Result<()> {
    let mapping = match scan.columns().mapping {
        ColumnMapping::None => MappingMessage::None,
        ColumnMapping::Name => MappingMessage::Name,
        ColumnMapping::Id => MappingMessage::Id,
    };
    let vectors = scan.vectors().into_iter().map(|(file, vector)| VectorMessage {
        file,
        storage: vector.storage,
        location: vector.location,
        offset: vector.offset,
        size: vector.size,
        cardinality: vector.cardinality,
        rows: vector.rows,
    });
    let message = ScanMessage {
        root: scan.root().url().to_string(),
        columns: schema::encode(&scan.columns().columns),
        mapping: mapping.into(),
        vectors: vectors.collect(),
    };
    buf.extend_from_slice(MARK);
    message.encode(buf).map_err(|error| internal_datafusion_err!("encoding a scan: {error}"))
}

/// Reads what [`encode`] wrote after the mark.
pub(super) fn decode(
    message: &[u8],
    inputs: &[Arc<dyn ExecutionPlan>],
) -> Result<Arc<dyn ExecutionPlan>> {
    let malformed = |reason: String| internal_datafusion_err!("decoding a scan: {reason}");
    let message = ScanMessage::decode(message).map_err(|error| malformed(error.to_string()))?;
    let [files] = inputs else {
        return internal_err!("a scan of a Delta table has {} inputs", inputs.len());
    };
    let mapping = match MappingMessage::try_from(message.mapping) {
        Ok(MappingMessage::None) => ColumnMapping::None,
        Ok(MappingMessage::Name) => ColumnMapping::Name,
        Ok(MappingMessage::Id) => ColumnMapping::Id,
        Err(error) => return Err(malformed(error.to_string())),
    };
    let url = Url::parse(&message.root).map_err(|error| malformed(error.to_string()))?;
    let root =
        TableRoot::from_url(url).map_err(|error| DataFusionError::External(Box::new(error)))?;
    let columns = FileColumns { columns: schema::decode(&message.columns)?, mapping };
    let vectors = message.vectors.into_iter().map(|vector| {
        let of_file = DeletionVector {
            storage: vector.storage,
            location: vector.location,
            offset: vector.offset,
            size: vector.size,
            cardinality: vector.cardinality,
            rows: vector.rows,
        };
        (vector.file, of_file)
    });
    let vectors = Arc::new(vectors.collect());
    Ok(Arc::new(DeltaScanExec::new(Arc::clone(files), root, Arc::new(columns), vectors)))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use arrow::array::RecordBatch;
    use arrow::util::pretty::pretty_format_batches;
    use datafusion::datasource::physical_plan::{FileScanConfig, FileScanConfigBuilder};
    use datafusion::datasource::source::DataSourceExec;
    use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
    use datafusion::physical_plan::{collect, displayable};
    use datafusion::prelude::{SessionConfig, SessionContext};
    use datafusion_proto::physical_plan::AsExecutionPlan;
    use datafusion_proto::protobuf::PhysicalPlanNode;
    use lakegate_lake::StringLayout;
    use lakegate_lake::delta::{AsOf, DeltaLog, DeltaTable};

    use super::*;
    use crate::codec::PlanNodes;
    use crate::distributable;

    const COMMITS: [&str; 2] = [
        r#"{"protocol":{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["deletionVectors","columnMapping"],"writerFeatures":["deletionVectors","columnMapping"]}}
{"metaData":{"id":"a","format":{"provider":"parquet","options":{}},"configuration":{"delta.columnMapping.mode":"name","delta.columnMapping.maxColumnId":"2"},"schemaString":"{\"type\":\"struct\",\"fields\":[{\"name\":\"n\",\"type\":\"long\",\"nullable\":true,\"metadata\":{\"delta.columnMapping.id\":1,\"delta.columnMapping.physicalName\":\"col-1\"}},{\"name\":\"s\",\"type\":\"string\",\"nullable\":true,\"metadata\":{\"delta.columnMapping.id\":2,\"delta.columnMapping.physicalName\":\"n\"}}]}","partitionColumns":[],"createdTime":0}}"#,
        r#"{"add":{"path":"a.parquet","partitionValues":{},"size":SIZE,"modificationTime":0,"dataChange":true,"stats":"{\"numRecords\":31}","deletionVector":{"storageType":"i","pathOrInlineDv":"^Bg9^0rr910000000000iXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L","sizeInBytes":44,"cardinality":6}}}
{"add":{"path":"b.parquet","partitionValues":{},"size":SIZE,"modificationTime":0,"dataChange":true,"stats":"{\"numRecords\":31}"}}"#,
    ];

    async fn table(folder: &std::path::Path) -> SessionContext {
        let config = SessionConfig::new().with_target_partitions(2);
        let session = SessionContext::new_with_config(config);
        for name in ["a", "b"] {
            let sql = format!(
                "COPY (SELECT value AS \"col-1\", 'text' || value AS n FROM generate_series(0, 30)) \
                 TO '{}/{name}.parquet'",
                folder.display()
            );
            session.sql(&sql).await.unwrap().collect().await.unwrap();
        }
        fs::create_dir(folder.join("_delta_log")).unwrap();
        let size = fs::metadata(folder.join("a.parquet")).unwrap().len().to_string();
        for (version, commit) in COMMITS.iter().enumerate() {
            let file = folder.join(format!("_delta_log/{version:020}.json"));
            fs::write(file, commit.replace("SIZE", &size)).unwrap();
        }
        let root = TableRoot::parse(&format!("{}/", folder.display())).unwrap();
        let log = DeltaLog::in_session(&session.state(), root).unwrap();
        let state = log.open(AsOf::Latest).await.unwrap();
        let table = DeltaTable::new(state, StringLayout::Plain);
        session.register_table("t", Arc::new(table)).unwrap();
        session
    }

    fn travelled(
        plan: Arc<dyn ExecutionPlan>,
        session: &SessionContext,
    ) -> (Arc<dyn ExecutionPlan>, usize) {
        let codec = PlanNodes::default();
        let node = PhysicalPlanNode::try_from_physical_plan(plan, &codec).unwrap();
        let bytes = node.encode_to_vec();
        let node = PhysicalPlanNode::decode(bytes.as_slice()).unwrap();
        (node.try_into_physical_plan(&session.task_ctx(), &codec).unwrap(), bytes.len())
    }

    fn text(batches: &[RecordBatch]) -> String {
        pretty_format_batches(batches).unwrap().to_string()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_scan_gives_the_same_rows_after_it_has_travelled() {
        let folder = tempfile::tempdir().unwrap();
        let session = table(folder.path()).await;
        for sql in [
            "SELECT sum(n), count(s), max(s) FROM t",
            "SELECT n, s FROM t WHERE n BETWEEN 3 AND 5 ORDER BY n, s",
            "SELECT s FROM t ORDER BY n, s LIMIT 7",
        ] {
            let plan = session.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
            let shown = displayable(plan.as_ref()).indent(false).to_string();
            assert!(shown.contains("DeltaScanExec"), "{shown}");
            assert_eq!(distributable::check(&plan), Ok(()), "{shown}");
            let (decoded, _) = travelled(Arc::clone(&plan), &session);
            assert_eq!(displayable(decoded.as_ref()).indent(false).to_string(), shown);
            let here = collect(plan, session.task_ctx()).await.unwrap();
            let there = collect(decoded, session.task_ctx()).await.unwrap();
            assert_eq!(text(&here), text(&there), "{sql}");
        }
        let sum = session.sql("SELECT sum(n) FROM t").await.unwrap().collect().await.unwrap();
        assert!(text(&sum).contains(&(2 * 465 - 72).to_string()), "{}", text(&sum));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_task_carries_the_vectors_of_its_files_alone() {
        let folder = tempfile::tempdir().unwrap();
        let session = table(folder.path()).await;
        let plan = session.sql("SELECT n FROM t").await.unwrap();
        let plan = plan.create_physical_plan().await.unwrap();
        let scan = plan.children()[0].downcast_ref::<DataSourceExec>().unwrap();
        let files = scan.data_source().downcast_ref::<FileScanConfig>().unwrap();
        let mut carried = Vec::new();
        for group in &files.file_groups {
            let files = FileScanConfigBuilder::from(files.clone())
                .with_file_groups(vec![group.clone()])
                .build();
            let files = DataSourceExec::from_data_source(files);
            let part = replace_children_if_necessary(Arc::clone(&plan), vec![files]);
            let (part, _) = travelled(part.unwrap(), &session);
            carried.push(part.downcast_ref::<DeltaScanExec>().unwrap().vectors().len());
        }
        carried.sort_unstable();
        assert_eq!(carried, [0, 1]);
    }
}
