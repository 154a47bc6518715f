//! Many at once, and changes that are dropped in the middle.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lakegate_catalog::{
    Alteration, Catalog, Created, DatasetType, Error, NewDataset, ObjectName, OnContents,
    OnExisting, OnMissing, PrincipalType, Privilege,
};
use lakegate_common::error::{Coded, ErrorCode, describe};

use crate::support::{create, on_both, public, table, view};

on_both! {
    async fn of_many_creators_only_one_wins(fixture) {
        let other = fixture.open_again().await;
        let mut creators = tokio::task::JoinSet::new();
        for index in 0..20 {
            let catalog = if index % 2 == 0 { fixture.catalog.clone() } else { other.clone() };
            creators.spawn(async move {
                catalog.create_dataset(&table("t"), OnExisting::Fail).await
            });
        }
        let outcomes = creators.join_all().await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        for error in outcomes.into_iter().filter_map(Result::err) {
            assert_eq!(error.code(), ErrorCode::AlreadyExists, "{}", describe(&error));
            assert_eq!(error.to_string(), "table \"lakegate.public.t\" already exists");
        }
    }

    /// Each change that says it has succeeded has counted one version, no other has, and both
    /// servers agree on the end.
    async fn sixteen_writers_on_two_servers_leave_one_catalog(fixture) {
        let other = fixture.open_again().await;
        let ann = fixture.user("ann").await;
        let project = ObjectName::Project("lakegate".into());
        fixture.catalog.grant(&[Privilege::Manage, Privilege::Create], &project, "ann")
            .await
            .unwrap();
        let before = fixture.catalog.snapshot().await.unwrap().version();
        let changes = Arc::new(AtomicU64::new(0));
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..16_u32 {
            let server = if writer % 2 == 0 { &fixture.catalog } else { &other };
            let catalog = if writer % 4 < 2 { server.clone() } else { server.acting_for(ann) };
            let changes = Arc::clone(&changes);
            writers.spawn(async move { write(&catalog, writer, &changes).await });
        }
        writers.join_all().await;
        let (one, two) =
            (fixture.catalog.snapshot().await.unwrap(), other.snapshot().await.unwrap());
        assert_eq!(one, two);
        assert_eq!(one.version() - before, changes.load(Ordering::Relaxed));
        assert_eq!(fixture.open_again().await.snapshot().await.unwrap(), one);
    }

    /// A reader takes what has not changed from the snapshot before; each is as if read anew.
    async fn a_snapshot_after_any_change_is_the_one_that_a_new_server_reads(fixture) {
        let catalog = &fixture.catalog;
        let reader = fixture.open_again().await;
        let equal = || async {
            let fresh = fixture.open_again().await;
            assert_eq!(reader.snapshot().await.unwrap(), fresh.snapshot().await.unwrap());
            fresh.close().await;
        };
        catalog.create_schema("lakegate", "raw", false).await.unwrap();
        for name in ["a", "b", "c", "d"] {
            create(catalog, view(name)).await;
        }
        equal().await;
        create(catalog, table("t")).await;
        equal().await;
        catalog.create_dataset(&view("a"), OnExisting::Replace).await.unwrap();
        equal().await;
        catalog.alter(&public("b"), &Alteration::rename("e")).await.unwrap();
        catalog.alter(&public("c"), &Alteration::comment(Some("new".into()))).await.unwrap();
        equal().await;
        let (view_type, missing) = (DatasetType::View, OnMissing::Fail);
        catalog.drop_dataset("lakegate", "public", "a", view_type, missing).await.unwrap();
        create(catalog, view("a")).await;
        equal().await;
        fixture.user("ann").await;
        catalog.set_owner(&public("d"), "ann").await.unwrap();
        fixture.user("bob").await;
        equal().await;
        catalog.reassign_owned("ann", "bob").await.unwrap();
        equal().await;
        let bob = catalog.snapshot().await.unwrap().principal("bob").unwrap().id;
        catalog.grant(&[Privilege::Manage], &public("b2"), "bob").await.unwrap_err();
        catalog.grant(&[Privilege::Manage], &public("e"), "bob").await.unwrap();
        let as_bob = catalog.acting_for(bob);
        as_bob.grant(&[Privilege::Select], &public("e"), "ann").await.unwrap();
        equal().await;
        catalog.reassign_owned("bob", "ann").await.unwrap();
        let user = PrincipalType::User;
        catalog.drop_principal("bob", user, OnMissing::Fail).await.unwrap();
        equal().await;
        assert_eq!(reader.snapshot().await.unwrap().grants().count(), 2);
        let raw = NewDataset { schema: "raw".into(), ..view("r") };
        create(catalog, raw).await;
        catalog.drop_schema("lakegate", "public", missing, OnContents::Cascade).await.unwrap();
        equal().await;
        assert_eq!(reader.snapshot().await.unwrap().dataset_count(), 1);
    }

    /// As after a restore from a backup, with servers that go on.
    async fn a_catalog_that_has_gone_back_is_read_anew(fixture) {
        create(&fixture.catalog, view("v")).await;
        let before = fixture.catalog.snapshot().await.unwrap();
        fixture.execute("DELETE FROM dataset").await;
        fixture.execute("UPDATE catalog_state SET version = version - 1").await;
        let after = fixture.catalog.snapshot().await.unwrap();
        assert_eq!((after.version(), after.dataset_count()), (before.version() - 1, 0));
    }

    /// A replacement changes several rows; no snapshot may fall in between.
    async fn snapshots_are_whole_while_datasets_change(fixture) {
        let catalog = fixture.catalog.clone();
        create(&catalog, view("v")).await;
        let writer = tokio::spawn({
            let catalog = catalog.clone();
            async move {
                for round in 0..40 {
                    let replaced = catalog.create_dataset(&view("v"), OnExisting::Replace).await;
                    assert!(matches!(replaced.unwrap(), Created::Replaced(_)));
                    create(&catalog, table(&format!("t{round}"))).await;
                }
            }
        });
        let (mut version, mut count) = (0, 0);
        while !writer.is_finished() {
            let snapshot = catalog.snapshot().await.unwrap();
            assert!(snapshot.dataset("lakegate", "public", "v").is_some());
            assert!(snapshot.version() >= version && snapshot.dataset_count() >= count);
            (version, count) = (snapshot.version(), snapshot.dataset_count());
        }
        writer.await.unwrap();
        assert_eq!(catalog.snapshot().await.unwrap().dataset_count(), 41);
    }

    /// A statement that is cancelled drops its change wherever it is.
    async fn a_change_that_is_dropped_happens_or_does_not(fixture) {
        let ann = fixture.user("ann").await;
        let project = ObjectName::Project("lakegate".into());
        fixture.catalog.grant(&[Privilege::Create], &project, "ann").await.unwrap();
        let as_ann = fixture.catalog.acting_for(ann);
        let mut whole = 0_usize;
        for round in 0..150_u32 {
            let name = format!("v{round}");
            let patience = Duration::from_micros(u64::from(round) * 60);
            let new = view(&name);
            let finished =
                tokio::time::timeout(patience, as_ann.create_dataset(&new, OnExisting::Fail)).await;
            let snapshot = fixture.catalog.snapshot().await.unwrap();
            let version = snapshot.version();
            match snapshot.dataset("lakegate", "public", &name) {
                Some(dataset) => {
                    whole += 1;
                    assert_eq!(dataset.kind, view(&name).kind);
                    let view = snapshot.for_principal(ann);
                    view.check(Privilege::Own, &public(&name)).unwrap();
                }
                None => assert!(finished.is_err(), "what was acknowledged is there"),
            }
            fixture.catalog.create_schema("lakegate", &name, false).await.unwrap();
            let after = fixture.catalog.snapshot().await.unwrap();
            // A commit that was under way when it was dropped may have ended since.
            let late = u64::from(after.dataset_count() > snapshot.dataset_count());
            assert_eq!(after.version(), version + 1 + late);
            whole += usize::try_from(late).unwrap();
        }
        assert_eq!(fixture.catalog.snapshot().await.unwrap().dataset_count(), whole);
    }
}

