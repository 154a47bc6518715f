//! Tables of other engines whose protocol names more than they use.
//!
//! A protocol of writer version 3 to 6 supports every feature up to that version, and engines that
//! raise an old table to version 7 list all of them. Most of these tables have no constraint and no
//! generated column: who adds rows to them has nothing to do.

use std::sync::Arc;

use delta_kernel::actions::Protocol;
use delta_kernel::schema::{DataType, StructField, StructType};
use delta_kernel::table_configuration::TableConfiguration;
use delta_kernel::table_features::TableFeature;
use delta_kernel::{KernelResult, Snapshot, SnapshotRef};

/// The writer version from which on a protocol lists its features.
const FEATURES_LISTED: i32 = 7;

/// The features of older writer versions, with the first version that has them.
const OF_VERSIONS: [(i32, TableFeature); 6] = [
    (2, TableFeature::AppendOnly),
    (2, TableFeature::Invariants),
    (3, TableFeature::CheckConstraints),
    (4, TableFeature::ChangeDataFeed),
    (4, TableFeature::GeneratedColumns),
    (6, TableFeature::IdentityColumns),
];
/// The one of them that readers must know too, and the versions that have it.
const MAPPED_READER: i32 = 2;
const MAPPED_WRITER: i32 = 5;

/// How properties begin that are CHECK constraints.
const CONSTRAINT: &str = "delta.constraints.";
/// What generated columns have in their metadata.
const GENERATED: &str = "delta.generationExpression";
/// How metadata of identity columns begins.
const IDENTITY: &str = "delta.identity.";

/// The snapshot for whoever adds rows to it or writes a checkpoint of it: its protocol without the
/// features that the log's writer does not know and this table does not use. It is never written.
///
/// # Errors
/// The log contradicts itself.
pub(super) fn writable(snapshot: SnapshotRef) -> KernelResult<SnapshotRef> {
    let configuration = snapshot.table_configuration();
    let protocol = configuration.protocol();
    let supported = writer_features(protocol);
    let schema = snapshot.schema();
    let is_needed = |feature: &TableFeature| match feature {
        TableFeature::CheckConstraints => {
            snapshot.metadata_configuration().keys().any(|key| key.starts_with(CONSTRAINT))
        }
        TableFeature::GeneratedColumns => has_field(&schema, &|key| key == GENERATED),
        TableFeature::IdentityColumns => has_field(&schema, &|key| key.starts_with(IDENTITY)),
        _ => true,
    };
    let needed: Vec<_> = supported.iter().filter(|feature| is_needed(feature)).cloned().collect();
    if needed.len() == supported.len() {
        return Ok(snapshot);
    }
    let protocol = Protocol::try_new(
        protocol.min_reader_version(),
        FEATURES_LISTED,
        protocol.reader_features().map(<[_]>::to_vec),
        Some(needed),
    )?;
    let configuration = TableConfiguration::try_new(
        configuration.metadata().clone(),
        protocol,
        snapshot.table_root().clone(),
        snapshot.version(),
    )?;
    Ok(Arc::new(Snapshot::new(snapshot.log_segment().clone(), configuration)?))
}

/// The features that a protocol supports, whether it lists them or has them by its version.
pub(super) fn writer_features(protocol: &Protocol) -> Vec<TableFeature> {
    if let Some(listed) = protocol.writer_features() {
        return listed.to_vec();
    }
    let version = protocol.min_writer_version();
    let by_version = OF_VERSIONS.into_iter().filter(|(first, _)| version >= *first);
    let mut features: Vec<_> = by_version.map(|(_, feature)| feature).collect();
    if version >= MAPPED_WRITER && protocol.min_reader_version() >= MAPPED_READER {
        features.push(TableFeature::ColumnMapping);
    }
    features
}

/// Whether a field, at any depth, has metadata under such a key.
fn has_field(fields: &StructType, is_key: &dyn Fn(&str) -> bool) -> bool {
    fn within(data_type: &DataType, is_key: &dyn Fn(&str) -> bool) -> bool {
        match data_type {
            DataType::Struct(fields) => has_field(fields, is_key),
            DataType::Array(array) => within(array.element_type(), is_key),
            DataType::Map(map) => {
                within(map.key_type(), is_key) || within(map.value_type(), is_key)
            }
            DataType::Primitive(_) | DataType::Variant(_) => false,
        }
    }
    let has = |field: &StructField| {
        field.metadata.keys().any(|key| is_key(key)) || within(field.data_type(), is_key)
    };
    fields.fields().any(has)
}
