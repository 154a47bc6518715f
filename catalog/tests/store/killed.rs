//! A server that is killed in the middle of its work.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use lakegate_catalog::{Catalog, CatalogUrl, DatasetType, OnExisting, OnMissing, Privilege};

use crate::support::{create, on_both, public, ring, view};

/// The variable by which the child knows the catalog.
const URL: &str = "LAKEGATE_TEST_CATALOG";

const ROUNDS: usize = 12;

on_both! {
    /// What the child has told is there; of what it was at, all is there or nothing.
    async fn a_killed_process_leaves_before_or_after(fixture) {
        let admin = fixture.catalog.create_principal("root", "hash", true).await.unwrap();
        let mut made = 0;
        for round in 0..ROUNDS {
            let told = kill_after(&fixture.place, made, 1 + round * 3);
            let snapshot = fixture.catalog.snapshot().await.unwrap();
            let names: Vec<String> = snapshot
                .datasets("lakegate", "public")
                .map(|dataset| dataset.name.clone())
                .collect();
            assert!(names.len() == told || names.len() == told + 1, "{told} told, {names:?}");
            for index in 0..names.len() {
                let name = format!("v{index:06}");
                let view = snapshot.for_principal(admin.id);
                let dataset = view.dataset("lakegate", "public", &name).unwrap();
                assert_eq!(dataset.definer, Some(admin.id));
                let owned = snapshot.grants_of(admin.id).filter(|grant| {
                    grant.privilege == Privilege::Own
                        && grant.object == view.object(&public(&name)).unwrap()
                });
                assert_eq!(owned.count(), 1, "its row and its grant come together");
            }
            assert!(snapshot.dataset("lakegate", "public", "passing").is_none());
            made = names.len();
            // Whatever the killed process held is free again.
            create(&fixture.catalog, view("passing")).await;
            let drop = fixture.catalog.drop_dataset(
                "lakegate", "public", "passing", DatasetType::View, OnMissing::Fail,
            );
            assert!(drop.await.unwrap());
        }
    }
}

/// Runs a child that goes on from `first` and kills it when it has told of so many more; how many
/// it has told of in all.
fn kill_after(place: &str, first: usize, count: usize) -> usize {
    let mut child = start(place, first);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut told = first;
    for line in lines {
        let line = line.unwrap();
        // The test harness of the child writes too.
        let Some(number) = line.strip_prefix("made ") else { continue };
        told = number.parse::<usize>().unwrap() + 1;
        if told == first + count {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    told
}

fn start(place: &str, first: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed::makes_datasets_until_it_is_killed", "--nocapture"])
        .env(URL, format!("{first} {place}"))
        .stdout(Stdio::piped())
        .stdin(Stdio::null())
        .spawn()
        .unwrap()
}

/// The child process of the tests above; among the tests of this process it has nothing to do.
#[tokio::test]
async fn makes_datasets_until_it_is_killed() {
    let Ok(arguments) = std::env::var(URL) else { return };
    let (first, place) = arguments.split_once(' ').unwrap();
    let url: CatalogUrl = place.parse().unwrap();
    let service = Catalog::open_with(&url, Some(ring("a"))).await.unwrap();
    let admin = service.principal("root").await.unwrap().unwrap();
    let catalog = service.acting_for(admin.id);
    let mut out = std::io::stdout();
    for index in first.parse::<usize>().unwrap().. {
        let new = view(&format!("v{index:06}"));
        catalog.create_dataset(&new, OnExisting::Fail).await.unwrap();
        writeln!(out, "made {index}").unwrap();
        out.flush().unwrap();
    }
}
