//! Resampling filters, with Pillow's constants.

use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// Bits behind the point of a weight: 8 bits of a pixel and 2 of overshoot leave 22 of 32 (Pillow, `Resample.c`).
pub(crate) const PRECISION_BITS: u32 = 32 - 8 - 2;
/// Sharpness of the cubic (Pillow; others take -0.75).
const CUBIC_A: f64 = -0.5;

/// How pixels between pixels are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// Straight lines; Pillow's `BILINEAR`.
    Bilinear,
    /// Cubics over four pixels; Pillow's `BICUBIC`, and its default.
    Bicubic,
    /// A windowed sinc over six pixels; Pillow's `LANCZOS`.
    Lanczos,
}

impl Filter {
    /// How far it reaches, in pixels of the smaller picture.
    fn support(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    fn weight(self, x: f64) -> f64 {
        match self {
            Self::Bilinear => (1.0 - x.abs()).max(0.0),
            Self::Bicubic => {
                let x = x.abs();
                if x < 1.0 {
                    ((CUBIC_A + 2.0) * x - (CUBIC_A + 3.0)) * x * x + 1.0
                } else if x < 2.0 {
                    (((x - 5.0) * x + 8.0) * x - 4.0) * CUBIC_A
                } else {
                    0.0
                }
            }
            Self::Lanczos if (-3.0..3.0).contains(&x) => sinc(x) * sinc(x / 3.0),
            Self::Lanczos => 0.0,
        }
    }

    /// The weights of every new pixel of a side.
    pub(crate) fn taps(self, from: u32, to: u32) -> Vec<Taps> {
        let scale = f64::from(from) / f64::from(to);
        // a picture that shrinks is averaged over all that goes into a pixel
        let stretch = scale.max(1.0);
        let reach = self.support() * stretch;
        (0..to)
            .map(|at| {
                let centre = (f64::from(at) + 0.5) * scale;
                // halves round up, then everything towards zero, as a cast in C does
                let first = ((centre - reach + 0.5) as i64).max(0);
                let last = ((centre + reach + 0.5) as i64).min(i64::from(from));
                let weights: Vec<f64> = (first..last).map(|pixel| self.weight((pixel as f64 - centre + 0.5) * (1.0 / stretch))).collect();
                let sum: f64 = weights.iter().sum();
                let fixed = |weight: f64| {
                    let weight = if sum == 0.0 { weight } else { weight / sum };
                    let scaled = weight * f64::from(1_u32 << PRECISION_BITS);
                    (if weight < 0.0 { scaled - 0.5 } else { scaled + 0.5 }) as i32
                };
                Taps { first: first as usize, weights: weights.into_iter().map(fixed).collect() }
            })
            .collect()
    }
}

/// What a new pixel is made of.
pub(crate) struct Taps {
    /// The first old pixel.
    pub(crate) first: usize,
    /// Weights of it and those that follow, with [`PRECISION_BITS`] behind the point.
    pub(crate) weights: Vec<i32>,
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 {
        return 1.0;
    }
    let x = x * PI;
    x.sin() / x
}
