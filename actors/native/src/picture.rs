//! From a screenshot to the picture that the model sees.

use crate::profile::Picture;
use bytes::Bytes;
use wayfarer_pixels::smart_resize;

/// The picture that the model sees (PNG) and its size in pixels; where the size stays, the screenshot itself.
pub fn seen_by(picture: Picture, screenshot: &Bytes) -> Result<(Bytes, (u32, u32)), String> {
    let decoded = wayfarer_pixels::decode_png(screenshot).map_err(|error| error.to_string())?;
    let (width, height) = smart_resize(decoded.width(), decoded.height(), picture.resizing()).map_err(|error| error.to_string())?;
    if decoded.dimensions() == (width, height) {
        return Ok((screenshot.clone(), (width, height)));
    }
    let resized = wayfarer_pixels::resize(&decoded, width, height, picture.filter);
    let png = wayfarer_pixels::encode_png(&resized).map_err(|error| error.to_string())?;
    Ok((png.into(), (width, height)))
}
