//! Properties of a table that is there.

use std::collections::{BTreeMap, BTreeSet};

use delta_kernel::actions::Protocol;
use delta_kernel::table_properties::TableProperties;
use delta_kernel::transaction::{Transaction, UpdateTableOperation};
use delta_kernel::{KernelResult, SnapshotRef};
use serde_json::{Value, json};

use super::actions::{Together, metadata_action, protocol_action};
use super::attempts::Step;
use super::protocols::widened;
use super::{Change, Commits, ENGINE};
use crate::Error;
use crate::delta::guarded::LogEngine;
use crate::delta::writable::writable;
use crate::delta::{DeltaLog, TableState};

/// Whether a table's rows stay.
pub(super) const APPEND_ONLY: &str = "delta.appendOnly";

/// The properties that a table may get, with the feature that its protocol must have for them. Each
/// is kept here, or concerns what is not done here.
const SETTABLE: [(&str, Option<&str>); 11] = [
    (APPEND_ONLY, Some("appendOnly")),
    ("delta.checkpoint.writeStatsAsJson", None),
    ("delta.checkpoint.writeStatsAsStruct", None),
    ("delta.checkpointInterval", None),
    ("delta.dataSkippingNumIndexedCols", None),
    ("delta.dataSkippingStatsColumns", None),
    ("delta.deletedFileRetentionDuration", None),
    ("delta.enableChangeDataFeed", Some("changeDataFeed")),
    ("delta.enableExpiredLogCleanup", None),
    ("delta.logRetentionDuration", None),
    ("delta.setTransactionRetentionDuration", None),
];

/// Digits of the largest number in a property. The log's reader multiplies such.
const DIGITS_MAX: usize = 9;

/// What becomes of a table's properties.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PropertyChange {
    /// New ones, and new values.
    pub set: BTreeMap<String, String>,
    /// Those that go; one that is not there is no error.
    pub unset: BTreeSet<String>,
}

impl Commits {
    /// Changes the properties of a table; the version that has them.
    ///
    /// # Errors
    /// [`Error::PropertyNotSettable`] and [`Error::PropertyValue`] for a property that a table
    /// cannot be given, [`Error::UnsupportedFeature`], and those of a commit: [`Commits::append`].
    pub async fn set_properties(
        &self,
        log: &DeltaLog,
        change: PropertyChange,
    ) -> Result<u64, Error> {
        check_settable(&change.set)?;
        change.unset.iter().try_for_each(|name| check_known(name))?;
        self.take(log, change).await
    }
}

/// Refuses properties that a table that is there cannot be given.
///
/// # Errors
/// [`Error::PropertyNotSettable`], [`Error::PropertyValue`].
pub(super) fn check_settable(properties: &BTreeMap<String, String>) -> Result<(), Error> {
    for (name, value) in properties {
        check_known(name)?;
        let has_small_numbers = value
            .split(|character: char| !character.is_ascii_digit())
            .all(|digits| digits.len() <= DIGITS_MAX);
        let is_taken = has_small_numbers && {
            let read = TableProperties::from([(name.clone(), value.clone())]);
            read.unknown_properties.is_empty()
        };
        if !is_taken {
            return Err(Error::PropertyValue { name: name.clone(), value: value.clone() });
        }
    }
    Ok(())
}

fn check_known(name: &str) -> Result<(), Error> {
    if SETTABLE.iter().any(|(known, _)| *known == name) {
        return Ok(());
    }
    let known = SETTABLE.iter().map(|(name, _)| *name).collect();
    Err(Error::PropertyNotSettable { name: name.to_string(), known })
}

impl PropertyChange {
    /// A protocol with the features that the new values ask for.
    fn needed(&self) -> KernelResult<Protocol> {
        let is_on = |name: &str| self.set.get(name).is_some_and(|value| value == "true");
        let features = SETTABLE.iter().filter(|(name, _)| is_on(name));
        let features: Vec<_> = features.filter_map(|(_, feature)| *feature).collect();
        let no_readers: Vec<&str> = Vec::new();
        Protocol::try_new(3, 7, Some(no_readers), Some(features))
    }
}

impl Step for PropertyChange {
    fn check(&self, _newest: &TableState) -> Result<(), Error> {
        Ok(())
    }

    fn transaction(
        &self,
        engine: &LogEngine,
        newest: &TableState,
        change: Change,
    ) -> KernelResult<Transaction> {
        let present = newest.snapshot.table_configuration();
        let mut metadata = serde_json::to_value(present.metadata())?;
        let mut configuration: BTreeMap<_, _> = newest.properties().clone().into_iter().collect();
        configuration.retain(|name, _| !self.unset.contains(name));
        configuration.extend(self.set.clone());
        metadata["configuration"] = json!(configuration);
        let mut actions = vec![metadata_action(&metadata)?];
        if let Some(protocol) = widened(present.protocol(), &self.needed()?) {
            actions.push(protocol_action(&protocol)?);
        }
        let (operation, told): (_, Value) = if self.set.is_empty() {
            ("UNSET TBLPROPERTIES", json!(self.unset))
        } else {
            ("SET TBLPROPERTIES", json!(self.set))
        };
        let operation = UpdateTableOperation::Custom(operation.to_string());
        let builder = writable(SnapshotRef::clone(&newest.snapshot))?
            .update_table(operation, ENGINE, false)
            .with_operation_parameters([("properties", Some(told.to_string()))]);
        change.sign(builder)?.build(engine, Box::new(Together::with(actions)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(name: &str, value: &str) -> Result<(), Error> {
        check_settable(&BTreeMap::from([(name.to_string(), value.to_string())]))
    }

    #[test]
    fn a_property_takes_values_that_the_log_can_be_read_with() {
        for (name, value) in [
            ("delta.appendOnly", "true"),
            ("delta.checkpointInterval", "10"),
            ("delta.logRetentionDuration", "interval 30 days"),
            ("delta.dataSkippingNumIndexedCols", "-1"),
        ] {
            checked(name, value).unwrap();
        }
        for (name, value) in [
            ("delta.appendOnly", "perhaps"),
            ("delta.checkpointInterval", "0"),
            ("delta.logRetentionDuration", "thirty days"),
            ("delta.logRetentionDuration", "interval 9223372036854775807 weeks"),
        ] {
            let refused = checked(name, value).unwrap_err();
            assert!(matches!(refused, Error::PropertyValue { .. }), "{name}: {refused}");
        }
    }

    #[test]
    fn a_property_that_asks_for_more_is_refused_by_name() {
        for name in ["delta.columnMapping.mode", "delta.enableRowTracking", "delta.absent"] {
            let refused = checked(name, "name").unwrap_err();
            assert!(refused.to_string().contains(name), "{refused}");
        }
    }
}
