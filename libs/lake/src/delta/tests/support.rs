//! Writes small Delta tables and reads them through a session.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::{SessionConfig, SessionContext};
use delta_kernel::actions::deletion_vector_writer::{
    KernelDeletionVector, StreamingDeletionVectorWriter,
};
use object_store::local::LocalFileSystem;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::StringLayout;
use crate::delta::{AsOf, DeltaLog, DeltaTable, TableRoot, TableState};

/// Rows of a row group, so that small files have several.
const ROW_GROUP: usize = 10;

/// Vectors written so far, by which their files are named.
static VECTORS: AtomicU64 = AtomicU64::new(0);

pub(super) struct Lake {
    folder: TempDir,
    next: u64,
}

impl Lake {
    /// A table with version 0, which has a protocol, columns and no file.
    pub(super) fn new(protocol: Value, metadata: Value) -> Self {
        let mut lake = Self { folder: tempfile::tempdir().unwrap(), next: 0 };
        fs::create_dir(lake.folder.path().join("_delta_log")).unwrap();
        lake.commit([json!({"protocol": protocol}), json!({"metaData": metadata})]);
        lake
    }

    /// A table of plain columns.
    pub(super) fn plain(columns: Value) -> Self {
        Self::new(
            json!({"minReaderVersion": 1, "minWriterVersion": 2}),
            metadata(columns, json!([])),
        )
    }

    /// A table with deletion vectors.
    pub(super) fn with_vectors(columns: Value) -> Self {
        Self::new(features(&["deletionVectors"]), metadata(columns, json!([])))
    }

