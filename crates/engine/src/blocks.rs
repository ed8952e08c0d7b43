//! Who holds which block of the cache, and which blocks hold what somebody else has asked before.
//!
//! A block is known by the hash of everything up to its end: the tokens, the pictures behind them, and a salt, so that no tenant can learn
//! by the clock what another one has asked. Blocks that nobody holds keep what they have until their room is needed: the one that was let
//! go longest ago goes first, and of one conversation its end before its beginning.

use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

/// Tokens of a block; candle's paged attention takes multiples of it.
pub(crate) const BLOCK: usize = 32;

/// What a block holds, and all before it.
pub(crate) type Chain = [u8; 32];

/// The hash of a block after what came before it: tokens, and for each token of a picture which one and which part of it.
pub(crate) fn link(before: &Chain, tokens: &[u32], pictures: impl Iterator<Item = Option<([u8; 32], usize)>>) -> Chain {
    let mut digest = Sha256::new();
    digest.update(before);
    for (token, picture) in tokens.iter().zip(pictures) {
        digest.update(token.to_le_bytes());
        match picture {
            None => digest.update([0]),
            Some((picture, part)) => {
                digest.update([1]);
                digest.update(picture);
                digest.update((part as u64).to_le_bytes());
            }
        }
    }
    digest.finalize().into()
}

/// The beginning of all chains of one salt.
pub(crate) fn root(salt: &str) -> Chain {
    Sha256::digest(salt.as_bytes()).into()
}

#[derive(Debug, Default, Clone)]
struct Block {
    holders: u32,
    chain: Option<Chain>,
    /// When it was let go, if nobody holds it.
    tick: u64,
}

/// All blocks.
#[derive(Debug)]
pub(crate) struct Blocks {
    blocks: Vec<Block>,
    /// Hold nothing that anybody could use.
    empty: Vec<u32>,
    /// Held by nobody, by when they were let go.
    idle: BTreeMap<u64, u32>,
    known: HashMap<Chain, u32>,
    ticks: u64,
}

impl Blocks {
    pub(crate) fn new(count: usize) -> Self {
        Self {
            blocks: vec![Block::default(); count],
            // the lowest first, so that blocks of a conversation lie side by side
            empty: (0..count as u32).rev().collect(),
            idle: BTreeMap::new(),
            known: HashMap::new(),
            ticks: 0,
        }
    }

    /// Those that can be had now.
    pub(crate) fn available(&self) -> usize {
        self.empty.len() + self.idle.len()
    }

    /// Holds the blocks that begin this conversation, as many as there are in a row.
    pub(crate) fn hold_known(&mut self, chains: impl IntoIterator<Item = Chain>) -> Vec<u32> {
        let mut held = Vec::new();
        for chain in chains {
            let Some(block) = self.known.get(&chain).copied() else { break };
            let state = &mut self.blocks[block as usize];
            if state.holders == 0 {
                self.idle.remove(&state.tick);
            }
            state.holders += 1;
            held.push(block);
        }
        held
    }

    /// So many blocks that nobody else holds; none at all if there are not enough.
    pub(crate) fn hold_new(&mut self, count: usize) -> Option<Vec<u32>> {
        if self.available() < count {
            return None;
        }
        let mut held = Vec::with_capacity(count);
        while held.len() < count {
            let block = self.empty.pop().or_else(|| self.idle.pop_first().map(|(_, block)| block))?;
            let state = &mut self.blocks[block as usize];
            if let Some(chain) = state.chain.take() {
                self.known.remove(&chain);
            }
            state.holders = 1;
            held.push(block);
        }
        Some(held)
    }

    /// A held block is full, and holds this now.
    pub(crate) fn publish(&mut self, block: u32, chain: Chain) {
        if let std::collections::hash_map::Entry::Vacant(free) = self.known.entry(chain) {
            free.insert(block);
            self.blocks[block as usize].chain = Some(chain);
        }
    }

    /// Lets go of the blocks of one conversation, in their order.
    pub(crate) fn let_go(&mut self, held: &[u32]) {
        for block in held.iter().rev() {
            let state = &mut self.blocks[*block as usize];
            state.holders -= 1;
            if state.holders > 0 {
                continue;
            }
            if state.chain.is_some() {
                self.ticks += 1;
                state.tick = self.ticks;
                self.idle.insert(self.ticks, *block);
            } else {
                self.empty.push(*block);
            }
        }
    }
}

