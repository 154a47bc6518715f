//! External tables: what a declaration and the files at its location make together.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::Session;
use datafusion::datasource::listing::{ListingOptions, ListingTableUrl};
use datafusion::error::DataFusionError;
use datafusion::execution::session_state::SessionState;
use futures::StreamExt;

use crate::delta::{AsOf, DeltaLog, DeltaTables, TableRoot};
use crate::plain_text::plain_field;
use crate::visible_session::VisibleSession;
use crate::{Error, Format, Location};

/// What a person declares of an external table.
#[derive(Debug, Clone)]
pub struct Declaration {
    /// The format of all its files.
    pub format: Format,
    /// Where the files lie.
    pub location: Location,
    /// Declared columns, partition columns among them; empty to take them from the files.
    pub columns: Schema,
    /// Hive partition columns in folder order; empty to take them from the folder names.
    pub partition_columns: Vec<String>,
    /// Format options such as `delimiter`.
    pub options: BTreeMap<String, String>,
}

/// An external table with all that a scan needs to know, as the catalog keeps it.
#[derive(Debug, Clone)]
pub struct ExternalTable {
    /// The format of all its files.
    pub format: Format,
    /// Where the files lie.
    pub location: Location,
    /// All columns, partition columns last.
    pub schema: SchemaRef,
    /// How many of the last columns come from folder names (`year=2024`) and not from files.
    pub partition_columns: usize,
    /// Format options.
    pub options: BTreeMap<String, String>,
}

impl ExternalTable {
    /// Looks at the files and settles columns and partition columns. What is read of a Delta table
    /// is kept in `known`.
    ///
    /// # Errors
    /// [`Error::LocationEmpty`] where no file of the format lies, [`Error::UnreadableFiles`] where
    /// the files are of another format, [`Error::InvalidColumns`] where the declaration and the
    /// folder names disagree, [`Error::NotListed`] for a folder behind HTTP.
    pub async fn discover(
        state: &SessionState,
        known: &DeltaTables,
        declaration: Declaration,
    ) -> Result<Self, Error> {
        if declaration.format == Format::Delta {
            return Self::of_log(state, known, declaration).await;
        }
        let Declaration { format, location, columns, partition_columns, options } = declaration;
        let location = location.settle(state.runtime_env().as_ref()).await?;
        let listing = listing_options(state, format, &location, &options)?;
        let url = location.listing_url()?;
        let session = &VisibleSession::at(&location, state);
        let listing = with_present_extension(session, format, &location, &url, listing).await?;
        let partitions =
            partition_fields(session, &listing, &location, &url, &columns, partition_columns)
                .await?;
        let file_fields: Vec<_> = if columns.fields().is_empty() {
            let unreadable =
                |source| Error::UnreadableFiles { location: location.to_string(), format, source };
            let inferred = listing.infer_schema(session, &url).await.map_err(unreadable)?;
            // The reader would rather make views of text and bytes: the catalog keeps what the
            // data is, a plan chooses how it lies in memory.
            inferred.fields().iter().map(plain_field).collect()
        } else {
            columns
                .fields()
                .iter()
                .filter(|field| !partitions.iter().any(|(name, _)| name == field.name()))
                .cloned()
                .collect()
        };
        if let Some((name, _)) =
            partitions.iter().find(|(name, _)| file_fields.iter().any(|field| field.name() == name))
        {
            return Err(Error::InvalidColumns {
                reason: format!("column {name:?} is both in the files and in the folder names"),
            });
        }
        let partition_count = partitions.len();
        let partition_fields = partitions
            .into_iter()
            .map(|(name, data_type)| Arc::new(Field::new(name, data_type, true)));
        let schema = Arc::new(Schema::new(
            file_fields.into_iter().chain(partition_fields).collect::<Vec<_>>(),
        ));
        Ok(Self { format, location, schema, partition_columns: partition_count, options })
    }
}

impl ExternalTable {
    /// The log of a Delta table.
    ///
    /// # Errors
    /// The location is no folder, or the session has no store for it.
    pub fn log(&self, state: &SessionState) -> Result<DeltaLog, Error> {
        log_at(state, &self.location)
    }

    /// A Delta table, whose log says everything that else is declared.
    async fn of_log(
        state: &SessionState,
        known: &DeltaTables,
        declaration: Declaration,
    ) -> Result<Self, Error> {
        let Declaration { location, columns, partition_columns, options, .. } = declaration;
        if !columns.fields().is_empty() || !partition_columns.is_empty() || !options.is_empty() {
            return Err(Error::InvalidColumns {
                reason: "a Delta table's log says its columns, partitions and options".to_string(),
            });
        }
        if location.as_str().starts_with("http") {
            return Err(Error::NotListed { url: location.to_string(), source: None });
        }
        let newest = known.state(&log_at(state, &location)?, AsOf::Latest).await?;
        let schema = Arc::clone(newest.schema().columns());
        Ok(Self { format: Format::Delta, location, schema, partition_columns: 0, options })
    }
}

