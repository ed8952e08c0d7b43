//! Choices that follow from the seed and from what they are about, in any order and on any machine.
//!
//! A stream of random numbers would tie every value to the order in which values are drawn; a hash of the parts does not, so the
//! server, the oracle and the tests agree without talking to each other.

use wayfarer_core::hash::sha256;

/// A number from 0 to `bound - 1` that follows from the seed and the parts.
pub(crate) fn below<P: AsRef<str>>(seed: u64, parts: &[P], bound: u64) -> u64 {
    let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
    let digest = sha256(format!("{seed}\u{1f}{}", parts.join("\u{1f}")).as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    // sixty bits: what is drawn must not change
    (u64::from_be_bytes(first) >> 4) % bound.max(1)
}

/// Whether something with this chance (in percent) holds.
pub(crate) fn chance<P: AsRef<str>>(seed: u64, parts: &[P], percent: u64) -> bool {
    below(seed, parts, 100) < percent
}
