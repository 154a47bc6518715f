//! Which tier runs a query: a pure function of estimate, cluster, limits and the session's choice.

use std::fmt;

use lakegate_common::ByteSize;
use lakegate_engine::estimate::Estimate;
use serde::Serialize;

use super::{Error, TierChoice};

/// Where a statement runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Answered from the catalog or the session.
    Metadata,
    /// In the server's own process.
    Local,
    /// On executors, through files that survive them.
    Durable,
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Tier::Metadata => "metadata",
            Tier::Local => "local",
            Tier::Durable => "durable",
        })
    }
}

/// What the router knows of the fleet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fleet {
    /// Executors that take work.
    pub executors: usize,
    /// Their cores.
    pub cores: usize,
}

/// The router's decision and its reason, in words for EXPLAIN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The tier.
    pub tier: Tier,
    /// Why.
    pub reason: String,
}

/// Picks the tier.
///
/// # Errors
/// [`Error::NoExecutors`] where the session insists on the durable tier and nobody serves it.
pub fn route(
    choice: TierChoice,
    estimate: Estimate,
    fleet: Fleet,
    local_bytes_max: ByteSize,
) -> Result<Route, Error> {
    let local = |reason: String| Ok(Route { tier: Tier::Local, reason });
    let durable = |reason: String| Ok(Route { tier: Tier::Durable, reason });
    let scan = format!("{} to scan in {} file scans", readable(estimate.bytes), estimate.scans);
    let fleet_text = format!("{} executors with {} cores", fleet.executors, fleet.cores);
    if estimate.scans == 0 {
        return local("it reads no files".to_string());
    }
    match choice {
        TierChoice::Local => local("the session asks for it".to_string()),
        TierChoice::Durable if fleet.executors == 0 => Err(Error::NoExecutors),
        TierChoice::Durable => durable(format!("the session asks for it; {fleet_text}")),
        TierChoice::Auto if fleet.executors == 0 => local(format!("no executors; {scan}")),
        TierChoice::Auto if estimate.bytes <= local_bytes_max.bytes() => {
            local(format!("{scan}, at most local.bytes_max of {local_bytes_max}"))
        }
        TierChoice::Auto => {
            durable(format!("{scan}, more than local.bytes_max of {local_bytes_max}; {fleet_text}"))
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "printed with one decimal")]
fn readable(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
        _ => format!("{:.1} GiB", bytes as f64 / 1_073_741_824.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLEET: Fleet = Fleet { executors: 2, cores: 2 };
    const LIMIT: ByteSize = ByteSize::mib(64);

    fn estimate(bytes: u64) -> Estimate {
        Estimate { bytes, rows: 0, scans: 1 }
    }

    fn tier(choice: TierChoice, estimate: Estimate, fleet: Fleet) -> Option<Tier> {
        route(choice, estimate, fleet, LIMIT).ok().map(|route| route.tier)
    }

    #[test]
    fn large_scans_go_to_executors_once_there_are_some() {
        let large = estimate(LIMIT.bytes() + 1);
        assert_eq!(tier(TierChoice::Auto, large, FLEET), Some(Tier::Durable));
        assert_eq!(tier(TierChoice::Auto, large, Fleet::default()), Some(Tier::Local));
        assert_eq!(tier(TierChoice::Auto, estimate(LIMIT.bytes()), FLEET), Some(Tier::Local));
    }

    #[test]
    fn the_session_decides_where_it_chooses() {
        assert_eq!(tier(TierChoice::Durable, estimate(1), FLEET), Some(Tier::Durable));
        assert_eq!(tier(TierChoice::Local, estimate(u64::MAX), FLEET), Some(Tier::Local));
    }

    #[test]
    fn durable_without_executors_is_refused_and_not_run_elsewhere() {
        assert!(matches!(
            route(TierChoice::Durable, estimate(1), Fleet::default(), LIMIT),
            Err(Error::NoExecutors)
        ));
    }

    #[test]
    fn what_reads_no_files_stays_local() {
        assert_eq!(tier(TierChoice::Durable, Estimate::default(), FLEET), Some(Tier::Local));
    }
}
