//! Secrets that were typed or met in a session, and the picture without them.
//!
//! The page script knows where they stand; they are painted over here and not hidden in the page, which could undo it or notice.

use crate::tab::lock;
use bytes::Bytes;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder, ImageError, Rgb};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use wayfarer_core::observation::{Rect, Viewport};

/// What is painted over a secret.
const PAINT: Rgb<u8> = Rgb([64, 68, 76]);
/// Shorter values ("123") are hidden where they stand and not wherever else a page has them.
const LEAST_LENGTH: usize = 6;
/// Values that are remembered.
const MOST: usize = 50;

/// Values that are hidden in every document of a session, whichever document they were typed in.
#[derive(Default)]
pub(crate) struct Secrets {
    values: Mutex<Vec<String>>,
    met: AtomicBool,
}

impl Secrets {
    /// Takes values in; whether any of them is new.
    pub(crate) fn learn(&self, values: &[String]) -> bool {
        if !values.is_empty() {
            self.meet();
        }
        let mut known = lock(&self.values);
        let before = known.len();
        for value in values {
            if value.chars().count() >= LEAST_LENGTH && known.len() < MOST && !known.contains(value) {
                known.push(value.clone());
            }
        }
        known.len() > before
    }

    /// Something secret stands in a page of the session, whether or not it can be told.
    pub(crate) fn meet(&self) {
        self.met.store(true, Ordering::Release);
    }

    /// Whether anything secret was met so far.
    pub(crate) fn is_met(&self) -> bool {
        self.met.load(Ordering::Acquire)
    }

    /// All of them.
    pub(crate) fn values(&self) -> Vec<String> {
        lock(&self.values).clone()
    }

    /// As an argument for the page script.
    pub(crate) fn literal(&self) -> serde_json::Value {
        serde_json::json!(*lock(&self.values))
    }
}

/// The PNG with the boxes (in pixels of the viewport) painted over.
pub(crate) fn cover(screenshot: &[u8], boxes: &[Rect], viewport: Viewport) -> Result<Bytes, ImageError> {
    let mut picture = image::load_from_memory_with_format(screenshot, image::ImageFormat::Png)?.to_rgb8();
    let (width, height) = picture.dimensions();
    let (scale_x, scale_y) = (f64::from(width) / f64::from(viewport.width.max(1)), f64::from(height) / f64::from(viewport.height.max(1)));
    for Rect { x, y, w, h } in boxes {
        // rounded outwards: half a pixel of a digit is still a digit
        let (left, right) = ((x * scale_x).floor().max(0.0) as u32, ((x + w) * scale_x).ceil().max(0.0) as u32);
        let (top, bottom) = ((y * scale_y).floor().max(0.0) as u32, ((y + h) * scale_y).ceil().max(0.0) as u32);
        for row in top..bottom.min(height) {
            for column in left..right.min(width) {
                picture.put_pixel(column, row, PAINT);
            }
        }
    }
    let mut bytes = Vec::with_capacity(screenshot.len());
    let encoder = PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Up);
    encoder.write_image(picture.as_raw(), width, height, ExtendedColorType::Rgb8)?;
    Ok(bytes.into())
}
