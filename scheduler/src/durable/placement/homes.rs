//! Which executor is the home of which part of a scan.
//!
//! Pure: the same parts and the same executors give the same homes, and when an executor comes or
//! goes, few parts move. Each executor is home of its share and no more (rendezvous hashing with
//! bounded loads).

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig};
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::ExecutionPlan;

/// For each part the place of its home among the executors, which come with their cores.
pub(super) fn homes(parts: &[u64], executors: &[(String, u32)]) -> Vec<Option<usize>> {
    let cores: u64 = executors.iter().map(|(_, cores)| u64::from(*cores)).sum();
    let mut homes = vec![None; parts.len()];
    if cores == 0 {
        return homes;
    }
    let share = |(_, own): &(String, u32)| (parts.len() as u64 * u64::from(*own)).div_ceil(cores);
    let mut room: Vec<u64> = executors.iter().map(share).collect();
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_unstable_by_key(|&part| (parts[part], part));
    for part in order {
        let open = (0..executors.len()).filter(|&place| room[place] > 0);
        let home = open.max_by_key(|&place| hash(&(parts[part], &executors[place].0)));
        if let Some(home) = home {
            room[home] -= 1;
            homes[part] = Some(home);
        }
    }
    homes
}

/// A number for each part of the scan of objects that a stage with so many parts begins with: equal
/// for parts that read the same. `None` for a stage that reads none, or files that every executor
/// has at hand.
pub(super) fn scanned(plan: &Arc<dyn ExecutionPlan>, parts: usize) -> Option<Vec<u64>> {
    if let Some(scan) = plan.downcast_ref::<DataSourceExec>() {
        let scan = scan.data_source().downcast_ref::<FileScanConfig>()?;
        let is_local = scan.object_store_url.as_str().starts_with("file:");
        let fits = !is_local && scan.file_groups.len() == parts;
        return fits.then(|| scan.file_groups.iter().map(number).collect());
    }
    plan.children().into_iter().find_map(|child| scanned(child, parts))
}

fn number(files: &FileGroup) -> u64 {
    let first = files.files().first();
    let first = first.map(|file| (file.path().as_ref(), file.range.as_ref().map(|r| r.start)));
    hash(&first)
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn executors(names: &[&str]) -> Vec<(String, u32)> {
        names.iter().map(|name| (name.to_string(), 2)).collect()
    }

    /// Names of the homes of 120 parts.
    fn named(executors: &[(String, u32)]) -> Vec<&str> {
        let parts: Vec<u64> = (0..120).map(|part| hash(&part)).collect();
        let homes = homes(&parts, executors);
        homes.into_iter().map(|home| executors[home.unwrap()].0.as_str()).collect()
    }

    #[test]
    fn every_executor_is_home_of_its_share() {
        let mut executors = executors(&["a", "b", "c"]);
        executors[2].1 = 4;
        let homes = named(&executors);
        let count = |name: &str| homes.iter().filter(|home| **home == name).count();
        assert_eq!([count("a"), count("b"), count("c")], [30, 30, 60]);
    }

    #[test]
    fn homes_depend_on_who_is_there_and_not_on_the_order() {
        let executors = executors(&["a", "b", "c", "d"]);
        let mut turned = executors.clone();
        turned.reverse();
        assert_eq!(named(&executors), named(&turned));
    }

    #[test]
    fn few_parts_move_when_an_executor_goes() {
        let all = executors(&["a", "b", "c", "d"]);
        let left = executors(&["a", "b", "c"]);
        let pairs = named(&all).into_iter().zip(named(&left));
        let moved = pairs.filter(|(before, after)| *before != "d" && before != after).count();
        assert!(moved <= 30, "{moved} of 90 parts moved");
    }

    #[test]
    fn without_executors_nothing_has_a_home() {
        assert_eq!(homes(&[1, 2], &[]), [None, None]);
    }
}
