//! The rights that were worked out already. A snapshot never changes, so they stay true for it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use crate::access::Access;
use crate::ids::PrincipalId;
use crate::limit::ACCESSES_REMEMBERED_MAX;

/// Rights by principal. It is no part of what a snapshot is: all are equal, and a clone is empty.
#[derive(Default)]
pub(super) struct Remembered {
    accesses: RwLock<HashMap<PrincipalId, Arc<Access>>>,
}

impl Remembered {
    pub(super) fn get_or(
        &self,
        principal: PrincipalId,
        work_out: impl FnOnce() -> Access,
    ) -> Arc<Access> {
        let known = self.accesses.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(access) = known.get(&principal) {
            return Arc::clone(access);
        }
        drop(known);
        let access = Arc::new(work_out());
        let mut known = self.accesses.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= ACCESSES_REMEMBERED_MAX {
            known.clear();
        }
        known.insert(principal, Arc::clone(&access));
        access
    }
}

impl Clone for Remembered {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Remembered {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Remembered {}

impl fmt::Debug for Remembered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Remembered")
    }
}
