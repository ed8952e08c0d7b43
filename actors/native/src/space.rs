//! The space in which a model says where: pixels of the resized screenshot, or a grid that stands for any size.

use serde::{Deserialize, Serialize};
use wayfarer_core::observation::Viewport;

/// Longest side over shortest side that the processor takes.
const MOST_ELONGATED: f64 = 200.0;

/// Bounds of a picture's area, as the processor of the model family has them (pixels).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resizing {
    /// Both sides become multiples of it: patch size times merge size.
    pub factor: u32,
    /// Least area.
    pub min_pixels: u64,
    /// Largest area.
    pub max_pixels: u64,
}

/// Why a picture cannot be shown to the model.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum ResizeError {
    /// There is nothing to see.
    #[error("a picture of {width}×{height} has no area")]
    Empty {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
    },
    /// The processor refuses such strips.
    #[error("a picture of {width}×{height} is more than {MOST_ELONGATED} times as long as it is wide")]
    TooLong {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
    },
}

/// The size at which the model sees a picture: the `smart_resize` of the Qwen-VL processors (spec/faragen.md D.4). Halves round to
/// the even multiple, as Python's `round` does.
pub fn smart_resize(width: u32, height: u32, resizing: Resizing) -> Result<(u32, u32), ResizeError> {
    if width == 0 || height == 0 {
        return Err(ResizeError::Empty { width, height });
    }
    let (w, h, factor) = (f64::from(width), f64::from(height), f64::from(resizing.factor.max(1)));
    if w.max(h) / w.min(h) > MOST_ELONGATED {
        return Err(ResizeError::TooLong { width, height });
    }
    let nearest = |side: f64| factor.max((side / factor).round_ties_even() * factor);
    let (near_w, near_h) = (nearest(w), nearest(h));
    let (new_w, new_h) = if near_w * near_h > resizing.max_pixels as f64 {
        let beta = (w * h / resizing.max_pixels as f64).sqrt();
        let below = |side: f64| factor.max((side / beta / factor).floor() * factor);
        (below(w), below(h))
    } else if near_w * near_h < resizing.min_pixels as f64 {
        let beta = (resizing.min_pixels as f64 / (w * h)).sqrt();
        let above = |side: f64| (side * beta / factor).ceil() * factor;
        (above(w), above(h))
    } else {
        (near_w, near_h)
    };
    Ok((new_w as u32, new_h as u32))
}

/// How a model says where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum Space {
    /// Pixels of the picture as the model sees it (Fara-7B).
    Resized,
    /// A grid over the picture, whatever its size (Fara1.5: 1000×1000).
    Grid {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
    },
}

impl Space {
    /// Width and height that coordinates refer to, for a picture that the model sees at `seen`.
    pub fn size(self, seen: (u32, u32)) -> (u32, u32) {
        match self {
            Self::Resized => seen,
            Self::Grid { width, height } => (width, height),
        }
    }

    /// A point that the model named, in CSS pixels of the viewport. What lies outside is brought to the nearest pixel inside: a model that is
    /// off by a little means the edge.
    pub fn to_viewport(self, (x, y): (f64, f64), seen: (u32, u32), viewport: Viewport) -> (f64, f64) {
        let (width, height) = self.size(seen);
        let scale = |value: f64, from: u32, to: u32| {
            let mapped = value * f64::from(to) / f64::from(from.max(1));
            mapped.clamp(0.0, f64::from(to.saturating_sub(1)))
        };
        (scale(x, width, viewport.width), scale(y, height, viewport.height))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const QWEN: Resizing = Resizing { factor: 28, min_pixels: 3136, max_pixels: 12_845_056 };

    #[test]
    fn the_sizes_that_the_reference_gives() {
        // spec/faragen.md D.4
        assert_eq!(smart_resize(1440, 900, QWEN).unwrap(), (1428, 896));
        // half a multiple rounds to the even one: 42 = 1.5 × 28, 70 = 2.5 × 28
        assert_eq!(smart_resize(420, 70, QWEN).unwrap(), (420, 56));
        assert_eq!(smart_resize(42, 420, QWEN).unwrap(), (56, 420));
        assert!(matches!(smart_resize(10_000, 10, QWEN), Err(ResizeError::TooLong { .. })));
        assert!(matches!(smart_resize(0, 10, QWEN), Err(ResizeError::Empty { .. })));
    }

    #[test]
    fn points_are_mapped_as_the_reference_maps_them() {
        let viewport = Viewport { width: 1440, height: 900 };
        let (x, y) = Space::Resized.to_viewport((1074.0, 37.0), (1428, 896), viewport);
        // the sample log of the reference (spec/faragen.md D.4)
        assert!((x - 1083.03).abs() < 0.005 && (y - 37.165).abs() < 0.0005, "{x} {y}");

        let grid = Space::Grid { width: 1000, height: 1000 };
        assert_eq!(grid.to_viewport((500.0, 500.0), (1440, 896), viewport), (720.0, 450.0));
        assert_eq!(grid.to_viewport((1000.0, -4.0), (1440, 896), viewport), (1439.0, 0.0));
    }

    proptest! {
        #[test]
        fn every_size_is_a_multiple_within_the_bounds(width in 1_u32..6000, height in 1_u32..6000, factor in prop::sample::select(vec![28_u32, 32])) {
            let resizing = Resizing { factor, ..QWEN };
            let long = f64::from(width.max(height)) / f64::from(width.min(height));
            match smart_resize(width, height, resizing) {
                Ok((w, h)) => {
                    prop_assert!(w % factor == 0 && h % factor == 0 && w > 0 && h > 0);
                    let area = u64::from(w) * u64::from(h);
                    // a side that cannot become smaller than one multiple may exceed the area, as in the reference
                    prop_assert!(area <= resizing.max_pixels || w == factor || h == factor, "{w}×{h}");
                    prop_assert!(area >= resizing.min_pixels, "{w}×{h}");
                }
                Err(_) => prop_assert!(long > MOST_ELONGATED),
            }
        }

        #[test]
        fn what_is_seen_is_its_own_size(columns in 1_u32..60, rows in 1_u32..60) {
            let (width, height) = (columns * 28, rows * 28);
            if let Ok(seen) = smart_resize(width, height, QWEN) {
                let again = smart_resize(seen.0, seen.1, QWEN).unwrap();
                prop_assert_eq!(seen, again);
            }
        }

        #[test]
        fn points_stay_inside(x in -1e6_f64..1e6, y in -1e6_f64..1e6) {
            let viewport = Viewport { width: 1440, height: 900 };
            let (x, y) = Space::Resized.to_viewport((x, y), (1428, 896), viewport);
            prop_assert!((0.0..1440.0).contains(&x) && (0.0..900.0).contains(&y));
        }
    }
}
