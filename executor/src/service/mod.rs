//! What an executor answers on its port, to members of the cluster only.

mod files;
mod liveness;
mod tasks;

pub(crate) use files::FileService;
pub(crate) use liveness::LivenessService;
pub(crate) use tasks::TaskService;
