//! What the rules see: boxes of one colour, which is how the bundled shop draws its main buttons.

use image::RgbImage;

/// Colour of the shop's main buttons (`--pine` of its stylesheet).
pub const PINE: [u8; 3] = [0x1f, 0x4d, 0x3f];
/// How far a channel may be off: pictures are resampled.
const TOLERANCE: u8 = 8;
/// Pixels of another colour inside of a row that are jumped over: the letters on a button.
const LARGEST_GAP: u32 = 26;
/// Rows that may have too many letters to be one piece.
const LARGEST_LINE: u32 = 10;
/// Least size of a button, in pixels.
const LEAST_WIDTH: u32 = 60;
const LEAST_HEIGHT: u32 = 28;

/// A box on the picture, in its pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patch {
    /// Left edge.
    pub left: u32,
    /// Upper edge.
    pub top: u32,
    /// Right edge, inside.
    pub right: u32,
    /// Lower edge, inside.
    pub bottom: u32,
}

impl Patch {
    /// Its middle.
    pub fn middle(&self) -> (u32, u32) {
        ((self.left + self.right) / 2, (self.top + self.bottom) / 2)
    }

    /// Pixels across.
    pub fn width(&self) -> u32 {
        self.right - self.left + 1
    }

    fn height(&self) -> u32 {
        self.bottom - self.top + 1
    }
}

/// The boxes of a colour on a picture, from top to bottom: of [`PINE`], the main buttons of the shop.
pub fn boxes(picture: &RgbImage, colour: [u8; 3]) -> Vec<Patch> {
    let mut patches: Vec<Patch> = Vec::new();
    for y in 0..picture.height() {
        for (left, right) in runs(picture, y, colour) {
            let grows = patches.iter_mut().find(|patch| {
                let overlap = right.min(patch.right).saturating_sub(left.max(patch.left));
                patch.bottom + LARGEST_LINE >= y && overlap * 2 > (right - left).max(patch.width())
            });
            match grows {
                Some(patch) => {
                    (patch.left, patch.right, patch.bottom) = (patch.left.min(left), patch.right.max(right), y);
                }
                None => patches.push(Patch { left, top: y, right, bottom: y }),
            }
        }
    }
    patches.retain(|patch| patch.height() >= LEAST_HEIGHT);
    patches
}

/// Long pieces of a row that have the colour.
fn runs(picture: &RgbImage, y: u32, colour: [u8; 3]) -> Vec<(u32, u32)> {
    let is_it = |x: u32| picture.get_pixel(x, y).0.iter().zip(colour).all(|(value, wanted)| value.abs_diff(wanted) <= TOLERANCE);
    let mut runs = Vec::new();
    let mut run: Option<(u32, u32)> = None;
    for x in (0..picture.width()).filter(|x| is_it(*x)) {
        run = match run {
            Some((left, right)) if x - right <= LARGEST_GAP => Some((left, x)),
            Some(done) => {
                runs.push(done);
                Some((x, x))
            }
            None => Some((x, x)),
        };
    }
    runs.extend(run);
    runs.retain(|(left, right)| right - left >= LEAST_WIDTH);
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn a_button_with_letters_is_one_box() {
        let mut picture = RgbImage::from_pixel(400, 120, Rgb([253, 252, 249]));
        for (x, y) in (40..200).flat_map(|x| (30..76).map(move |y| (x, y))) {
            let is_letter = (100..112).contains(&x) && (45..60).contains(&y);
            picture.put_pixel(x, y, if is_letter { Rgb([255, 255, 255]) } else { Rgb(PINE) });
        }
        // a line and a dot of the same colour are no buttons
        (0..400).for_each(|x| picture.put_pixel(x, 100, Rgb(PINE)));
        (0..20).for_each(|y| picture.put_pixel(300, y, Rgb(PINE)));
        assert_eq!(boxes(&picture, PINE), [Patch { left: 40, top: 30, right: 199, bottom: 75 }]);
    }
}
