//! Pages for tests.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use wayfarer_core::observation::{Rect, Scroll, Settle, Viewport};
use wayfarer_core::{BlobHash, Mark, Observation};

pub(crate) fn mark(id: u32, role: &str, name: &str) -> Mark {
    let rect = Rect { x: 0.0, y: 0.0, w: 100.0, h: 30.0 };
    let tag = match role {
        "link" => "a",
        "textbox" => "input",
        _ => "button",
    };
    Mark { id, role: role.into(), name: name.into(), tag: tag.into(), rect, visible: true, ..Mark::default() }
}

pub(crate) fn page(url: &str, marks: Vec<Mark>) -> Observation {
    Observation {
        screenshot: BlobHash::of(b""),
        url: url.into(),
        title: "A page".into(),
        viewport: Viewport::default(),
        scroll: Scroll { height: 900.0, ..Scroll::default() },
        marks,
        forms: Vec::new(),
        focused: None,
        visible_text: "Some text".into(),
        state_hash: "s".into(),
        settle: Settle::default(),
    }
}

pub(crate) fn white_png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    image::RgbImage::from_pixel(width, height, image::Rgb([255; 3]))
        .write_to(&mut std::io::Cursor::new(&mut bytes), image::ImageFormat::Png)
        .unwrap();
    bytes
}
