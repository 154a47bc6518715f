//! What a version of a table is made of, in numbers.

use std::collections::BTreeMap;

use super::TableState;

/// What a table is, besides its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableDetail {
    /// The version that is described.
    pub version: u64,
    /// The table's own identifier.
    pub id: String,
    /// What its maker wrote about it.
    pub description: Option<String>,
    /// When it was made, in milliseconds since 1970-01-01 UTC.
    pub created_at: Option<i64>,
    /// Partition columns, the outermost first.
    pub partition_columns: Vec<String>,
    /// Data files.
    pub files: u64,
    /// Bytes of the data files together.
    pub bytes: u64,
    /// Such as `delta.appendOnly`.
    pub properties: BTreeMap<String, String>,
    /// The protocol that readers must know.
    pub min_reader_version: i32,
    /// The protocol that writers must know.
    pub min_writer_version: i32,
    /// What readers and writers must know besides, by name.
    pub features: Vec<String>,
}

impl TableState {
    /// What this version is made of.
    pub fn detail(&self) -> TableDetail {
        let configuration = self.snapshot.table_configuration();
        let (metadata, protocol) = (configuration.metadata(), configuration.protocol());
        let bytes = self.files.segments().flat_map(|(segment, alive)| {
            let sizes = segment.sizes();
            alive.set_indices().map(|row| u64::try_from(sizes.value(row)).unwrap_or_default())
        });
        let features = [protocol.reader_features(), protocol.writer_features()];
        let features = features.into_iter().flatten().flatten().map(ToString::to_string);
        let mut features: Vec<String> = features.collect();
        features.sort_unstable();
        features.dedup();
        TableDetail {
            version: self.version(),
            id: metadata.id().to_string(),
            description: metadata.description().map(str::to_string),
            created_at: metadata.created_time(),
            partition_columns: configuration.logical_partition_columns().to_vec(),
            files: self.files.len() as u64,
            bytes: bytes.fold(0, u64::saturating_add),
            properties: self.properties().clone().into_iter().collect(),
            min_reader_version: protocol.min_reader_version(),
            min_writer_version: protocol.min_writer_version(),
            features,
        }
    }
}
