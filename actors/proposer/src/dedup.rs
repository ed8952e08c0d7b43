//! Near-duplicates of intents.
//!
//! Two intents are the same task in other words if their numbers, dates and names agree and what remains says the same. MinHash with
//! banding (gaoya) finds the few candidates among all intents of a run; the decision on a candidate is exact (`same_task`).

use gaoya::minhash::{MinHashIndex, MinHasher, MinHasher64V1};
use std::collections::{BTreeSet, HashMap};

/// Bands of two hashes: a pair with half its words in common is missed less than once in ten million.
const BANDS: usize = 64;
const BAND_WIDTH: usize = 2;
/// Estimated similarity from which a pair is looked at.
const CANDIDATE: f64 = 0.3;
/// Share of common words, if one wording only adds words to the other.
const SAME_IF_ADDED: f64 = 0.6;
/// Share of common words, if each has words that the other has not.
const SAME_IF_CHANGED: f64 = 0.85;

/// Words that change how a task is said, but not what it asks.
const FILLER: &[&str] = &[
    "a",
    "an",
    "the",
    "of",
    "to",
    "in",
    "on",
    "at",
    "for",
    "from",
    "with",
    "by",
    "and",
    "or",
    "into",
    "is",
    "are",
    "was",
    "were",
    "be",
    "it",
    "its",
    "this",
    "that",
    "there",
    "what",
    "which",
    "how",
    "does",
    "do",
    "can",
    "could",
    "would",
    "will",
    "please",
    "me",
    "my",
    "i",
    "you",
    "your",
    "tell",
    "find",
    "show",
    "give",
    "get",
    "look",
    "up",
    "see",
    "check",
    "let",
    "know",
    "out",
    "want",
    "need",
    "like",
    "site",
    "website",
    "page",
    "web",
    "online",
    "accord",
    "according",
    "documentation",
    "doc",
    "shop",
    "store",
    "has",
    "have",
    "much",
    "cost",
];

/// Words for the same thing, in their singular.
const SYNONYMS: &[(&str, &str)] =
    &[("basket", "cart"), ("bag", "cart"), ("put", "add"), ("purchase", "buy"), ("reserve", "book"), ("colour", "color")];

/// Words that tell tasks apart however similar the rest is.
const TELLING: &[&str] = &[
    "black", "white", "red", "green", "blue", "yellow", "orange", "purple", "pink", "brown", "grey", "gray", "navy", "olive", "sand",
    "rust", "small", "medium", "large", "cheapest", "dearest", "highest", "lowest", "best", "worst", "most", "least", "newest", "oldest",
    "earliest", "latest", "longest", "shortest", "without", "not", "except",
];

/// An intent in the form in which it is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wording {
    /// All telling and plain words.
    words: BTreeSet<String>,
    /// Names: capitalised inside a sentence, or with a dot or underscore inside.
    names: BTreeSet<String>,
    /// Each number with the word behind it, so that "2 mugs and 3 lamps" is not "3 mugs and 2 lamps".
    numbers: BTreeSet<String>,
}

impl Wording {
    fn of(intent: &str) -> Self {
        let mut wording = Self { words: BTreeSet::new(), names: BTreeSet::new(), numbers: BTreeSet::new() };
        let mut starts_sentence = true;
        let mut number: Option<String> = None;
        for raw in intent.split(|c: char| c.is_whitespace() || "\"“”()".contains(c)) {
            let ends_sentence = raw.ends_with(['.', ':', '?', '!', ';']);
            let token = raw.trim_matches(|c: char| !c.is_alphanumeric() && c != '$' && c != '€' && c != '£');
            if token.is_empty() {
                continue;
            }
            let is_number = token.chars().any(|c| c.is_ascii_digit()) && !token.chars().any(|c| c.is_alphabetic() && c != 'x');
            let is_name = !starts_sentence && token.chars().next().is_some_and(char::is_uppercase)
                || token.contains(['.', '_']) && !is_number
                || !is_number && token.chars().any(|c| c.is_ascii_digit());
            starts_sentence = ends_sentence;
            let word = stem(token);
            let is_filler = !is_name && FILLER.contains(&word.as_str());
            if let Some(amount) = number.take() {
                wording.numbers.insert(if is_filler || is_number { amount } else { format!("{amount} {word}") });
            }
            if is_number && raw.ends_with([',', '.', ';', '?', '!', ':']) {
                wording.numbers.insert(token.to_lowercase());
            } else if is_number {
                number = Some(token.to_lowercase());
            } else if !is_filler {
                if is_name || TELLING.contains(&word.as_str()) {
                    wording.names.insert(word.clone());
                }
                wording.words.insert(word);
            }
        }
        wording.numbers.extend(number);
        wording
    }

