//! From a PNG to what the vision tower takes, once for each picture and off the engine's thread.

use crate::checkpoint::{Processor, VisionConfig};
use crate::error::EngineError;
use crate::model::Grid;
use image::RgbImage;
use quick_cache::Weighter;
use quick_cache::unsync::Cache;
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::sync::{Arc, Mutex, PoisonError};
use wayfarer_pixels::{Filter, decode_png, resize, smart_resize};

/// Pictures that are expected to be remembered; the cache's tables are made for so many.
const EXPECTED: usize = 64;

/// What a picture is known by: its pixels at the size at which the model sees it.
pub(crate) type PictureId = [u8; 32];

/// A picture at the size at which the model sees it.
#[derive(Debug)]
pub(crate) struct Picture {
    pub(crate) id: PictureId,
    pub(crate) grid: Grid,
    pixels: RgbImage,
}

/// Makes pictures ready, and remembers the last ones.
pub(crate) struct Darkroom {
    processor: Processor,
    patch: u32,
    merge: usize,
    /// What each value of a channel becomes.
    tables: Box<[[f32; 256]; 3]>,
    known: Mutex<Cache<PictureId, Arc<Picture>, Bytes>>,
}

#[derive(Clone)]
struct Bytes;

impl Weighter<PictureId, Arc<Picture>> for Bytes {
    fn weight(&self, _: &PictureId, picture: &Arc<Picture>) -> u64 {
        picture.pixels.as_raw().len().max(1) as u64
    }
}

impl Darkroom {
    /// One that remembers so many bytes of pixels.
    pub(crate) fn new(processor: Processor, vision: &VisionConfig, bytes: u64) -> Self {
        // the processor's order of roundings: scaled in f64, the rest in f32
        let value = |channel: usize, value: usize| {
            let scaled = (value as f64 * (1.0 / 255.0)) as f32;
            (scaled - processor.mean[channel]) / processor.std[channel]
        };
        let tables = std::array::from_fn(|channel| std::array::from_fn(|level| value(channel, level)));
        Self {
            patch: vision.patch_size as u32,
            merge: vision.spatial_merge_size,
            tables: Box::new(tables),
            known: Mutex::new(Cache::with_weighter(EXPECTED, bytes, Bytes)),
            processor,
        }
    }

    /// The picture of these bytes.
    pub(crate) fn develop(&self, png: &[u8]) -> Result<Arc<Picture>, EngineError> {
        let file: PictureId = Sha256::digest(png).into();
        if let Some(known) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&file) {
            return Ok(Arc::clone(known));
        }
        let unfit = |why: String| EngineError::Unfit(format!("a picture cannot be shown to the model: {why}"));
        let decoded = decode_png(png).map_err(|error| unfit(error.to_string()))?;
        let (width, height) =
            smart_resize(decoded.width(), decoded.height(), self.processor.resizing).map_err(|error| unfit(error.to_string()))?;
        let pixels = if (width, height) == decoded.dimensions() { decoded } else { resize(&decoded, width, height, Filter::Bicubic) };
        let grid = Grid { rows: (height / self.patch) as usize, columns: (width / self.patch) as usize };
        let mut digest = Sha256::new();
        digest.update(width.to_le_bytes());
        digest.update(pixels.as_raw());
        let picture = Arc::new(Picture { id: digest.finalize().into(), grid, pixels });
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(file, Arc::clone(&picture));
        Ok(picture)
    }

    /// Its patches, `[patches, 3 × patch × patch]`: those that are merged to a token follow each other.
    pub(crate) fn patches(&self, picture: &Picture) -> Vec<f32> {
        let (side, merge) = (self.patch as usize, self.merge);
        let (rows, columns) = (picture.grid.rows, picture.grid.columns);
        let (pixels, width) = (picture.pixels.as_raw(), columns * side);
        let mut patches = vec![0.0; rows * columns * 3 * side * side];
        // rows of tokens are far apart in the picture and follow each other here
        let lines = patches.par_chunks_exact_mut(merge * columns * 3 * side * side);
        lines.enumerate().for_each(|(token_row, line)| {
            let mut places = line.chunks_exact_mut(side);
            for token_column in 0..columns / merge {
                for inner in 0..merge * merge {
                    let top = (token_row * merge + inner / merge) * side;
                    let left = (token_column * merge + inner % merge) * side;
                    for (channel, table) in self.tables.iter().enumerate() {
                        for (y, place) in (top..top + side).zip(&mut places) {
                            let pixels = pixels[(y * width + left) * 3..(y * width + left + side) * 3].chunks_exact(3);
                            place.iter_mut().zip(pixels).for_each(|(value, pixel)| *value = table[usize::from(pixel[channel])]);
                        }
                    }
                }
            }
        });
        patches
    }
}
