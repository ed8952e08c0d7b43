//! The size at which a model of the Qwen-VL family sees a picture.

use serde::{Deserialize, Serialize};

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

/// The size (width, height) at which the model sees a picture: the `smart_resize` of the Qwen-VL processors. Halves round to the even
/// multiple, as Python's `round` does.
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

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const QWEN: Resizing = Resizing { factor: 28, min_pixels: 3136, max_pixels: 12_845_056 };

    #[test]
    fn the_sizes_that_the_reference_gives() {
        // Fara-7B's screens
        assert_eq!(smart_resize(1440, 900, QWEN).unwrap(), (1428, 896));
        // half a multiple rounds to the even one: 42 = 1.5 × 28, 70 = 2.5 × 28
        assert_eq!(smart_resize(420, 70, QWEN).unwrap(), (420, 56));
        assert_eq!(smart_resize(42, 420, QWEN).unwrap(), (56, 420));
        assert!(matches!(smart_resize(10_000, 10, QWEN), Err(ResizeError::TooLong { .. })));
        assert!(matches!(smart_resize(0, 10, QWEN), Err(ResizeError::Empty { .. })));
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
    }
}