    fn features(&self) -> impl Iterator<Item = &String> {
        self.words.iter().chain(&self.numbers)
    }
}

fn stem(token: &str) -> String {
    let lower = token.to_lowercase();
    let lower = lower.strip_suffix("'s").or_else(|| lower.strip_suffix("’s")).unwrap_or(&lower);
    let is_plural = lower.len() > 3 && lower.ends_with('s') && !lower.ends_with("ss") && !lower.contains(['.', '_']);
    let singular = if is_plural { &lower[..lower.len() - 1] } else { lower };
    SYNONYMS.iter().find(|(word, _)| *word == singular).map_or(singular, |(_, same)| same).to_owned()
}

/// Whether two intents ask for the same in other words.
pub fn same_task(one: &str, other: &str) -> bool {
    same(&Wording::of(one), &Wording::of(other))
}

fn same(one: &Wording, other: &Wording) -> bool {
    // a name at the beginning of a sentence is a plain word there, so names are looked for among all words of the other
    let names_agree = one.names.is_subset(&other.words) && other.names.is_subset(&one.words);
    if !names_agree || one.numbers != other.numbers {
        return false;
    }
    let plain = |wording: &Wording| -> BTreeSet<String> {
        wording.words.iter().filter(|word| !one.names.contains(*word) && !other.names.contains(*word)).cloned().collect()
    };
    let (mine, theirs) = (plain(one), plain(other));
    let common = mine.intersection(&theirs).count();
    let all = mine.union(&theirs).count();
    if all == 0 {
        return true;
    }
    let share = common as f64 / all as f64;
    let only_added = common == mine.len() || common == theirs.len();
    share >= if only_added { SAME_IF_ADDED } else { SAME_IF_CHANGED }
}

/// The intents of one run, each with its owner: whoever works one seed off twice may propose the same twice.
pub struct IntentIndex {
    hasher: MinHasher64V1<WordHasher>,
    candidates: MinHashIndex<u64, usize>,
    intents: Vec<Taken>,
    exact: HashMap<String, usize>,
}

struct Taken {
    intent: String,
    wording: Wording,
    owner: String,
}

/// Hashes single words; the same in every process.
type WordHasher = std::hash::BuildHasherDefault<std::hash::DefaultHasher>;

impl Default for IntentIndex {
    fn default() -> Self {
        Self {
            hasher: MinHasher64V1::new_with_hasher(BANDS * BAND_WIDTH, WordHasher::default()),
            candidates: MinHashIndex::new(BANDS, BAND_WIDTH, CANDIDATE),
            intents: Vec::new(),
            exact: HashMap::new(),
        }
    }
}

impl IntentIndex {
    /// Takes an intent for an owner; `false` if it, or another wording of it, is somebody else's already.
    pub fn take(&mut self, intent: &str, owner: &str) -> bool {
        if let Some(at) = self.exact.get(intent) {
            return self.intents[*at].owner == owner;
        }
        let (wording, signature) = self.read(intent);
        if self.is_known(&wording, &signature, owner) {
            return false;
        }
        self.exact.insert(intent.to_owned(), self.intents.len());
        self.candidates.insert(self.intents.len(), signature);
        self.intents.push(Taken { intent: intent.to_owned(), wording, owner: owner.to_owned() });
        true
    }

