//! The bytes that Pillow gives (golden.py wrote golden.json), and what holds for any size.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use image::RgbImage;
use proptest::prelude::*;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use wayfarer_pixels::{Filter, decode_png, encode_png, resize};

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    old: (u32, u32),
    new: (u32, u32),
    filter: Filter,
    sha256: String,
}

/// The picture of golden.py.
fn picture(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let noise = ((u64::from(x) * 2_654_435_761 + u64::from(y) * 2_246_822_519) % 4_294_967_296) >> 24;
        let stripe = if (x / 3 + y / 5) % 2 == 1 { 255 } else { 0 };
        let slope = x * 255 / (width - 1).max(1);
        image::Rgb([stripe, slope as u8, noise as u8])
    })
}

#[test]
fn the_bytes_are_pillows() {
    let golden: Golden = serde_json::from_str(include_str!("golden.json")).unwrap();
    assert!(golden.cases.len() >= 20);
    for Case { old, new, filter, sha256 } in golden.cases {
        let resized = resize(&picture(old.0, old.1), new.0, new.1, filter);
        assert_eq!(hex::encode(Sha256::digest(resized.as_raw())), sha256, "{old:?} to {new:?}, {filter:?}");
    }
}

#[test]
fn what_is_no_png_is_refused_in_words() {
    assert!(decode_png(b"no picture").unwrap_err().to_string().contains("cannot be read as PNG"));
    let png = encode_png(&picture(20, 10)).unwrap();
    assert!(decode_png(&png[..png.len() / 2]).is_err());
}

proptest! {
    #[test]
    fn one_colour_stays_that_colour(w in 1_u32..80, h in 1_u32..80, new_w in 1_u32..80, new_h in 1_u32..80, colour: [u8; 3]) {
        let plain = RgbImage::from_pixel(w, h, image::Rgb(colour));
        for filter in [Filter::Bilinear, Filter::Bicubic, Filter::Lanczos] {
            let resized = resize(&plain, new_w, new_h, filter);
            prop_assert_eq!(resized.dimensions(), (new_w, new_h));
            prop_assert!(resized.pixels().all(|pixel| pixel.0 == colour), "{:?}", filter);
        }
    }

    #[test]
    fn a_png_comes_back_as_it_was(w in 1_u32..60, h in 1_u32..60) {
        let there = picture(w, h);
        prop_assert_eq!(decode_png(&encode_png(&there).unwrap()).unwrap(), there);
    }
}
