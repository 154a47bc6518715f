//! Session options: `catalog`, `schema`, and every setting under its own name.

use std::collections::HashMap;
use std::sync::Arc;

use super::messages::{
    GetSessionOptionsResult, OptionValue, SessionOptionValue, SetSessionOptionError,
    SetSessionOptionFailure, SetSessionOptionsRequest, SetSessionOptionsResult,
};
use super::service::FlightSql;
use crate::frontend::Error;
use crate::session::Session;

/// The option of the default project.
const CATALOG: &str = "catalog";
/// The option of the default schema.
const SCHEMA: &str = "schema";

impl FlightSql {
    /// The options of a session.
    pub(super) fn options(session: &Session) -> GetSessionOptionsResult {
        let mut options = HashMap::new();
        let mut put = |name: &str, value: String| {
            let value = SessionOptionValue { option_value: Some(OptionValue::String(value)) };
            options.insert(name.to_string(), value);
        };
        put(CATALOG, session.project());
        put(SCHEMA, session.schema());
        for shown in session.settings().show() {
            put(shown.key, shown.value);
        }
        GetSessionOptionsResult { session_options: options }
    }

    /// Sets options one by one; those that cannot be set are told, the others hold.
    pub(super) async fn set_options(
        &self,
        session: &Arc<Session>,
        request: SetSessionOptionsRequest,
    ) -> Result<SetSessionOptionsResult, Error> {
        let mut errors = HashMap::new();
        let mut options = request.session_options;
        // The project first: the schema is looked up in it.
        let catalog = options.remove(CATALOG).map(|value| (CATALOG.to_string(), value));
        for (name, value) in catalog.into_iter().chain(options) {
            if let Err(error) = self.set_option(session, &name, value).await? {
                errors.insert(name, SetSessionOptionFailure { value: error as i32 });
            }
        }
        Ok(SetSessionOptionsResult { errors })
    }

    async fn set_option(
        &self,
        session: &Session,
        name: &str,
        value: SessionOptionValue,
    ) -> Result<Result<(), SetSessionOptionError>, Error> {
        let text = match value.option_value {
            None => None,
            Some(OptionValue::String(text)) => Some(text),
            Some(OptionValue::Bool(value)) => Some(value.to_string()),
            Some(OptionValue::Int64(value)) => Some(value.to_string()),
            Some(OptionValue::Double(value)) => Some(value.to_string()),
            Some(OptionValue::StringList(_)) => {
                return Ok(Err(SetSessionOptionError::InvalidValue));
            }
        };
        match name {
            CATALOG | SCHEMA => self.use_place(session, name, text).await,
            _ => Ok(set_setting(session, name, text.as_deref())),
        }
    }

    /// Moves the session to another project or schema, which must exist.
    async fn use_place(
        &self,
        session: &Session,
        name: &str,
        value: Option<String>,
    ) -> Result<Result<(), SetSessionOptionError>, Error> {
        let snapshot = self.services.query.seen_by(session.principal.id).await?;
        let (project, schema) = if name == CATALOG {
            let project = value.unwrap_or_else(|| lakegate_catalog::DEFAULT_PROJECT.to_string());
            let schema = match session.schema() {
                schema if snapshot.schema(&project, &schema).is_some() => schema,
                _ => lakegate_catalog::DEFAULT_SCHEMA.to_string(),
            };
            (project, schema)
        } else {
            let schema = value.unwrap_or_else(|| lakegate_catalog::DEFAULT_SCHEMA.to_string());
            (session.project(), schema)
        };
        let exists = match name {
            CATALOG => snapshot.project(&project).is_some(),
            _ => {
                schema == lakegate_catalog::INFORMATION_SCHEMA
                    || snapshot.schema(&project, &schema).is_some()
            }
        };
        if !exists {
            return Ok(Err(SetSessionOptionError::InvalidValue));
        }
        session.use_schema(project, schema);
        Ok(Ok(()))
    }
}

fn set_setting(
    session: &Session,
    name: &str,
    value: Option<&str>,
) -> Result<(), SetSessionOptionError> {
    session.update_settings(|settings| {
        let changed = match value {
            Some(value) => settings.set(name, value),
            None => settings.reset(Some(name)),
        };
        changed.map_err(|_| {
            let is_known = settings.show().iter().any(|shown| shown.key == name);
            if is_known {
                SetSessionOptionError::InvalidValue
            } else {
                SetSessionOptionError::InvalidName
            }
        })
    })
}
