//! Pictures as models want them: decoded, resized exactly as the library resizes with which they were trained, encoded.
//!
//! A vision model was trained on what Pillow makes of a screenshot. Another resampling moves edges by a fraction of a pixel and text looks
//! different to it, so [`resize`] gives Pillow's bytes (crates/pixels/tests/golden.rs has what it gave).

mod filter;
mod resize;
mod smart;

pub use filter::Filter;
pub use resize::resize;
pub use smart::{ResizeError, Resizing, smart_resize};

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder, ImageReader, Limits, RgbImage};
use std::io::Cursor;

/// Longest side of a picture that is decoded (pixels).
const LONGEST_SIDE: u32 = 16_384;
/// Memory that decoding may take (bytes).
const MOST_MEMORY: u64 = 512 * 1024 * 1024;

/// Why a picture cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PixelsError {
    /// It is no PNG, or a broken one, or too large.
    #[error("the picture cannot be read as PNG: {0}")]
    Unreadable(image::ImageError),
    /// The encoder refused.
    #[error("the picture cannot be written as PNG: {0}")]
    Unwritable(image::ImageError),
}

/// A PNG as RGB; what is transparent is dropped, as `convert("RGB")` drops it. Bounded in size and memory.
pub fn decode_png(png: &[u8]) -> Result<RgbImage, PixelsError> {
    let mut reader = ImageReader::new(Cursor::new(png));
    reader.set_format(image::ImageFormat::Png);
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height, limits.max_alloc) = (Some(LONGEST_SIDE), Some(LONGEST_SIDE), Some(MOST_MEMORY));
    reader.limits(limits);
    Ok(reader.decode().map_err(PixelsError::Unreadable)?.into_rgb8())
}

/// Takes the colours out: each pixel becomes the luma of its own (BT.709).
pub fn turn_grey(picture: &mut RgbImage) {
    for pixel in picture.chunks_exact_mut(3) {
        let [red, green, blue] = [pixel[0], pixel[1], pixel[2]].map(u32::from);
        pixel.fill(((2126 * red + 7152 * green + 722 * blue) / 10_000) as u8);
    }
}

/// RGB as PNG, quickly: it is sent once and thrown away.
pub fn encode_png(picture: &RgbImage) -> Result<Vec<u8>, PixelsError> {
    let (width, height) = picture.dimensions();
    let mut bytes = Vec::with_capacity(picture.as_raw().len() / 4);
    let encoder = PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Up);
    encoder.write_image(picture.as_raw(), width, height, ExtendedColorType::Rgb8).map_err(PixelsError::Unwritable)?;
    Ok(bytes)
}
