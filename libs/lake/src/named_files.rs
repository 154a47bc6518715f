//! A file format whose errors name the file.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::{Result, Statistics};
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::file_format::{FileFormat, FileMeta};
use datafusion::datasource::physical_plan::{FileScanConfig, FileSource};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::DataFusionError;
use datafusion::physical_expr::LexOrdering;
use datafusion::physical_plan::ExecutionPlan;
use object_store::{ObjectMeta, ObjectStore};

use crate::{Error, Format};

/// The reader of a format. What it says of a file that it cannot read is told with the file's name.
#[derive(Debug)]
pub(crate) struct NamedFiles {
    format: Format,
    inner: Arc<dyn FileFormat>,
}

impl NamedFiles {
    pub(crate) fn new(format: Format, inner: Arc<dyn FileFormat>) -> Self {
        Self { format, inner }
    }

    fn named(&self, object: &ObjectMeta, source: DataFusionError) -> DataFusionError {
        let path = object.location.to_string();
        DataFusionError::External(Box::new(Error::UnreadableFile {
            path,
            format: self.format,
            source,
        }))
    }
}

#[async_trait]
impl FileFormat for NamedFiles {
    fn get_ext(&self) -> String {
        self.inner.get_ext()
    }

    fn get_ext_with_compression(&self, compression: &FileCompressionType) -> Result<String> {
        self.inner.get_ext_with_compression(compression)
    }

    fn compression_type(&self) -> Option<FileCompressionType> {
        self.inner.compression_type()
    }

    async fn infer_schema(
        &self,
        state: &dyn Session,
        store: &Arc<dyn ObjectStore>,
        objects: &[ObjectMeta],
    ) -> Result<SchemaRef> {
        let error = match self.inner.infer_schema(state, store, objects).await {
            Ok(schema) => return Ok(schema),
            Err(error) => error,
        };
        // Which of them it is takes another look; the footers of the good ones are known by now.
        for object in objects {
            let alone = self.inner.infer_schema(state, store, std::slice::from_ref(object)).await;
            if let Err(error) = alone {
                return Err(self.named(object, error));
            }
        }
        // Each is good by itself, and they do not go together.
        Err(error)
    }

    async fn infer_stats(
        &self,
        state: &dyn Session,
        store: &Arc<dyn ObjectStore>,
        table_schema: SchemaRef,
        object: &ObjectMeta,
    ) -> Result<Statistics> {
        let told = self.inner.infer_stats(state, store, table_schema, object).await;
        told.map_err(|error| self.named(object, error))
    }

    async fn infer_ordering(
        &self,
        state: &dyn Session,
        store: &Arc<dyn ObjectStore>,
        table_schema: SchemaRef,
        object: &ObjectMeta,
    ) -> Result<Option<LexOrdering>> {
        let told = self.inner.infer_ordering(state, store, table_schema, object).await;
        told.map_err(|error| self.named(object, error))
    }

    async fn infer_stats_and_ordering(
        &self,
        state: &dyn Session,
        store: &Arc<dyn ObjectStore>,
        table_schema: SchemaRef,
        object: &ObjectMeta,
    ) -> Result<FileMeta> {
        let told = self.inner.infer_stats_and_ordering(state, store, table_schema, object).await;
        told.map_err(|error| self.named(object, error))
    }

    async fn create_physical_plan(
        &self,
        state: &dyn Session,
        scan: FileScanConfig,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.inner.create_physical_plan(state, scan).await
    }

    fn file_source(&self, table_schema: TableSchema) -> Arc<dyn FileSource> {
        self.inner.file_source(table_schema)
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field, Schema};
    use datafusion::parquet::arrow::ArrowWriter;
    use datafusion::prelude::SessionContext;
    use lakegate_common::{Coded, ErrorCode};

    use super::*;
    use crate::delta::{DeltaTables, TakenVersions};
    use crate::{Declaration, ExternalTable, Location, StringLayout, table_provider};

    #[tokio::test]
    async fn a_broken_file_among_others_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]));
        for name in ["a.parquet", "b.parquet", "c.parquet"] {
            let file = std::fs::File::create(folder.path().join(name)).unwrap();
            ArrowWriter::try_new(file, Arc::clone(&schema), None).unwrap().close().unwrap();
        }
        let known = Arc::new(DeltaTables::new(0));
        // A context of its own each time: this one keeps listings.
        let state = || SessionContext::new().state();
        let declaration = Declaration {
            format: Format::Parquet,
            location: Location::resolve(&format!("{}/", folder.path().display())).unwrap(),
            columns: Schema::empty(),
            partition_columns: Vec::new(),
            options: Default::default(),
        };
        let table = ExternalTable::discover(&state(), &known, declaration.clone()).await.unwrap();
        std::fs::write(folder.path().join("b.parquet"), "x").unwrap();

        let refused = ExternalTable::discover(&state(), &known, declaration).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::InvalidFile);
        let told = lakegate_common::error::describe(&refused);
        assert!(told.contains("/b.parquet"), "{told}");

        let versions = TakenVersions::new(known);
        let table = table_provider(&state(), &versions, &table, StringLayout::Plain).await.unwrap();
        let failed = table.scan(&state(), None, &[], None).await.unwrap_err();
        assert!(failed.to_string().contains("/b.parquet"), "{failed}");
    }
}
