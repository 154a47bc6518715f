//! What a handle of the catalog demands of every change, and adds to what it makes.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::access::VisibleSnapshot;
use crate::error::Error;
use crate::limit::check_comment;

use super::Catalog;
use super::change::Change;
use super::database::values;
use super::locations::check_options;
use super::read::to_json;

/// Whether a change may be made, judged on the catalog as it is when the change begins.
pub(super) type Condition = Arc<dyn Fn(&VisibleSnapshot) -> Result<(), Error> + Send + Sync>;

/// What is noted about an object from its beginning.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    /// What somebody writes about it.
    pub comment: Option<String>,
    /// What somebody notes about it, by name.
    pub properties: BTreeMap<String, String>,
}

impl Catalog {
    /// The catalog as it may be changed only while a condition holds. It is judged inside the
    /// transaction of each change, before anything else, on what the handle's principal sees then;
    /// nobody changes the catalog between that and the change. Its error is the change's error.
    /// A condition that the handle has already is judged first.
    #[must_use]
    pub fn provided(
        &self,
        condition: impl Fn(&VisibleSnapshot) -> Result<(), Error> + Send + Sync + 'static,
    ) -> Self {
        let before = self.condition.clone();
        let both = move |seen: &VisibleSnapshot| {
            before.as_ref().map_or(Ok(()), |before| before(seen))?;
            condition(seen)
        };
        Self { condition: Some(Arc::new(both)), ..self.clone() }
    }

    /// The catalog in which everything that is made has this comment and these properties from
    /// its beginning. They take the place of those that a new dataset says itself.
    #[must_use]
    pub fn noting(&self, notes: Notes) -> Self {
        Self { notes: Some(Arc::new(notes)), ..self.clone() }
    }
}

impl Change<'_> {
    /// Writes down what the handle notes about what it makes.
    pub(super) async fn note(
        &mut self,
        table: &'static str,
        id: impl ToString,
    ) -> Result<(), Error> {
        let Some(notes) = self.notes() else { return Ok(()) };
        check_comment(notes.comment.as_deref())?;
        check_options(&notes.properties, "an object")?;
        let sql = format!("UPDATE {table} SET comment = $1, properties_json = $2 WHERE id = $3");
        let properties = to_json(&notes.properties);
        let values = values![notes.comment.as_deref(), properties, id.to_string()];
        self.execute(&sql, values).await.map(drop)
    }
}
