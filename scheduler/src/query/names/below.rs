//! What lies below a view, and who may read it.

use lakegate_catalog::{DatasetId, Object, PrincipalId, Privilege, VisibleSnapshot};

/// What a query reads, but for what views in it hide already.
#[derive(Debug, Default)]
pub(super) struct Below {
    datasets: Vec<DatasetId>,
    /// Whether it reads what the service tells of itself, with the rights of its principal.
    reads_service: bool,
    /// With whose rights views below read what the service tells of itself.
    service_seen_by: Vec<PrincipalId>,
    is_whole: bool,
}

impl Below {
    /// A table or a view that is read.
    pub(super) fn reads(&mut self, dataset: DatasetId) {
        self.datasets.push(dataset);
    }

    /// A table of `system` or `information_schema` is read.
    pub(super) fn reads_service(&mut self) {
        self.reads_service = true;
    }

    /// Every name of the query has been found.
    pub(super) fn is_whole(&mut self) {
        self.is_whole = true;
    }

    /// Adds what a view reads whose inside nothing hides.
    pub(super) fn reads_what(&mut self, view: Self, definer: Option<PrincipalId>) {
        self.datasets.extend(view.datasets);
        self.service_seen_by.extend(view.service_seen_by);
        match definer {
            Some(definer) if view.reads_service => self.service_seen_by.push(definer),
            Some(_) => {}
            None => self.reads_service |= view.reads_service,
        }
    }

    /// Whether `seen` is of one who may read all of it by themselves, where a view of `definer`
    /// reads it. Of what was not found nobody knows who may.
    pub(super) fn is_open_to(&self, seen: &VisibleSnapshot, definer: Option<PrincipalId>) -> bool {
        let reads_as = definer.filter(|_| self.reads_service);
        seen.is_admin()
            || self.is_whole
                && self.datasets.iter().all(|id| seen.may(Privilege::Select, Object::Dataset(*id)))
                && self.service_seen_by.iter().chain(&reads_as).all(|id| seen.acts_as(*id))
    }
}
