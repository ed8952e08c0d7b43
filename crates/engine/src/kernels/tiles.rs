//! How attention is shared out on a GPU: which block of threads has which rows of which look, against which of its keys.

use super::attention::Look;

/// Keys that lie in one piece of the cache: a block of it. Rows of one tensor are cut the same way.
pub(crate) const PIECE: usize = 32;
/// Keys of a tile; parts of a look begin at multiples of it.
const TILE: usize = 64;
/// Rows (of all heads that share keys) that a block of threads has, where there are many.
pub(crate) const MANY: usize = 64;
/// The same where there are few: its warps share them and have keys of their own.
pub(crate) const FEW: usize = 16;
/// Keys below which another block of threads does not pay.
const WORTH_A_PART: usize = 256;
/// Blocks of threads that a processor should have in all.
const BLOCKS_EACH: usize = 3;

/// What one kind of kernel has to do.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Parts {
    /// `Item` of the kernels.
    pub(crate) items: Vec<[i32; 8]>,
    /// `Whole` of the kernels: what is put together afterwards.
    pub(crate) wholes: Vec<[i32; 5]>,
    /// Parts whose results lie in memory until then.
    pub(crate) partials: usize,
}

/// What all looks of a step come to.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Tiles {
    pub(crate) many: Parts,
    pub(crate) few: Parts,
    /// Where the keys of each look lie: the row of the first of each 32.
    pub(crate) pieces: Vec<i32>,
}

impl Tiles {
    /// Of these looks; `group` heads of queries share each of `kv_heads` heads of keys. All runs of keys but the last of a look have to be
    /// whole pieces.
    pub(crate) fn of(looks: &[Look], group: usize, kv_heads: usize, processors: usize) -> Self {
        let mut tiles = Self::default();
        let wanted = (processors * BLOCKS_EACH).div_ceil(kv_heads.max(1));
        let count = |look: &Look| {
            let all = look.rows.len() * group;
            all.div_ceil(if all <= FEW { FEW } else { MANY })
        };
        let blocks: usize = looks.iter().map(count).sum();
        for look in looks {
            let first_piece = tiles.pieces.len();
            tiles.pieces.extend(look.keys.iter().flat_map(|run| run.clone().step_by(PIECE)).map(|row| row as i32));
            let (rows, span) = (look.rows.len(), look.span());
            let all = rows * group;
            let (height, parts) = if all <= FEW { (FEW, &mut tiles.few) } else { (MANY, &mut tiles.many) };
            for first in (0..all).step_by(height) {
                let last_row = (first + height).min(all).div_ceil(group) - 1;
                let seen = if look.is_causal { span - rows + last_row + 1 } else { span };
                let split = wanted.div_ceil(blocks.max(1)).min(seen.div_ceil(WORTH_A_PART)).max(1);
                let keys = seen.div_ceil(split).next_multiple_of(TILE);
                let split = seen.div_ceil(keys);
                for part in 0..split {
                    let partial = if split == 1 { -1 } else { (parts.partials + part) as i32 };
                    let end = ((part + 1) * keys).min(seen);
                    let item = [look.rows.start, rows, first, span, part * keys, end, first_piece];
                    let [first_row, rows, first, span, begin, end, pieces] = item.map(|number| number as i32);
                    parts.items.push([first_row, rows, first, span, begin, end, pieces, partial]);
                }
                if split > 1 {
                    parts.wholes.push([look.rows.start as i32, rows as i32, first as i32, parts.partials as i32, split as i32]);
                    parts.partials += split;
                }
            }
        }
        for parts in [&mut tiles.many, &mut tiles.few] {
            // the longest first: nobody is left alone with one at the end
            parts.items.sort_by_key(|item| item[4] - item[5]);
        }
        tiles
    }
}
