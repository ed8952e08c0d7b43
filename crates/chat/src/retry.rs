//! Pauses between tries of a call that met a fault which may pass.

use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

/// First pause before a retry; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Longest pause that we choose ourselves.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Pause after so many faults: doubling, half of it drawn, so that many callers do not come back at once.
pub fn pause_after(faults: u32) -> Duration {
    backoff(faults, jitter())
}

fn backoff(faults: u32, draw: f64) -> Duration {
    let full = FIRST_PAUSE.saturating_mul(1 << faults.saturating_sub(1).min(16)).min(LONGEST_PAUSE);
    full.mul_f64(0.5 + draw.clamp(0.0, 1.0) / 2.0)
}

/// A number from 0 to 1 that differs between processes and calls; it need not be good.
fn jitter() -> f64 {
    let drawn = std::hash::RandomState::new().build_hasher().finish();
    (drawn >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn pauses_grow_and_stay_bounded(faults in 1_u32..200, draw in 0.0_f64..1.0) {
            let pause = backoff(faults, draw);
            proptest::prop_assert!(pause >= FIRST_PAUSE / 2 && pause <= LONGEST_PAUSE);
        }
    }
}
