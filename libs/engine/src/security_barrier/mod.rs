//! Views as borders: what a caller writes never sees the rows that a view leaves out, and nobody
//! learns from a plan or an error what lies below a view that they may not read.
//!
//! A view that reads for its caller what the caller may not read is planned below a
//! [`SecurityBarrier`], which becomes a [`SecurityBarrierExec`]. Neither lets a predicate through,
//! but for those that [`PushHarmlessPredicates`] knows to fail for no row.

mod covered;
mod exec;
mod failure;
mod harmless;
mod node;
mod planner;
mod stages;
#[cfg(test)]
mod tests;

pub use covered::{covered_logical, covered_physical};
pub use exec::SecurityBarrierExec;
pub use failure::ViewFailure;
pub use harmless::PushHarmlessPredicates;
pub use node::{SecurityBarrier, guarded, views_in};
pub use planner::Planner;
pub use stages::{Stage, is_below_barrier, view_in};
