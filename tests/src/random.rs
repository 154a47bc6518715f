//! Random numbers that can be drawn again: they come from a seed that is printed.

use std::env;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Holds the seed of an earlier run whose numbers are wanted again.
const SEED_VARIABLE: &str = "LAKEGATE_TEST_SEED";

/// Draws numbers (`SplitMix64`).
#[derive(Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// From the seed in `LAKEGATE_TEST_SEED`, or else from one of its own; prints which.
    ///
    /// # Panics
    /// When the variable holds no number.
    pub fn seeded() -> Self {
        let seed = match env::var(SEED_VARIABLE) {
            Ok(text) => text.parse().expect("the seed is a number"),
            Err(_) => u64::from(clock().subsec_nanos()),
        };
        println!("random moments of {SEED_VARIABLE}={seed}");
        Self { state: seed }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// An index of a list of this length.
    ///
    /// # Panics
    /// When the list is empty.
    pub fn index(&mut self, length: usize) -> usize {
        let drawn = self.next() % u64::try_from(length).expect("lengths fit");
        usize::try_from(drawn).expect("an index fits")
    }

    /// A moment before `end`.
    pub fn moment(&mut self, end: Duration) -> Duration {
        // 53 bits, all of which a floating point number holds.
        let share = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        end.mul_f64(share)
    }
}

fn clock() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970")
}
