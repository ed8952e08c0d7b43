//! The pages of a run, as files that a stranger opens.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod sample;

use regex::Regex;
use std::collections::BTreeSet;
use std::path::Path;
use wayfarer_core::BlobHash;
use wayfarer_core::run::Summary;
use wayfarer_store::Store;
use wayfarer_viewer::{RunPages, print_summary, write_attempt_page, write_run_pages};

async fn sample_run() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    sample::write(&store, &sample::plain_picture).await;
    (folder, store)
}

/// A page as a browser reads it, so far as slashes go: the template engine writes them as references.
fn page_at(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap().replace("&#x2f;", "/")
}

fn attempt_page(folder: &Path, attempt: &str) -> String {
    page_at(&folder.join("attempts").join(attempt).join("index.html"))
}

fn found(pattern: &str, text: &str) -> BTreeSet<String> {
    Regex::new(pattern).unwrap().captures_iter(text).map(|found| found[1].to_owned()).collect()
}

#[tokio::test]
async fn every_link_of_every_page_leads_somewhere() {
    let (folder, store) = sample_run().await;

    let report = write_run_pages(&store).await.unwrap();

    assert_eq!((report.attempts, report.unreadable.len()), (3, 0));
    assert_eq!(report.missing_blobs, [BlobHash::of(b"a screenshot that nobody kept")]);
    let pages = [
        folder.path().join("index.html"),
        folder.path().join("attempts/shop-a-01-a1/index.html"),
        folder.path().join("attempts/shop-a-02-a1/index.html"),
        folder.path().join("attempts/shop-a-03-a1/index.html"),
    ];
    for page in pages {
        let html = page_at(&page);
        let anchors = found(r#" id="([^"]+)""#, &html);
        for link in found(r#"(?:href|src)="([^"]*)""#, &html) {
            match link.strip_prefix('#') {
                Some(anchor) => assert!(anchors.contains(anchor), "{}: nothing at {link}", page.display()),
                None => assert!(page.parent().unwrap().join(&link).is_file(), "{}: no file at {link}", page.display()),
            }
        }
    }
}

#[tokio::test]
async fn evidence_leads_to_the_step_it_cites() {
    let (folder, store) = sample_run().await;
    write_run_pages(&store).await.unwrap();

    let accepted = attempt_page(folder.path(), "shop-a-01-a1");
    let rejected = attempt_page(folder.path(), "shop-a-02-a1");

    // The multimodal judge named a screenshot only: the step that first showed it is found.
    let multimodal = accepted.split("id=\"judge-multimodal\"").nth(1).unwrap().split("</article>").next().unwrap();
    assert!(multimodal.contains("<a href=\"#step-4\">step 4</a>"), "{multimodal}");
    assert!(rejected.contains("step 77 (not in this trajectory)") && rejected.contains("screenshot missing"));
    assert!(accepted.contains("The user asks next:") && rejected.contains("stop rolled back"));
}

#[tokio::test]
async fn the_click_is_drawn_where_it_was_made() {
    let (folder, store) = sample_run().await;
    write_run_pages(&store).await.unwrap();

    let page = attempt_page(folder.path(), "shop-a-01-a1");

    let step = page.split("id=\"step-2\"").nth(1).unwrap().split("</article>").next().unwrap();
    // (210, 300) of 1440×900, in the box of mark 14 of the page before.
    assert!(step.contains("class=\"marker click\" style=\"left:14.58%;top:33.33%\""), "{step}");
    assert!(step.contains("class=\"target\" style=\"left:4.17%;top:14.44%;width:20.83%;height:37.78%\""), "{step}");
}

#[tokio::test]
async fn text_of_pages_and_models_stays_text() {
    let (folder, store) = sample_run().await;
    write_run_pages(&store).await.unwrap();

    let index = page_at(&folder.path().join("index.html"));
    let attempt = attempt_page(folder.path(), "shop-a-02-a1");

    for page in [index, attempt] {
        assert!(page.contains("&lt;script&gt;alert("), "the text is shown");
        assert_eq!(page.matches("<script").count(), 1, "no script but the viewer's own");
        assert_eq!(page.matches("<img src=x").count(), 0);
        assert!(page.contains("script-src &#x27;sha256-") || page.contains("script-src 'sha256-"), "and no other could run");
    }
}

#[tokio::test]
async fn pages_written_one_by_one_or_again_are_the_same() {
    let (folder, store) = sample_run().await;
    write_attempt_page(&store, &sample::attempt("shop-a-01", 1)).await.unwrap();
    let alone = attempt_page(folder.path(), "shop-a-01-a1");

    write_run_pages(&store).await.unwrap();
    let index = std::fs::read(folder.path().join("index.html")).unwrap();
    write_run_pages(&store).await.unwrap();

    assert!(attempt_page(folder.path(), "shop-a-01-a1") == alone);
    assert!(std::fs::read(folder.path().join("index.html")).unwrap() == index);
}

#[tokio::test]
async fn a_damaged_or_young_folder_still_opens() {
    let (folder, store) = sample_run().await;
    std::fs::remove_file(folder.path().join("summary.json")).unwrap();
    std::fs::write(folder.path().join("attempts/shop-a-03-a1/trajectory.json"), b"{ half").unwrap();
    let mut edited = store.get_trajectory(&sample::attempt("shop-a-01", 1)).await.unwrap();
    edited.steps[0].surfed.observation.screenshot = serde_json::from_str("\"../../etc\"").unwrap();
    edited.steps[1].surfed.som_screenshot = Some(serde_json::from_str("\"é\"").unwrap());
    store.put_trajectory(&edited).await.unwrap();

    let report = write_run_pages(&store).await.unwrap();

    assert_eq!((report.attempts, report.unreadable.len()), (2, 1));
    assert!(report.unreadable[0].contains("shop-a-03-a1"), "{:?}", report.unreadable);
    let index = page_at(&report.index);
    assert!(index.contains("could not be read") && index.contains("Add 2 Trail Mug"));
    assert!(!attempt_page(folder.path(), "shop-a-01-a1").contains("src=\"../../etc"));
}

#[tokio::test]
async fn the_summary_reads_well_in_a_terminal() {
    let (_folder, store) = sample_run().await;
    let summary: Summary = store.get_document("summary.json").await.unwrap();

    let text = print_summary(&summary);

    assert!(text.starts_with("run demo-2026-11-21 (complete)\n"));
    assert!(text.contains("  accepted        1 (25 %)\n"), "{text}");
    let unpriced = print_summary(&Summary { cost_usd: 0.0, ..summary });
    assert!(unpriced.contains("  cost            unpriced (no prices are configured)\n"), "{unpriced}");
    assert!(
        text.lines().any(|line| line.split_whitespace().collect::<Vec<_>>() == ["targeted", "1", "1", "0", "0", "0", "100", "%"]),
        "{text}"
    );
}

#[tokio::test]
async fn the_page_of_a_run_that_goes_on_tells_what_is_done_and_what_is_not() {
    let (folder, store) = sample_run().await;
    let complete: Summary = store.get_document("summary.json").await.unwrap();
    let so_far = Summary { accepted: 1, rejected: 0, dead_lettered: 0, open: 3, complete: false, ..complete };
    let mut pages = RunPages::default();

    pages.write(&store, &so_far).await.unwrap();
    let young = page_at(&folder.path().join("index.html"));
    std::fs::remove_dir_all(folder.path().join("attempts/shop-a-03-a1")).unwrap();
    let report = pages.write(&store, &so_far).await.unwrap();

    assert!(young.contains("not complete") && young.contains("3 not done yet"), "{young}");
    assert!(young.contains("yield 100"), "what is not done yet is no failure");
    let (tried, untried) = (young.find("Add 2 Trail Mug").unwrap(), young.find("Find the cheapest product").unwrap());
    assert!(tried < untried, "what can be looked at comes first");
    assert_eq!(report.attempts, 3, "a judged attempt is read once");
}
