//! Ends what stands on a password that has been changed, or on a user who is gone.

use std::collections::{HashMap, HashSet};

use lakegate_catalog::{Error, PrincipalId, PrincipalProfile, Snapshot};

use super::{Authenticator, PasswordMark, Principal, Purpose};

/// What of each user's password was compared with the catalog, and at which revision of the user.
#[derive(Default)]
pub(super) struct Checked(HashMap<Proof, u64>);

/// Who has proven to be whom by what.
type Proof = (PrincipalId, PasswordMark);

impl Authenticator {
    /// Ends sessions, and forgets credentials, of users who are gone or have another password now.
    /// While nothing changes this asks the catalog for its version alone.
    ///
    /// # Errors
    /// The catalog cannot be read; the next call sees to it.
    pub async fn end_stale(&self) -> Result<(), Error> {
        let snapshot = self.catalog.snapshot().await?;
        let proofs: HashSet<Proof> = self.proofs();
        let mut stale = HashSet::new();
        for proof in &proofs {
            if !self.holds(&snapshot, *proof).await? {
                stale.insert(*proof);
            }
        }
        self.checked.lock().0.retain(|proof, _| proofs.contains(proof) && !stale.contains(proof));
        if !stale.is_empty() {
            self.verified.lock().clear();
            let ended = self.sessions.end(|session| stale.contains(&proof_of(&session.principal)));
            tracing::info!(sessions = ended, "ended sessions of users that are gone or changed");
        }
        Ok(())
    }

    fn proofs(&self) -> HashSet<Proof> {
        let mut proofs: HashSet<_> =
            self.sessions.all().iter().map(|session| proof_of(&session.principal)).collect();
        proofs.extend(self.verified.lock().values().map(|(principal, _)| proof_of(principal)));
        proofs
    }

    async fn holds(&self, snapshot: &Snapshot, proof: Proof) -> Result<bool, Error> {
        let Some(profile) = snapshot.principal_by_id(proof.0) else { return Ok(false) };
        let known = self.checked.lock().0.get(&proof).copied();
        if known == Some(profile.revision) {
            return Ok(true);
        }
        let holds = self.is_current(profile, proof.1).await?;
        if holds {
            self.checked.lock().0.insert(proof, profile.revision);
        }
        Ok(holds)
    }

    async fn is_current(
        &self,
        profile: &PrincipalProfile,
        mark: PasswordMark,
    ) -> Result<bool, Error> {
        let found = self.catalog.principal(&profile.name).await?;
        Ok(found.is_some_and(|found| found.id == profile.id && self.mark_of(&found) == mark))
    }

    pub(super) fn mark_of(&self, principal: &lakegate_catalog::Principal) -> PasswordMark {
        let id = principal.id.to_string();
        let hash = principal.password_hash.as_bytes();
        PasswordMark(self.signer.digest(Purpose::CredentialCache, &id, hash))
    }
}

fn proof_of(principal: &Principal) -> Proof {
    (principal.id, principal.password)
}
