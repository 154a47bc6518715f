//! Statements that were refused before anything ran.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use lakegate_catalog::limit::QUERY_TEXT_BYTES_MAX;
use lakegate_common::{Coded, error};
use lakegate_engine::statement::{Error as Unread, shown, shown_of_unread};

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
        // Before it is cut: a value without its end could not be told any more.
        let told = shown(sql);
        let (text, message) = match refusal {
            Error::Statement(refusal @ Unread::SecretInClear { .. }) if told != sql => {
                (told.into_owned(), refusal.to_string())
            }
            // The parser's own words tell of the text.
            Error::Statement(unread) => (shown_of_unread(cut(sql)), unread.to_string()),
            refusal => (told.into_owned(), error::Chain(refusal).to_string()),
        };
        let guard = self.begin_at(begun, QueryId::new(), principal, cut(&text));
        let code = refusal.code().to_string();
        guard.record().end(QueryState::Failed, Some(Failure { code, message }));
    }
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(QUERY_TEXT_BYTES_MAX)]
}
