//! The set-of-marks picture (spec/faragen.md B.5): the page in grey, each mark outlined and numbered in its own colour.

use font8x8::UnicodeFonts;
use image::RgbImage;
use wayfarer_core::Mark;
use wayfarer_pixels::PixelsError;

/// Why no picture could be drawn.
#[derive(Debug, thiserror::Error)]
#[error("the set-of-marks picture could not be drawn: {0}")]
pub struct SomError(#[from] PixelsError);

const OUTLINE: i64 = 2;
const FILL_ALPHA: u32 = 48;
/// Pixels a digit is wide and high: the 8×8 font, doubled.
const SCALE: i64 = 2;
const GLYPH: i64 = 8 * SCALE;
const PADDING: i64 = 2;
/// Nearer to the top than this the label goes inside the box.
const TOP_MARGIN: f64 = 20.0;

/// Draws the visible marks over a PNG screenshot; bytes to bytes, and the same bytes for the same input.
pub fn draw(screenshot: &[u8], marks: &[Mark]) -> Result<Vec<u8>, SomError> {
    let mut picture = wayfarer_pixels::decode_png(screenshot)?;
    wayfarer_pixels::turn_grey(&mut picture);
    let shown: Vec<&Mark> = marks.iter().filter(|mark| mark.visible).collect();
    for mark in &shown {
        draw_box(&mut picture, mark);
    }
    // labels last: no box may cover a number
    for mark in &shown {
        draw_label(&mut picture, mark);
    }
    Ok(wayfarer_pixels::encode_png(&picture)?)
}

/// A colour that follows from the id alone, dark enough for white digits.
fn colour(id: u32) -> [u8; 3] {
    // SplitMix64: neighbouring ids get colours far apart
    let mut z = u64::from(id).wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    [(z & 0xff) as u8 % 190, ((z >> 8) & 0xff) as u8 % 160, ((z >> 16) & 0xff) as u8 % 200]
}

fn draw_box(picture: &mut RgbImage, mark: &Mark) {
    let (left, top) = (mark.rect.x.round() as i64, mark.rect.y.round() as i64);
    let (right, bottom) = ((mark.rect.x + mark.rect.w).round() as i64, (mark.rect.y + mark.rect.h).round() as i64);
    let (width, height) = (i64::from(picture.width()), i64::from(picture.height()));
    let ink = colour(mark.id);
    for y in top.max(0)..bottom.min(height) {
        for x in left.max(0)..right.min(width) {
            let on_edge = x < left + OUTLINE || x >= right - OUTLINE || y < top + OUTLINE || y >= bottom - OUTLINE;
            let pixel = picture.get_pixel_mut(x as u32, y as u32);
            for (channel, ink) in pixel.0.iter_mut().zip(ink) {
                let mixed = (u32::from(*channel) * (255 - FILL_ALPHA) + u32::from(ink) * FILL_ALPHA) / 255;
                *channel = if on_edge { ink } else { mixed as u8 };
            }
        }
    }
}

fn draw_label(picture: &mut RgbImage, mark: &Mark) {
    let digits = mark.id.to_string();
    let (width, height) = (digits.len() as i64 * GLYPH + 2 * PADDING, GLYPH + 2 * PADDING);
    let right = (mark.rect.x + mark.rect.w).round() as i64;
    let box_top = mark.rect.y.round() as i64;
    let left = (right - width).clamp(0, (i64::from(picture.width()) - width).max(0));
    let top = if mark.rect.y < TOP_MARGIN { box_top.max(0) } else { (box_top - height).max(0) };
    let ink = image::Rgb(colour(mark.id));
    fill(picture, left, top, width, height, ink);
    for (place, digit) in digits.chars().enumerate() {
        let Some(glyph) = font8x8::BASIC_FONTS.get(digit) else { continue };
        for (row, bits) in glyph.iter().enumerate() {
            for column in 0..8_i64 {
                if bits & (1 << column) != 0 {
                    let x = left + PADDING + place as i64 * GLYPH + column * SCALE;
                    let y = top + PADDING + row as i64 * SCALE;
                    fill(picture, x, y, SCALE, SCALE, image::Rgb([255; 3]));
                }
            }
        }
    }
}

fn fill(picture: &mut RgbImage, left: i64, top: i64, width: i64, height: i64, ink: image::Rgb<u8>) {
    for y in top.max(0)..(top + height).min(i64::from(picture.height())) {
        for x in left.max(0)..(left + width).min(i64::from(picture.width())) {
            picture.put_pixel(x as u32, y as u32, ink);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::testing::{mark, white_png};

    #[test]
    fn draws_marks_in_their_own_colour_and_stays_inside_the_picture() {
        let screenshot = white_png(200, 100);
        let mut outside = mark(4711, "button", "x");
        outside.rect.x = 190.0;
        outside.rect.y = -5.0;
        let marks = [mark(10, "button", "a"), outside];

        let drawn = draw(&screenshot, &marks).unwrap();

        assert_eq!(drawn, draw(&screenshot, &marks).unwrap());
        let picture = image::load_from_memory(&drawn).unwrap().to_rgb8();
        assert_eq!(picture.dimensions(), (200, 100));
        assert_eq!(picture.get_pixel(0, 29).0, colour(10));
        assert_eq!(picture.get_pixel(150, 90).0, [255; 3]);
        assert!(draw(b"no png", &marks).is_err());
    }
}