/// The slots of the first `tokens` tokens of a conversation that holds these blocks; neighbours are one run.
pub(crate) fn slots(blocks: &[u32], tokens: usize) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (index, block) in blocks.iter().enumerate() {
        let count = BLOCK.min(tokens.saturating_sub(index * BLOCK));
        if count == 0 {
            break;
        }
        let start = *block as usize * BLOCK;
        match runs.last_mut() {
            Some(run) if run.end == start => run.end += count,
            _ => runs.push(start..start + count),
        }
    }
    runs
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chain(conversation: u8, block: u8) -> Chain {
        let mut chain = [0; 32];
        (chain[0], chain[1]) = (conversation, block);
        chain
    }

    proptest! {
        /// Conversations come and go: no block is ever held by two that do not share it, none is lost, and what is known is what was put there.
        #[test]
        fn every_block_is_somewhere(steps in prop::collection::vec((0_u8..6, 1_u8..6, any::<bool>()), 1..200)) {
            let mut blocks = Blocks::new(16);
            let mut held: Vec<Vec<u32>> = Vec::new();
            let mut content: HashMap<u32, Chain> = HashMap::new();
            for (conversation, length, lets_go) in steps {
                if lets_go && !held.is_empty() {
                    let gone = held.remove(usize::from(conversation) % held.len());
                    blocks.let_go(&gone);
                } else {
                    let mut mine = blocks.hold_known((0..length).map(|block| chain(conversation, block)));
                    for (index, block) in mine.iter().enumerate() {
                        prop_assert_eq!(content[block], chain(conversation, index as u8));
                    }
                    let missing = usize::from(length) - mine.len();
                    match blocks.hold_new(missing) {
                        None => {
                            prop_assert!(blocks.available() < missing);
                            blocks.let_go(&mine);
                            continue;
                        }
                        Some(new) => {
                            prop_assert!(new.iter().all(|block| held.iter().flatten().all(|other| other != block)));
                            for block in new {
                                let chain = chain(conversation, mine.len() as u8);
                                mine.push(block);
                                content.insert(block, chain);
                                blocks.publish(block, chain);
                            }
                        }
                    }
                    held.push(mine);
                }
                let mut in_use: Vec<u32> = held.iter().flatten().copied().collect();
                in_use.sort_unstable();
                in_use.dedup();
                prop_assert_eq!(blocks.available() + in_use.len(), 16);
            }
        }

        #[test]
        fn slots_are_those_of_the_tokens(order in prop::collection::vec(0_u32..50, 1..8), tokens in 1_usize..300) {
            let tokens = tokens.min(order.len() * BLOCK);
            let exact: Vec<usize> = (0..tokens).map(|token| order[token / BLOCK] as usize * BLOCK + token % BLOCK).collect();
            prop_assert_eq!(slots(&order, tokens).into_iter().flatten().collect::<Vec<_>>(), exact);
        }
    }

    #[test]
    fn the_end_of_the_oldest_goes_first() {
        let mut blocks = Blocks::new(4);
        for conversation in 0..2 {
            let held = blocks.hold_new(2).unwrap();
            held.iter().zip(0..).for_each(|(block, index)| blocks.publish(*block, chain(conversation, index)));
            blocks.let_go(&held);
        }
        let new = blocks.hold_new(1).unwrap();
        blocks.let_go(&new);
        let found = blocks.hold_known([chain(0, 0), chain(0, 1)]).len();
        assert_eq!((found, blocks.hold_known([chain(1, 0), chain(1, 1)]).len()), (1, 2));
    }

    #[test]
    fn another_salt_another_picture_or_another_part_is_another_block() {
        let plain = |salt| link(&root(salt), &[1, 2], [None, None].into_iter());
        let shown = |picture: u8, part| link(&root("a"), &[1, 2], [None, Some(([picture; 32], part))].into_iter());
        let all = [plain("a"), plain("b"), shown(1, 0), shown(2, 0), shown(1, 1)];
        assert!((0..all.len()).all(|one| (0..one).all(|other| all[one] != all[other])));
    }
}
