//! The space in which a model says where: pixels of the resized screenshot, or a grid that stands for any size.

use serde::{Deserialize, Serialize};
use wayfarer_core::observation::Viewport;

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
        fn points_stay_inside(x in -1e6_f64..1e6, y in -1e6_f64..1e6) {
            let viewport = Viewport { width: 1440, height: 900 };
            let (x, y) = Space::Resized.to_viewport((x, y), (1428, 896), viewport);
            prop_assert!((0.0..1440.0).contains(&x) && (0.0..900.0).contains(&y));
        }
    }
}
