//! Loop detection by page state: the same action on the same state again and again, or back and forth between two states.

/// What one step did, as far as loops are concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// State hash of the page on which it was decided.
    pub state: String,
    /// The action in one line.
    pub action: String,
}

/// Times that the same action on the same state counts as a loop.
const SAME_BOUND: usize = 3;
/// How far back repetitions are looked for.
const WINDOW: usize = 12;

/// Whether the steps since the last plan turn in circles; says how.
pub fn find_loop(trace: &[Trace]) -> Option<String> {
    let last = trace.last()?;
    let recent = &trace[trace.len().saturating_sub(WINDOW)..];
    let same = recent.iter().filter(|earlier| *earlier == last).count();
    if same >= SAME_BOUND {
        return Some(format!("{:?} was done {same} times on the same page state", last.action));
    }
    let [.., a, b, c, d] = recent else { return None };
    (a == c && b == d && a != b).then(|| format!("{:?} and {:?} follow each other in turn without progress", a.action, b.action))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(steps: &[(&str, &str)]) -> Vec<Trace> {
        steps.iter().map(|(state, action)| Trace { state: (*state).into(), action: (*action).into() }).collect()
    }

    #[test]
    fn circles_are_found_and_progress_is_not() {
        assert!(find_loop(&trace(&[("1", "a"), ("1", "a"), ("1", "a")])).is_some());
        assert!(find_loop(&trace(&[("1", "a"), ("2", "b"), ("1", "a"), ("3", "c"), ("1", "a")])).is_some());
        assert!(find_loop(&trace(&[("1", "a"), ("2", "b"), ("1", "a"), ("2", "b")])).is_some());
        assert!(find_loop(&trace(&[("1", "scroll"), ("2", "scroll"), ("3", "scroll"), ("4", "scroll")])).is_none());
        assert!(find_loop(&trace(&[("1", "a"), ("1", "a"), ("2", "b")])).is_none());
        assert!(find_loop(&[]).is_none());
    }
}
