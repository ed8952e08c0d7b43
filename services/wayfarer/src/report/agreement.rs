//! How far a judge agrees with the truth: errors with 95 % intervals (Wilson), precision, recall, Cohen's kappa.

use serde::{Deserialize, Serialize};

/// The 97.5 % point of the normal distribution.
const Z: f64 = 1.959_964;

/// Counts of a judge against the truth; "positive" is "the attempt is right".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Right, and passed.
    pub true_pass: u64,
    /// Wrong, and passed: a false positive.
    pub false_pass: u64,
    /// Right, and failed: a false negative.
    pub false_fail: u64,
    /// Wrong, and failed.
    pub true_fail: u64,
}

/// A share with its 95 % interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// From 0 to 1.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// Out of how many.
    pub of: u64,
}

impl Share {
    /// `part` of `whole`, with the Wilson interval; everything is possible of nothing.
    pub fn of(part: u64, whole: u64) -> Self {
        if whole == 0 {
            return Self { value: 0.0, low: 0.0, high: 1.0, of: 0 };
        }
        let (n, p) = (whole as f64, part as f64 / whole as f64);
        let middle = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
        let half = Z / (1.0 + Z * Z / n) * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        Self { value: p, low: (middle - half).max(0.0), high: (middle + half).min(1.0), of: whole }
    }
}

/// How far a judge agrees with the truth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Agreement {
    /// The counts.
    pub counts: Counts,
    /// Share of the wrong attempts that it passed.
    pub fp: Share,
    /// Share of the right attempts that it failed.
    pub r#fn: Share,
    /// Share of what it passed that is right.
    pub precision: Share,
    /// Share of the right attempts that it passed.
    pub recall: Share,
    /// Cohen's kappa.
    pub kappa: f64,
    /// Lower end of its 95 % interval (large-sample standard error).
    pub kappa_low: f64,
    /// Upper end of its 95 % interval.
    pub kappa_high: f64,
}

impl Agreement {
    /// From pairs of (right, passed).
    pub fn of(pairs: impl IntoIterator<Item = (bool, bool)>) -> Self {
        let mut counts = Counts::default();
        for pair in pairs {
            match pair {
                (true, true) => counts.true_pass += 1,
                (false, true) => counts.false_pass += 1,
                (true, false) => counts.false_fail += 1,
                (false, false) => counts.true_fail += 1,
            }
        }
        let (right, wrong) = (counts.true_pass + counts.false_fail, counts.false_pass + counts.true_fail);
        let (kappa, error) = kappa(&counts);
        Self {
            counts,
            fp: Share::of(counts.false_pass, wrong),
            r#fn: Share::of(counts.false_fail, right),
            precision: Share::of(counts.true_pass, counts.true_pass + counts.false_pass),
            recall: Share::of(counts.true_pass, right),
            kappa,
            kappa_low: (kappa - Z * error).max(-1.0),
            kappa_high: (kappa + Z * error).min(1.0),
        }
    }
}

/// Cohen's kappa with its large-sample standard error; where truth and judge are both constant there is nothing to agree on beyond
/// chance, and kappa is 1 if they agree and 0 if not.
fn kappa(counts: &Counts) -> (f64, f64) {
    let n = (counts.true_pass + counts.false_pass + counts.false_fail + counts.true_fail) as f64;
    if n == 0.0 {
        return (0.0, 1.0);
    }
    let observed = (counts.true_pass + counts.true_fail) as f64 / n;
    let right = (counts.true_pass + counts.false_fail) as f64 / n;
    let passed = (counts.true_pass + counts.false_pass) as f64 / n;
    let by_chance = right * passed + (1.0 - right) * (1.0 - passed);
    if (1.0 - by_chance).abs() < 1e-12 {
        return (if observed > 0.999_999 { 1.0 } else { 0.0 }, 0.0);
    }
    let error = (observed * (1.0 - observed) / (n * (1.0 - by_chance).powi(2))).sqrt();
    ((observed - by_chance) / (1.0 - by_chance), error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 5e-4
    }

    #[test]
    fn the_textbook_example_gives_the_textbook_values() {
        // 20 and 15 agreed, 5 and 10 not: kappa 0.4
        let pairs = [((true, true), 20), ((false, false), 15), ((true, false), 5), ((false, true), 10)];
        let agreement = Agreement::of(pairs.into_iter().flat_map(|(pair, times)| std::iter::repeat_n(pair, times)));
        assert!(close(agreement.kappa, 0.4), "{agreement:?}");
        assert!(close(agreement.precision.value, 20.0 / 30.0) && close(agreement.recall.value, 0.8));
        assert!(close(agreement.fp.value, 0.4) && close(agreement.r#fn.value, 0.2));
        // Wilson, 1 of 10
        let share = Share::of(1, 10);
        assert!(close(share.low, 0.0179) && close(share.high, 0.4042), "{share:?}");
    }

    #[test]
    fn nothing_and_unanimity_are_no_division_by_zero() {
        assert_eq!(Agreement::of([]).kappa, 0.0);
        let all_right = Agreement::of(std::iter::repeat_n((true, true), 9));
        assert_eq!((all_right.kappa, all_right.fp.of), (1.0, 0));
    }
}
