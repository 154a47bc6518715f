//! Which stages of a divided plan lie below a barrier.

use std::collections::{HashMap, HashSet};

use datafusion::physical_plan::ExecutionPlan;

use super::SecurityBarrierExec;

/// A stage of a divided plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// Whether a barrier is in its plan.
    pub has_barrier: bool,
    /// The stages that read what it writes.
    pub readers: Vec<usize>,
}

/// The first view that a plan reads behind a barrier.
pub fn view_in(plan: &dyn ExecutionPlan) -> Option<String> {
    match plan.downcast_ref::<SecurityBarrierExec>() {
        Some(barrier) => Some(barrier.view().to_string()),
        None => plan.children().into_iter().find_map(|child| view_in(child.as_ref())),
    }
}

/// Whether the rows of a stage may go through a barrier in a later one. Of what fails below a
/// barrier in the stage itself, that hides the cause.
pub fn is_below_barrier(stage: usize, stages: &HashMap<usize, Stage>) -> bool {
    let (mut seen, mut next) = (HashSet::new(), vec![stage]);
    while let Some(current) = next.pop() {
        if !seen.insert(current) {
            continue;
        }
        match stages.get(&current) {
            Some(found) if current == stage || !found.has_barrier => next.extend(&found.readers),
            _ => return true,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_below_a_barrier_when_a_later_one_has_it() {
        let stage =
            |has_barrier, readers: &[usize]| Stage { has_barrier, readers: readers.to_vec() };
        let stages = HashMap::from([
            (1, stage(false, &[3])),
            (2, stage(false, &[4])),
            (3, stage(true, &[4])),
            (4, stage(false, &[])),
        ]);
        let below = [1, 2, 3, 4, 5].map(|number| is_below_barrier(number, &stages));
        assert_eq!(below, [true, false, false, false, true]);
    }
}
