//! The store, over a real folder.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use bytes::Bytes;
use wayfarer_core::verdict::Decision;
use wayfarer_core::{AttemptId, BlobHash, RunId, TaskId, Usage, Verdict};
use wayfarer_store::{Store, StoreError, Stores};

fn a_store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("out/run")).unwrap();
    (folder, store)
}

fn an_attempt(number: u32) -> AttemptId {
    AttemptId { task: TaskId::new("task-1").unwrap(), number }
}

fn a_verdict(version: u32) -> Verdict {
    Verdict {
        version,
        decision: Decision::Accepted,
        opinions: vec![],
        process_score: 1.0,
        outcome_score: 1.0,
        policy: Default::default(),
        critical_point: None,
        failure: None,
        disputed: false,
        judge_model: "standin".into(),
        usage: Usage::default(),
    }
}

#[tokio::test]
async fn a_blob_comes_back_by_its_hash_and_is_written_once() {
    let (_folder, store) = a_store();
    let bytes = Bytes::from_static(b"\x89PNG not really");

    let hash = store.put_blob(bytes.clone()).await.unwrap();
    let file = store.root().join(Store::blob_path(&hash));
    let first_write = std::fs::metadata(&file).unwrap().modified().unwrap();
    let again = store.put_blob(bytes.clone()).await.unwrap();

    assert_eq!(hash, again);
    assert_eq!(store.get_blob(&hash).await.unwrap(), bytes);
    assert_eq!(std::fs::metadata(&file).unwrap().modified().unwrap(), first_write);
}

#[tokio::test]
async fn a_blob_that_was_changed_on_disk_is_found_out() {
    let (_folder, store) = a_store();
    let hash = store.put_blob(Bytes::from_static(b"before")).await.unwrap();

    std::fs::write(store.root().join(Store::blob_path(&hash)), b"after").unwrap();

    assert!(matches!(store.get_blob(&hash).await, Err(StoreError::Corrupt { .. })));
}

#[tokio::test]
async fn what_is_not_there_is_missing_and_not_a_fault() {
    let (_folder, store) = a_store();

    let blob = store.get_blob(&BlobHash::of(b"never")).await;
    let trajectory = store.get_trajectory(&an_attempt(1)).await;

    assert!(matches!(blob, Err(StoreError::Missing { .. })));
    assert!(matches!(trajectory, Err(StoreError::Missing { .. })));
    assert_eq!(store.get_verdict(&an_attempt(1)).await.unwrap(), None);
    assert_eq!(store.find_document::<Verdict>("verdict.json").await.unwrap(), None);
    assert!(store.attempts().await.unwrap().is_empty());
}

#[tokio::test]
async fn the_verdict_with_the_highest_version_is_in_force() {
    let (_folder, store) = a_store();

    for version in [9, 10, 2] {
        store.put_verdict(&an_attempt(1), &a_verdict(version)).await.unwrap();
    }

    assert_eq!(store.get_verdict(&an_attempt(1)).await.unwrap(), Some(a_verdict(10)));
    assert_eq!(store.get_verdict(&an_attempt(2)).await.unwrap(), None);
}

#[tokio::test]
async fn a_document_that_cannot_be_read_names_its_path() {
    let (_folder, store) = a_store();
    store.put_bytes("attempts/task-1-a1/verdict-1.json", Bytes::from_static(b"{")).await.unwrap();

    let error = store.get_verdict(&an_attempt(1)).await.unwrap_err();

    assert!(error.to_string().contains("attempts/task-1-a1/verdict-1.json"), "{error}");
    assert!(store.find_document::<Verdict>("attempts/task-1-a1/verdict-1.json").await.is_err(), "it is there");
}

#[tokio::test]
async fn attempts_are_listed_by_their_trajectories_in_order() {
    let (_folder, store) = a_store();
    for number in [10, 2] {
        store.put_bytes(&format!("attempts/task-1-a{number}/trajectory.json"), Bytes::from_static(b"{}")).await.unwrap();
    }
    store.put_verdict(&an_attempt(3), &a_verdict(1)).await.unwrap();

    assert_eq!(store.attempts().await.unwrap(), vec![an_attempt(2), an_attempt(10)]);
}

#[test]
fn the_disk_says_how_much_is_free() {
    let (_folder, store) = a_store();

    assert!(store.free_bytes().unwrap() > 0);
}

#[tokio::test]
async fn of_several_first_verdicts_the_first_counts() {
    let (_folder, store) = a_store();
    let other = Verdict { decision: Decision::InvalidTask { why: "somebody else thought so".into() }, ..a_verdict(1) };

    let first = store.keep_verdict(&an_attempt(1), a_verdict(1)).await.unwrap();
    let second = store.keep_verdict(&an_attempt(1), other).await.unwrap();

    assert_eq!((first, second), (a_verdict(1), a_verdict(1)));
    assert_eq!(store.get_verdicts(&an_attempt(1)).await.unwrap(), [a_verdict(1)]);
}

#[tokio::test]
async fn the_store_of_one_run_takes_nothing_of_another() {
    let (_folder, store) = a_store();
    let (own, other) = (RunId::new("run-1").unwrap(), RunId::new("run-2").unwrap());
    let stores = Stores::Single(own.clone(), store);

    assert!(stores.of(&own).is_ok());
    assert!(matches!(stores.of(&other), Err(StoreError::OtherRun { .. })));
}
