//! Which farm is asked first: what the farms say of themselves, as a board that every caller keeps.
//!
//! ```text
//!  farm ── FarmStanding, every second and at changes ──▶ NATS ──▶ Board of each caller ──▶ order of the next acquire
//! ```
//!
//! Many callers see the same board at the same moment: were all to choose the emptiest farm, they would all meet there. So the first
//! farm is drawn, by the places that each has free, and what this caller was just given counts until the farm's next word. The board is a
//! hint: a farm that has no place says `Busy`, and the next one is asked.

use rand::Rng;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use wayfarer_proto::v1::FarmStanding;

/// How long a farm's word is believed: farms speak every second, and a lost word or two says nothing.
pub const STANDING_TTL: Duration = Duration::from_secs(4);

/// What is known of the farms.
#[derive(Debug, Default)]
pub struct Board {
    farms: Mutex<HashMap<String, Word>>,
}

/// A farm's last word.
#[derive(Debug)]
struct Word {
    standing: FarmStanding,
    heard: Instant,
    /// Sessions that it gave to us since.
    given: u32,
}

/// What a farm is good for at this moment; better ones sort first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Worth {
    /// It has places.
    Free(Reverse<u32>, Reverse<u64>),
    /// It has not spoken: an older one, or one that has just come.
    Unknown,
    /// It is full; callers that wait there already.
    Full(u32),
    /// It shuts down.
    Draining,
}

impl Board {
    /// Takes a farm's word in.
    pub fn hear(&self, standing: FarmStanding) {
        let word = Word { heard: Instant::now(), given: 0, standing };
        self.farms().insert(word.standing.address.clone(), word);
    }

    /// A farm gave us a session.
    pub fn was_given(&self, address: &str) {
        if let Some(word) = self.farms().get_mut(address) {
            word.given += 1;
        }
    }

    /// These farms, the one to ask first in front.
    pub fn order(&self, addresses: Vec<String>) -> Vec<String> {
        let mut farms = self.farms();
        farms.retain(|address, word| word.heard.elapsed() < STANDING_TTL && addresses.contains(address));
        let worths = addresses.into_iter().map(|address| {
            let worth = farms.get(&address).map_or(Worth::Unknown, Word::worth);
            (address, worth)
        });
        ordered(worths.collect(), &mut rand::rng())
    }

    fn farms(&self) -> std::sync::MutexGuard<'_, HashMap<String, Word>> {
        self.farms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Word {
    fn worth(&self) -> Worth {
        let FarmStanding { free, waiting, memory_free_mib, draining, .. } = self.standing;
        match free.saturating_sub(self.given) {
            _ if draining => Worth::Draining,
            0 => Worth::Full(waiting),
            free => Worth::Free(Reverse(free), Reverse(memory_free_mib)),
        }
    }
}

/// Best first, except that the first is drawn among those with places, each as likely as it has places.
fn ordered(mut farms: Vec<(String, Worth)>, random: &mut impl Rng) -> Vec<String> {
    farms.sort_by_key(|(_, worth)| *worth);
    let places = |worth: &Worth| if let Worth::Free(Reverse(free), _) = worth { u64::from(*free) } else { 0 };
    let all: u64 = farms.iter().map(|(_, worth)| places(worth)).sum();
    if all > 0 {
        let mut drawn = random.random_range(0..all);
        let first = farms.iter().position(|(_, worth)| {
            let is_it = drawn < places(worth);
            drawn = drawn.saturating_sub(places(worth));
            is_it
        });
        farms[..=first.unwrap_or(0)].rotate_right(1);
    }
    farms.into_iter().map(|(address, _)| address).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    fn standing(address: &str, free: u32) -> FarmStanding {
        FarmStanding { address: address.into(), capacity: 8, free, waiting: 0, memory_free_mib: 1000, draining: false }
    }

    fn known(farms: &[FarmStanding]) -> Board {
        let board = Board::default();
        farms.iter().cloned().for_each(|farm| board.hear(farm));
        board
    }

    fn order(board: &Board, addresses: &[&str]) -> Vec<String> {
        board.order(addresses.iter().map(ToString::to_string).collect())
    }

    #[tokio::test(start_paused = true)]
    async fn places_come_first_then_the_unknown_then_the_full_and_last_who_drains() {
        let leaving = FarmStanding { draining: true, ..standing("leaving", 8) };
        let queue = FarmStanding { waiting: 3, ..standing("queue", 0) };
        let board = known(&[leaving, queue, standing("full", 0), standing("free", 2)]);
        let all = ["leaving", "queue", "full", "new", "free"];

        assert_eq!(order(&board, &all), ["free", "new", "full", "queue", "leaving"]);
        // what is not registered is not asked, whatever it says
        assert_eq!(order(&board, &["new"]), ["new"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_given_counts_until_the_farm_speaks_again() {
        let board = known(&[standing("a", 1), standing("b", 0)]);
        assert_eq!(order(&board, &["b", "a"]), ["a", "b"]);

        board.was_given("a");
        assert_eq!(order(&board, &["b", "a", "c"])[0], "c", "a has no place left for us");
        board.hear(standing("a", 1));
        assert_eq!(order(&board, &["b", "a", "c"])[0], "a");

        tokio::time::advance(STANDING_TTL).await;
        board.hear(standing("b", 1));
        assert_eq!(order(&board, &["a", "b"]), ["b", "a"], "an old word is not believed");
    }

    #[test]
    fn callers_spread_by_the_places_that_are_free() {
        let mut random = StdRng::seed_from_u64(7);
        let farm = |name: &str, free| (name.to_owned(), Worth::Free(Reverse(free), Reverse(0)));
        let mut first = HashMap::<String, u32>::new();
        for _ in 0..1000 {
            let order = ordered(vec![farm("small", 2), farm("big", 8), ("none".into(), Worth::Full(0))], &mut random);
            assert_eq!((order.len(), order[2].as_str()), (3, "none"));
            *first.entry(order[0].clone()).or_default() += 1;
        }
        assert!((700..900).contains(&first["big"]) && first.len() == 2, "{first:?}");
    }
}