fn log_at(state: &SessionState, location: &Location) -> Result<DeltaLog, Error> {
    DeltaLog::in_session(state, TableRoot::parse(location.as_str())?)
}

/// Listing options of a format at a location, without a folder's extension filter.
pub(crate) fn listing_options(
    state: &SessionState,
    format: Format,
    location: &Location,
    options: &BTreeMap<String, String>,
) -> Result<ListingOptions, Error> {
    let options = with_compression_of(format, location.as_str(), options);
    let reader = format.reader(state, &options)?;
    Ok(ListingOptions::new(reader).with_file_extension(""))
}

/// Adds the compression that the file name tells, where the declaration does not.
fn with_compression_of(
    format: Format,
    name: &str,
    options: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut options = options.clone();
    let declared = options.keys().any(|key| key.to_lowercase().ends_with("compression"));
    if format != Format::Parquet && !declared {
        let compression = [(".gz", "gzip"), (".bz2", "bzip2"), (".xz", "xz"), (".zst", "zstd")];
        if let Some((_, compression)) =
            compression.iter().find(|(ending, _)| name.ends_with(ending))
        {
            options.insert("format.compression".to_string(), (*compression).to_string());
        }
    }
    options
}

/// Settles which files of a folder belong to the table: those of the first extension of the format
/// that is there. A single file or a glob names its files itself.
async fn with_present_extension(
    state: &dyn Session,
    format: Format,
    location: &Location,
    url: &ListingTableUrl,
    listing: ListingOptions,
) -> Result<ListingOptions, Error> {
    let extensions: &[&str] =
        if location.is_single_file() || location.is_glob() { &[""] } else { format.extensions() };
    for extension in extensions {
        let ending = if extension.is_empty() { String::new() } else { format!(".{extension}") };
        if holds_file(state, location, url, &ending).await? {
            return Ok(listing.with_file_extension(ending));
        }
    }
    Err(Error::LocationEmpty { location: location.to_string(), format })
}

async fn holds_file(
    state: &dyn Session,
    location: &Location,
    url: &ListingTableUrl,
    ending: &str,
) -> Result<bool, Error> {
    let failed = |source| Error::Unlistable { location: location.to_string(), source };
    let store = state.runtime_env().object_store(url).map_err(failed)?;
    let mut files = url.list_all_files(state, store.as_ref(), ending).await.map_err(failed)?;
    match files.next().await {
        Some(Err(source)) => Err(failed(source)),
        found => Ok(found.is_some()),
    }
}

/// The ending by which a folder's files were chosen when the table was declared; empty for a
/// single file and a glob.
pub(crate) async fn present_extension(
    state: &SessionState,
    table: &ExternalTable,
    url: &ListingTableUrl,
    listing: ListingOptions,
) -> Result<ListingOptions, Error> {
    let session = VisibleSession::at(&table.location, state);
    with_present_extension(&session, table.format, &table.location, url, listing).await
}

/// Names and types of the columns that folder names carry.
async fn partition_fields(
    state: &dyn Session,
    listing: &ListingOptions,
    location: &Location,
    url: &ListingTableUrl,
    columns: &Schema,
    declared: Vec<String>,
) -> Result<Vec<(String, DataType)>, Error> {
    if location.is_single_file() {
        return if declared.is_empty() {
            Ok(Vec::new())
        } else {
            Err(Error::InvalidColumns {
                reason: "a single file has no partition columns".to_string(),
            })
        };
    }
    let failed = |source: DataFusionError| match source.find_root() {
        DataFusionError::ObjectStore(_) => {
            Error::Unlistable { location: location.to_string(), source }
        }
        _ => Error::InvalidColumns { reason: source.strip_backtrace() },
    };
    let found = listing.infer_partitions(state, url).await.map_err(failed)?;
    if !declared.is_empty() && found != declared {
        return Err(Error::InvalidColumns {
            reason: format!("PARTITIONED BY names {declared:?}, the folders name {found:?}"),
        });
    }
    let typed = |name: String| {
        let declared = columns.field_with_name(&name).map(|field| field.data_type().clone());
        (name, declared.unwrap_or(DataType::Utf8))
    };
    Ok(found.into_iter().map(typed).collect())
}
