//! Where tokens and patches are: three axes for tokens, two for patches.

/// A picture's patches: frames, rows, columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Grid {
    /// Rows of patches.
    pub(crate) rows: usize,
    /// Columns of patches.
    pub(crate) columns: usize,
}

impl Grid {
    /// Patches.
    pub(crate) fn patches(self) -> usize {
        self.rows * self.columns
    }

    /// Tokens that the language model gets for it, `merge × merge` patches each.
    pub(crate) fn tokens(self, merge: usize) -> usize {
        self.patches() / (merge * merge)
    }
}

/// Positions of a conversation's tokens, as they come.
#[derive(Debug, Clone, Default)]
pub(crate) struct Positions {
    /// Frame, row and column of each token.
    pub(crate) all: Vec<[u32; 3]>,
    /// The next token's.
    pub(crate) next: u32,
}

impl Positions {
    /// One token of text.
    pub(crate) fn text(&mut self) {
        self.all.push([self.next; 3]);
        self.next += 1;
    }

    /// All tokens of a picture. It takes as many positions as its longer side has tokens, so positions fall behind the count of tokens.
    pub(crate) fn picture(&mut self, grid: Grid, merge: usize) {
        let (rows, columns) = ((grid.rows / merge) as u32, (grid.columns / merge) as u32);
        let start = self.next;
        self.all.extend((0..rows).flat_map(|row| (0..columns).map(move |column| [start, start + row, start + column])));
        self.next += rows.max(columns);
    }
}

/// How positions turn the pairs of coordinates of a head.
pub(crate) struct Rotary {
    /// Of each pair.
    pub(crate) frequencies: Vec<f32>,
    /// The axis that each pair follows.
    pub(crate) axes: Vec<usize>,
}

/// Cosines and sines of rotary positions, `[rows, half of a head]` each.
pub(crate) struct Tables {
    pub(crate) cos: Vec<f32>,
    pub(crate) sin: Vec<f32>,
}

impl Rotary {
    /// Of these positions.
    pub(crate) fn tables(&self, positions: &[[u32; 3]]) -> Tables {
        let angles = |at: &[u32; 3]| {
            let at = *at;
            self.frequencies.iter().zip(&self.axes).map(move |(frequency, axis)| at[*axis] as f32 * frequency)
        };
        let (sin, cos) = positions.iter().flat_map(angles).map(f32::sin_cos).unzip();
        Tables { cos, sin }
    }
}

/// `base^(-2i/size)` for each pair of coordinates.
pub(crate) fn frequencies(base: f32, size: usize) -> Vec<f32> {
    (0..size / 2).map(|index| 1.0 / base.powf((2 * index) as f32 / size as f32)).collect()
}