    pub(super) fn path(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(super) fn root(&self) -> TableRoot {
        TableRoot::parse(&format!("{}/", self.path().display())).unwrap()
    }

    pub(super) fn log(&self) -> DeltaLog {
        DeltaLog::new(Arc::new(LocalFileSystem::new()), self.root())
    }

    /// Writes the next version and returns its number.
    pub(super) fn commit(&mut self, actions: impl IntoIterator<Item = Value>) -> u64 {
        let version = self.next;
        let lines: Vec<String> = actions.into_iter().map(|action| action.to_string()).collect();
        let file = self.path().join(format!("_delta_log/{version:020}.json"));
        fs::write(file, lines.join("\n")).unwrap();
        self.next += 1;
        version
    }

    /// Writes a data file and returns what adds it: with the number of its rows and no bounds.
    pub(super) fn file(&self, name: &str, columns: Vec<(Field, ArrayRef)>) -> Value {
        let (fields, arrays): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap();
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let properties =
            WriterProperties::builder().set_max_row_group_row_count(Some(ROW_GROUP)).build();
        let file = fs::File::create(&path).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let size = fs::metadata(&path).unwrap().len();
        json!({"add": {
            "path": name, "partitionValues": {}, "size": size, "modificationTime": 1_700_000_000_000_i64,
            "dataChange": true, "stats": json!({"numRecords": batch.num_rows()}).to_string(),
        }})
    }

    /// Writes a deletion vector to a file of its own and puts it to what `add` adds.
    pub(super) fn delete(&self, add: &Value, rows: &[u64]) -> Value {
        let name = format!("vector-{}.bin", VECTORS.fetch_add(1, Ordering::Relaxed));
        let mut vector = KernelDeletionVector::new();
        vector.add_deleted_row_indexes(rows);
        let mut bytes = Vec::new();
        let mut writer = StreamingDeletionVectorWriter::new(&mut bytes);
        let written = writer.write_deletion_vector(vector).unwrap();
        writer.finalize().unwrap();
        fs::write(self.path().join(&name), bytes).unwrap();
        let mut add = add.clone();
        add["add"]["deletionVector"] = json!({
            "storageType": "p",
            "pathOrInlineDv": self.root().url().join(&name).unwrap().to_string(),
            "offset": written.offset,
            "sizeInBytes": written.size_in_bytes,
            "cardinality": written.cardinality,
        });
        add
    }

    pub(super) async fn open(&self, as_of: AsOf) -> Arc<TableState> {
        self.log().open(as_of).await.unwrap()
    }

    /// The rows of the newest version, sorted, `|` between columns.
    pub(super) async fn rows(&self, sql: &str) -> Vec<String> {
        rows(&self.open(AsOf::Latest).await, sql).await
    }
}

/// What takes away the file that `add` adds.
pub(super) fn remove(add: &Value) -> Value {
    let mut remove =
        json!({"path": add["add"]["path"], "dataChange": true, "deletionTimestamp": 1});
    if let Some(vector) = add["add"].get("deletionVector") {
        remove["deletionVector"] = vector.clone();
    }
    json!({"remove": remove})
}

pub(super) fn metadata(columns: Value, partitions: Value) -> Value {
    let schema = json!({"type": "struct", "fields": columns});
    json!({
        "id": "a", "format": {"provider": "parquet", "options": {}}, "configuration": {},
        "schemaString": schema.to_string(), "partitionColumns": partitions, "createdTime": 0,
    })
}

pub(super) fn features(names: &[&str]) -> Value {
    json!({
        "minReaderVersion": 3, "minWriterVersion": 7,
        "readerFeatures": names, "writerFeatures": names,
    })
}

pub(super) fn column(name: &str, data_type: impl Into<Value>) -> Value {
    json!({"name": name, "type": data_type.into(), "nullable": true, "metadata": {}})
}

/// A column of a table with column mapping.
pub(super) fn mapped(name: &str, data_type: impl Into<Value>, id: i32, physical: &str) -> Value {
    let mut column = column(name, data_type);
    column["metadata"] =
        json!({"delta.columnMapping.id": id, "delta.columnMapping.physicalName": physical});
    column
}

/// A session that cuts even small files into ranges.
pub(super) fn session() -> SessionContext {
    let mut config = SessionConfig::new().with_target_partitions(4);
    config.options_mut().optimizer.repartition_file_min_size = 1;
    SessionContext::new_with_config(config)
}

/// The rows of `sql` over the table `t`, sorted; the same for both layouts of text.
pub(super) async fn rows(state: &Arc<TableState>, sql: &str) -> Vec<String> {
    let mut answers = Vec::new();
    for strings in [StringLayout::Plain, StringLayout::View] {
        let session = session();
        let table = DeltaTable::new(Arc::clone(state), strings);
        session.register_table("t", Arc::new(table)).unwrap();
        let batches = session.sql(sql).await.unwrap().collect().await.unwrap();
        let mut answer: Vec<String> = batches.iter().flat_map(batch_lines).collect();
        answer.sort();
        answers.push(answer);
    }
    assert_eq!(answers[0], answers[1], "{sql}");
    answers.swap_remove(0)
}

pub(in crate::delta) fn batch_lines(batch: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::default().with_null("null");
    let columns: Vec<_> = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column.as_ref(), &options).unwrap())
        .collect();
    let line = |row| columns.iter().map(move |column| column.value(row).to_string());
    (0..batch.num_rows()).map(|row| line(row).collect::<Vec<_>>().join("|")).collect()
}

/// The plan of `sql` over the table `t`, as text.
pub(super) async fn plan(state: &Arc<TableState>, sql: &str) -> String {
    let plan = planned(&session(), state, sql).await;
    datafusion::physical_plan::displayable(plan.as_ref()).indent(false).to_string()
}

/// The plan of `sql` over the table `t`.
pub(super) async fn planned(
    session: &SessionContext,
    state: &Arc<TableState>,
    sql: &str,
) -> Arc<dyn ExecutionPlan> {
    let table = DeltaTable::new(Arc::clone(state), StringLayout::Plain);
    session.register_table("t", Arc::new(table)).unwrap();
    session.sql(sql).await.unwrap().create_physical_plan().await.unwrap()
}

pub(super) fn integer(name: &str) -> Field {
    Field::new(name, DataType::Int32, true)
}

pub(super) fn long(name: &str) -> Field {
    Field::new(name, DataType::Int64, true)
}

pub(super) fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8, true)
}

pub(super) fn longs(values: impl IntoIterator<Item = i64>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<arrow::array::Int64Array>())
}

pub(super) fn integers(values: impl IntoIterator<Item = i32>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<arrow::array::Int32Array>())
}

pub(super) fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(arrow::array::StringArray::from(values.to_vec()))
}