/// Makes, changes and drops things that all writers fight for.
async fn write(catalog: &Catalog, writer: u32, changes: &AtomicU64) {
    for round in 0..6_u32 {
        let name = format!("t{}", (writer + round) % 5);
        let schema = format!("s{}", (writer + round) % 3);
        count(changes, catalog.create_schema("lakegate", &schema, true).await.map(is_new));
        count(changes, catalog.create_dataset(&view(&name), OnExisting::Replace).await.map(is_new));
        let select = [Privilege::Select];
        let granted = catalog.grant(&select, &public(&name), "ann").await;
        count(changes, granted.map(|grants| grants.into_iter().any(is_new)));
        let rename = Alteration::rename(format!("t{}", (writer * round) % 5));
        let renamed = catalog.alter(&public(&name), &rename).await;
        count(changes, renamed.map(|()| true));
        let dropped = catalog
            .drop_dataset("lakegate", "public", &name, DatasetType::View, OnMissing::Ignore)
            .await;
        count(changes, dropped);
        let dropped =
            catalog.drop_schema("lakegate", &schema, OnMissing::Ignore, OnContents::Cascade).await;
        count(changes, dropped);
    }
}

fn is_new<Id>(created: Created<Id>) -> bool {
    !matches!(created, Created::Kept(_))
}

/// Counts what has changed. Somebody may have been quicker with a name; nothing else may go wrong.
fn count(changes: &AtomicU64, outcome: Result<bool, Error>) {
    match outcome {
        Ok(true) => {
            changes.fetch_add(1, Ordering::Relaxed);
        }
        Ok(false) => {}
        Err(error) => assert!(
            matches!(
                error.code(),
                ErrorCode::AlreadyExists | ErrorCode::TableNotFound | ErrorCode::SchemaNotFound
            ),
            "{}",
            describe(&error)
        ),
    }
}
