//! Two passes, across and then down, in whole numbers: Pillow's order and rounding, so that the bytes are the same.

use crate::Filter;
use crate::filter::{PRECISION_BITS, Taps};
use image::RgbImage;

const CHANNELS: usize = 3;
/// Half of the last place, so that cutting rounds.
const HALF: i32 = 1 << (PRECISION_BITS - 1);

/// The picture at another size (pixels, none of them 0), the bytes that Pillow's `Image.resize` gives for RGB.
pub fn resize(picture: &RgbImage, width: u32, height: u32, filter: Filter) -> RgbImage {
    let (width, height) = (width.max(1), height.max(1));
    let (old_width, old_height) = picture.dimensions();
    if old_width == 0 || old_height == 0 {
        return RgbImage::new(width, height);
    }
    let across = (width != old_width).then(|| shrink_rows(picture, &filter.taps(old_width, width)));
    let across = across.as_ref().unwrap_or(picture);
    if height == old_height {
        return across.clone();
    }
    mix_rows(across, &filter.taps(old_height, height))
}

fn shrink_rows(picture: &RgbImage, taps: &[Taps]) -> RgbImage {
    let old_row = picture.width() as usize * CHANNELS;
    let mut out = RgbImage::new(taps.len() as u32, picture.height());
    let rows = out.chunks_exact_mut(taps.len() * CHANNELS).zip(picture.as_raw().chunks_exact(old_row));
    for (new, old) in rows {
        for (pixel, Taps { first, weights }) in new.chunks_exact_mut(CHANNELS).zip(taps) {
            let mut sums = [HALF; CHANNELS];
            let from = &old[first * CHANNELS..(first + weights.len()) * CHANNELS];
            for (old, weight) in from.chunks_exact(CHANNELS).zip(weights) {
                for (sum, value) in sums.iter_mut().zip(old) {
                    *sum += i32::from(*value) * weight;
                }
            }
            for (value, sum) in pixel.iter_mut().zip(sums) {
                *value = clip(sum);
            }
        }
    }
    out
}

fn mix_rows(picture: &RgbImage, taps: &[Taps]) -> RgbImage {
    let row = picture.width() as usize * CHANNELS;
    let mut out = RgbImage::new(picture.width(), taps.len() as u32);
    let mut sums = vec![0_i32; row];
    for (new, Taps { first, weights }) in out.chunks_exact_mut(row).zip(taps) {
        sums.fill(HALF);
        // row by row: neighbours lie beside each other, and the loop is one of vectors
        for (old, weight) in picture.as_raw()[first * row..].chunks_exact(row).zip(weights) {
            for (sum, value) in sums.iter_mut().zip(old) {
                *sum += i32::from(*value) * weight;
            }
        }
        for (value, sum) in new.iter_mut().zip(&sums) {
            *value = clip(*sum);
        }
    }
    out
}

fn clip(sum: i32) -> u8 {
    (sum >> PRECISION_BITS).clamp(0, 255) as u8
}
