//! What the machine has: cores, and memory as far as this process may use it.

use std::fs;
use std::num::NonZeroUsize;

use lakegate_common::ByteSize;

/// Share of the memory that queries get when no amount is given. The rest is for what operators
/// do not account for: buffers of shuffles, decoded pages, the allocator's slack.
const QUERY_MEMORY_RATIO: f64 = 0.7;
/// Taken for the machine's memory where it cannot be read.
const MEMORY_FALLBACK: ByteSize = ByteSize::gib(4);
/// Where a container's limit stands: version 2 of control groups, then version 1.
const CGROUP_LIMITS: [&str; 2] =
    ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];

/// Cores that this process may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Memory for queries: a share of what the machine has or the container may use.
pub(crate) fn query_memory() -> ByteSize {
    let machine = fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| memory_total(&text))
        .unwrap_or(MEMORY_FALLBACK);
    let container =
        CGROUP_LIMITS.iter().find_map(|path| fs::read_to_string(path).ok()?.trim().parse().ok());
    let available = container.map_or(machine, |limit| machine.min(ByteSize(limit)));
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an estimate"
    )]
    let share = (available.bytes() as f64 * QUERY_MEMORY_RATIO) as u64;
    ByteSize(share)
}

fn memory_total(meminfo: &str) -> Option<ByteSize> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(ByteSize(kibibytes * 1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_memory_is_read() {
        assert_eq!(
            memory_total("MemTotal:       24605172 kB\nMemFree: 1 kB"),
            Some(ByteSize(24_605_172 * 1024))
        );
        assert_eq!(memory_total("nothing"), None);
    }

    #[test]
    fn queries_get_a_share_of_it() {
        assert!(query_memory() > ByteSize::mib(64));
    }
}
