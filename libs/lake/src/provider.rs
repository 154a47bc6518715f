//! From a catalogued external table to a DataFusion table that can be scanned.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{ScanArgs, ScanResult, Session};
use datafusion::common::Constraints;
use datafusion::datasource::TableProvider;
use datafusion::datasource::listing::{ListingTable, ListingTableConfig};
use datafusion::error::DataFusionError;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::union::UnionExec;

use crate::delta::{AsOf, DeltaTable, TakenVersions};
use crate::external_table::{listing_options, present_extension};
use crate::null_partitions::{self, Asked};
use crate::plain_text::with_readers;
use crate::store::SetAside;
use crate::visible_session::VisibleSession;
use crate::{Error, ExternalTable, Format, Location};

/// How text and bytes lie in memory while a plan runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StringLayout {
    /// Offsets and bytes, as clients get it and as it travels between executors.
    Plain,
    /// Views with inlined prefixes: faster to compare and to group, for plans that stay in one
    /// process.
    View,
}

/// The table as DataFusion scans it: a Delta table at the version that
/// the statement has taken, another one with files listed anew at each scan.
///
/// # Errors
/// [`Error::LocationEmpty`] where the files are gone, [`Error::InvalidOption`] where the catalog
/// holds an option that this version does not take; for Delta as
/// [`TakenVersions::of`].
pub async fn table_provider(
    state: &SessionState,
    versions: &TakenVersions,
    table: &ExternalTable,
    strings: StringLayout,
) -> Result<Arc<dyn TableProvider>, Error> {
    if table.format == Format::Delta {
        return delta_table(state, versions, table, AsOf::Latest, strings).await;
    }
    let url = table.location.listing_url()?;
    let mut options = table.options.clone();
    if table.format == Format::Parquet {
        // Otherwise the reader makes views whatever the schema says, and casts them back.
        let views = strings == StringLayout::View;
        options.insert("format.schema_force_view_types".to_string(), views.to_string());
    }
    let listing = listing_options(state, table.format, &table.location, &options)?;
    let listing = present_extension(state, table, &url, listing).await?;
    let file_columns = table.schema.fields().len() - table.partition_columns;
    let partitions = table
        .schema
        .fields()
        .iter()
        .skip(file_columns)
        .map(|field| (field.name().clone(), field.data_type().clone()));
    let listing = listing.with_table_partition_cols(partitions.collect());
    let file_schema: SchemaRef =
        Arc::new(Schema::new(table.schema.fields()[..file_columns].to_vec()));
    let file_schema = match (strings, table.format) {
        (StringLayout::View, Format::Parquet) => with_views(&file_schema),
        _ => file_schema,
    };
    let config = ListingTableConfig::new(url)
        .with_listing_options(listing)
        .with_schema(Arc::clone(&file_schema));
    let unusable =
        |source: DataFusionError| Error::InvalidColumns { reason: source.strip_backtrace() };
    let statistics = state.runtime_env().cache_manager.get_file_statistic_cache();
    let files = ListingTable::try_new(config).map_err(unusable)?.with_cache(statistics);
    let layout = (table.format == Format::Parquet).then_some(strings);
    Ok(Arc::new(FolderTable {
        schema: with_nulls(&files.schema(), table.partition_columns),
        files,
        file_columns: file_schema,
        location: table.location.clone(),
        layout,
    }))
}

/// A version of a Delta table as DataFusion scans it.
///
/// # Errors
/// As [`TakenVersions::at`].
pub async fn delta_table(
    state: &SessionState,
    versions: &TakenVersions,
    table: &ExternalTable,
    as_of: AsOf,
    strings: StringLayout,
) -> Result<Arc<dyn TableProvider>, Error> {
    let log = table.log(state)?;
    Ok(Arc::new(DeltaTable::new(versions.at(&log, as_of).await?, strings)))
}

/// The files of a location that are not hidden.
#[derive(Debug)]
struct FolderTable {
    files: ListingTable,
    /// All columns, those of folders last.
    schema: SchemaRef,
    /// The columns that are in the files.
    file_columns: SchemaRef,
    location: Location,
    /// How text of Parquet files is laid out, whatever their writer had; `None` for other formats.
    layout: Option<StringLayout>,
}

impl FolderTable {
    fn laid_out(
        &self,
        session: &dyn Session,
        scan: Arc<dyn ExecutionPlan>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        match self.layout {
            Some(strings) => with_readers(session.runtime_env(), scan, strings),
            None => Ok(scan),
        }
    }
}

#[async_trait]
impl TableProvider for FolderTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn constraints(&self) -> Option<&Constraints> {
        self.files.constraints()
    }

    fn table_type(&self) -> TableType {
        self.files.table_type()
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let args = ScanArgs::default()
            .with_projection(projection.map(Vec::as_slice))
            .with_filters(Some(filters))
            .with_limit(limit);
        Ok(self.scan_with_args(state, args).await?.into_inner())
    }

    async fn scan_with_args<'a>(
        &self,
        state: &dyn Session,
        args: ScanArgs<'a>,
    ) -> Result<ScanResult, DataFusionError> {
        let asked = Asked {
            projection: args.projection().map(<[usize]>::to_vec),
            filters: args.filters().unwrap_or_default(),
            limit: args.limit(),
        };
        let nulls = SetAside::default();
        let session = match self.files.options().table_partition_cols.is_empty() {
            true => VisibleSession::at(&self.location, state),
            false => VisibleSession::without_nulls(&self.location, state, &nulls),
        };
        let scan = self.files.scan_with_args(&session, args).await?.into_inner();
        let nulls = std::mem::take(&mut *nulls.lock());
        let columns = Arc::clone(&self.file_columns);
        let of_null = null_partitions::scan(&session, &self.files, columns, nulls, asked).await?;
        let scan = match of_null {
            None => scan,
            Some(of_null) if scan.downcast_ref::<EmptyExec>().is_some() => of_null,
            Some(of_null) => UnionExec::try_new(vec![scan, of_null])?,
        };
        Ok(ScanResult::new(self.laid_out(state, scan)?))
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>, DataFusionError> {
        self.files.supports_filters_pushdown(filters)
    }
}

/// The schema with NULL in its last columns, which the engine takes for impossible.
fn with_nulls(schema: &Schema, partitions: usize) -> SchemaRef {
    let in_files = schema.fields().len().saturating_sub(partitions);
    let fields = schema.fields().iter().enumerate().map(|(position, field)| match position {
        position if position < in_files => Arc::clone(field),
        _ => Arc::new(Field::clone(field).with_nullable(true)),
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The schema with text and bytes as views, top-level columns only.
fn with_views(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| match field.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 => {
            Arc::new(Field::clone(field).with_data_type(DataType::Utf8View))
        }
        DataType::Binary | DataType::LargeBinary => {
            Arc::new(Field::clone(field).with_data_type(DataType::BinaryView))
        }
        _ => Arc::clone(field),
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}
