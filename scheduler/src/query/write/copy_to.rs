//! `COPY … TO`.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use datafusion::sql::parser::Statement as ParsedStatement;
use lakegate_catalog::Privilege;
use lakegate_engine::schema::canonical;
use lakegate_lake::Location;
use lakegate_lake::delta::TableRoot;
use lakegate_lake::write::{FileFormat, FileLayout, FileWrite};

use super::insert::stem;
use super::sink::{Sink, partitions};
use crate::query::Error;
use crate::query::bounds::Reach;
use crate::query::command::unsupported;
use crate::query::registry::QueryGuard;
use crate::query::service::QueryService;
use crate::query::statement::Scope;
use crate::session::Session;

/// Where rows are copied to, as written.
pub(super) struct Target<'a> {
    pub(super) target: &'a str,
    pub(super) format: Option<&'a str>,
    pub(super) partitioned_by: &'a [String],
    pub(super) options: &'a [(String, String)],
}

impl QueryService {
    pub(super) async fn copy_to(
        &self,
        session: &Arc<Session>,
        query: &ParsedStatement,
        to: Target<'_>,
        guard: &QueryGuard,
    ) -> Result<u64, Error> {
        let scope = Scope::of(session);
        let settings = scope.settings.clone();
        let is_file = to.names_a_file();
        if is_file && !to.partitioned_by.is_empty() {
            return Err(unsupported(
                "COPY to one file with PARTITIONED BY",
                "name a folder, with a / at its end",
            ));
        }
        let format = to.format(is_file)?;
        let location = Location::read(to.target)?;
        let seen = self.seen_by(scope.principal).await?;
        self.check_place(&seen, Privilege::Write, &location, Reach::New).await?;
        let planned = self.plan(query.clone(), scope).await?;
        let columns = plain(&canonical(planned.plan.schema().as_arrow()));
        let write = Arc::new(FileWrite {
            root: TableRoot::parse(location.as_str())?,
            stem: stem(guard.record().id()),
            layout: if is_file { FileLayout::Single } else { FileLayout::Hive },
            partitions: partitions(&columns, to.partitioned_by)?,
            columns: Arc::new(columns),
            format,
            limits: self.config.write_limits,
        });
        let sources = (0..write.columns.fields().len()).map(Some).collect();
        let sink = Sink::new(sources, Arc::clone(&write));
        let mut written = self.write_files(planned, sink, &write, settings, guard).await?;
        written.unfinished.keep(written.files.into_iter().map(|file| file.path));
        Ok(written.rows)
    }
}

impl Target<'_> {
    /// Whether the target is a file: its name ends as names of files do.
    fn names_a_file(&self) -> bool {
        let name = self.target.rsplit('/').next().unwrap_or_default();
        name.rsplit_once('.')
            .is_some_and(|(stem, extension)| !stem.is_empty() && bare_format(extension).is_some())
    }

    /// The format that is said, or that the file's name tells.
    fn format(&self, is_file: bool) -> Result<FileFormat, Error> {
        let told = self.target.rsplit('.').next().filter(|_| is_file);
        let name = self.format.or(told).unwrap_or("parquet");
        let bare = bare_format(name).ok_or_else(|| {
            unsupported(&format!("COPY to {name} files"), "STORED AS PARQUET, CSV or JSON")
        })?;
        let options = self.options.iter();
        Ok(options
            .into_iter()
            .try_fold(bare, |format, (key, value)| format.with_option(key, value))?)
    }
}

fn bare_format(name: &str) -> Option<FileFormat> {
    match name.to_ascii_lowercase().as_str() {
        "parquet" => Some(FileFormat::PARQUET),
        "csv" => Some(FileFormat::CSV),
        "json" | "ndjson" => Some(FileFormat::Json),
        _ => None,
    }
}

/// Columns with text and bytes in their plain layout, by which every reader knows them.
fn plain(schema: &Schema) -> Schema {
    let fields = schema.fields().iter().map(|field| {
        let data_type = match field.data_type() {
            DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
            DataType::BinaryView | DataType::LargeBinary => DataType::Binary,
            other => other.clone(),
        };
        Field::new(field.name(), data_type, field.is_nullable())
    });
    Schema::new(fields.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_file_when_it_is_named_like_one() {
        for (target, is_file) in [
            ("/lake/out.csv", true),
            ("s3://bucket/out.parquet", true),
            ("/lake/out/", false),
            ("/lake/out", false),
            ("s3://bucket/v1.2/", false),
            ("/lake/.csv", false),
            ("/lake/out.txt", false),
        ] {
            let to = Target { target, format: None, partitioned_by: &[], options: &[] };
            assert_eq!(to.names_a_file(), is_file, "{target}");
        }
    }
}
