//! Statements that were refused before anything ran.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use lakegate_catalog::limit::QUERY_TEXT_BYTES_MAX;
use lakegate_common::{Coded, error};
use lakegate_engine::statement::shown_of_unread;

use super::{Failure, QueryRegistry, QueryState};
use crate::identity::Principal;
use crate::query::{Error, QueryId};

/// When something began.
#[derive(Debug, Clone, Copy)]
pub(in crate::query) struct Begun {
    pub(super) at: SystemTime,
    pub(super) started: Instant,
}

impl Begun {
    pub(in crate::query) fn now() -> Self {
        Self { at: SystemTime::now(), started: Instant::now() }
    }
}

impl QueryRegistry {
    /// Notes a statement that was refused, bounded like those that ran. Of a text that could not be
    /// read only that is kept which cannot be a secret.
    pub(in crate::query) fn refused(
        self: &Arc<Self>,
        principal: &Principal,
        sql: &str,
        begun: Begun,
        refusal: &Error,
    ) {
        let kept = &sql[..sql.floor_char_boundary(QUERY_TEXT_BYTES_MAX)];
        let (shown, message) = match refusal {
            // The parser's own words tell of the text.
            Error::Statement(unread) => (shown_of_unread(kept), unread.to_string()),
            refusal => (kept.to_string(), error::Chain(refusal).to_string()),
        };
        let guard = self.begin_at(begun, QueryId::new(), principal, &shown);
        let code = refusal.code().to_string();
        guard.record().end(QueryState::Failed, Some(Failure { code, message }));
    }
}