    /// Whether the owner could take the intent.
    pub fn is_free(&self, intent: &str, owner: &str) -> bool {
        match self.exact.get(intent) {
            Some(at) => self.intents[*at].owner == owner,
            None => {
                let (wording, signature) = self.read(intent);
                !self.is_known(&wording, &signature, owner)
            }
        }
    }

    fn read(&self, intent: &str) -> (Wording, Vec<u64>) {
        let wording = Wording::of(intent);
        let signature = self.hasher.create_signature(wording.features());
        (wording, signature)
    }

    fn is_known(&self, wording: &Wording, signature: &Vec<u64>, owner: &str) -> bool {
        let candidates = self.candidates.query_owned(signature);
        candidates.into_iter().map(|at| &self.intents[at]).any(|taken| taken.owner != owner && same(&taken.wording, wording))
    }

    /// All intents, in the order in which they came.
    pub fn intents(&self) -> Vec<String> {
        self.intents.iter().map(|taken| taken.intent.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_words_for_the_same_task_are_duplicates() {
        let pairs = [
            ("What is the price of the Trail Mug?", "Tell me the price of the Trail Mug."),
            ("Add 2 Trail Mug to the cart.", "Put 2 Trail Mugs into the basket."),
            (
                "Find the cheapest product in the Lighting category and tell me its name and price.",
                "Which product in the Lighting category is the cheapest? Tell me its name and price.",
            ),
            (
                "Book a table for 4 at Osteria Nova on 4 December 2026 at 19:30.",
                "On 4 December 2026 at 19:30, book a table for 4 at Osteria Nova.",
            ),
            ("What is the phone number of Osteria Nova?", "Osteria Nova: what is its phone number?"),
        ];
        for (one, other) in pairs {
            assert!(same_task(one, other), "{one:?} and {other:?}: {:?} {:?}", Wording::of(one), Wording::of(other));
            let mut index = IntentIndex::default();
            assert!(index.take(one, "a"));
            assert!(!index.is_free(other, "b") && !index.take(other, "b"), "{other:?} was not found");
            assert!(index.take(other, "a"), "what is one's own may be said anew");
        }
    }

    #[test]
    fn numbers_dates_names_and_variants_count() {
        let different = [
            "Add 1 Trail Mug to the cart.",
            "Add 2 Trail Mug to the cart.",
            "Add 2 Alpine Lamp to the cart.",
            "Add 2 Trail Mug in Blue, size M, to the cart.",
            "Add 2 Trail Mug in Green, size M, to the cart.",
            "Add 2 Trail Mug in Green, size L, to the cart.",
            "Add 2 Trail Mug and 3 Alpine Lamp to the cart.",
            "Add 3 Trail Mug and 2 Alpine Lamp to the cart.",
            "Buy 2 Trail Mug and pay for the order.",
            "What is the price of the Trail Mug?",
            "What is the price of the Alpine Lamp?",
            "Find the cheapest product in the Lighting category and tell me its name and price.",
            "Find the cheapest product in the Kitchen category and tell me its name and price.",
            "Find the highest rated product in the Lighting category and tell me its name and rating.",
            "What is the phone number of Osteria Nova?",
            "What is the street address of Osteria Nova?",
            "Book a table for 4 at Osteria Nova on 4 December 2026 at 19:30.",
            "Book a table for 4 at Osteria Nova on 5 December 2026 at 19:30.",
            "Book a table for 2 at Osteria Nova on 4 December 2026 at 19:30.",
            "Book a table for 4 at Osteria Nova on 4 December 2026 at 20:00.",
            "At what times is a table for 4 available at Osteria Nova on 4 December 2026?",
            "According to the Python documentation, what is the json module for?",
            "According to the Python documentation, what is the csv module for?",
            "According to the Python documentation, in which Python version was pathlib.Path.walk added?",
            "According to the Python documentation, in which Python version was json.JSONDecodeError added?",
        ];

        let mut index = IntentIndex::default();

        for intent in different {
            assert!(index.take(intent, intent), "{intent:?} was taken for a duplicate");
        }
        assert_eq!(index.intents().len(), different.len());
        for intent in different {
            assert!(!index.take(intent, "another"), "{intent:?} was taken twice");
        }
    }
}
