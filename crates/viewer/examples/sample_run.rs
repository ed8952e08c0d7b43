//! Writes a sample run and its pages: `sample_run OUT [PICTURES]`, where PICTURES holds 0.png to 4.png (home, results, product, cart,
//! checkout); plain pictures without it. For working on the viewer without running a campaign.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../tests/sample/mod.rs"]
mod sample;

use bytes::Bytes;
use std::path::PathBuf;
use wayfarer_store::Store;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let out = arguments.next().expect("name the folder to write: sample_run OUT [PICTURES]");
    let pictures = arguments.next().map(PathBuf::from);
    let store = Store::open(out).unwrap();
    sample::write(&store, &|page| match &pictures {
        Some(folder) => Bytes::from(std::fs::read(folder.join(format!("{page}.png"))).unwrap()),
        None => sample::plain_picture(page),
    })
    .await;
    let report = wayfarer_viewer::write_run_pages(&store).await.unwrap();
    let summary = store.get_document("summary.json").await.unwrap();
    println!("{}\n{report:#?}", wayfarer_viewer::print_summary(&summary));
}
