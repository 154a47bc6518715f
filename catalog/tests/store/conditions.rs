//! Changes under a condition, what is noted from the beginning, and changes of several things at
//! once.

use lakegate_catalog::{
    Alteration, Catalog, CredentialSource, Error, LocationChange, NewCredential, NewLocation,
    Notes, ObjectName, OnContents, OnMissing, PrincipalType, StoreType, VisibleSnapshot,
};
use lakegate_common::error::{Coded, ErrorCode};
use lakegate_common::secret::Secret;

use crate::support::{create, on_both, public, table, texts};

fn location(name: &str) -> NewLocation {
    let (name, url) = (name.to_string(), format!("s3://bucket/{name}/"));
    NewLocation { name, url, credential: None, options: texts(&[]) }
}

fn credential(name: &str) -> NewCredential {
    NewCredential {
        name: name.to_string(),
        store_type: StoreType::S3,
        source: source("first"),
        options: texts(&[]),
    }
}

fn source(secret: &str) -> CredentialSource {
    let secret = ("access_key_id".to_string(), Secret::from_text(secret));
    CredentialSource::Secrets([secret].into())
}

fn changed() -> Error {
    Error::Changed { noun: "schema" }
}

/// The catalog for as long as the default schema has this revision.
fn while_unchanged(catalog: &Catalog, revision: u64) -> Catalog {
    catalog.provided(move |seen| match seen.schema("lakegate", "public") {
        Some(schema) if schema.revision == revision => Ok(()),
        _ => Err(changed()),
    })
}

on_both! {
    async fn nothing_changes_while_the_condition_does_not_hold(fixture) {
        let catalog = &fixture.catalog;
        create(catalog, table("t")).await;
        catalog.create_role("staff").await.unwrap();
        catalog.create_credential(&credential("keys"), false).await.unwrap();
        catalog.create_location(&location("raw"), false).await.unwrap();
        let before = catalog.snapshot().await.unwrap();
        let never = catalog.provided(|_| Err(changed()));
        let comment = Alteration::comment(Some("x".into()));
        let (drop, all) = (OnMissing::Fail, OnContents::Cascade);
        for refused in [
            never.alter(&public("t"), &comment).await,
            never.amend_project("lakegate", &comment, Some(None)).await,
            never.amend_location("raw", &comment, &LocationChange::default()).await,
            never.amend_credential("keys", &comment, Some(&source("second"))).await,
            never.create_project("lab", false).await.map(|_| ()),
            never.drop_schema("lakegate", "public", drop, all).await.map(|_| ()),
            never.drop_principal("staff", PrincipalType::Role, drop).await.map(|_| ()),
            never.drop_location("raw", drop).await.map(|_| ()),
            never.set_password_hash("staff", "hash").await.map(|_| ()),
        ] {
            assert_eq!(refused.unwrap_err().code(), ErrorCode::PreconditionFailed);
        }
        assert_eq!(catalog.snapshot().await.unwrap(), before);
        catalog.provided(|_| Ok(())).alter(&public("t"), &comment).await.unwrap();
    }

    /// Eight servers' worth of writers have all seen the same revision: one may change it.
    async fn of_many_with_the_same_condition_one_wins(fixture) {
        let other = fixture.open_again().await;
        let schema = ObjectName::schema("lakegate", "public");
        for round in 0..5 {
            let seen = fixture.catalog.snapshot().await.unwrap();
            let revision = seen.schema("lakegate", "public").unwrap().revision;
            let mut writers = tokio::task::JoinSet::new();
            for writer in 0..8 {
                let server = if writer % 2 == 0 { &fixture.catalog } else { &other };
                let catalog = while_unchanged(server, revision);
                let (schema, comment) = (schema.clone(), Some(format!("{round} {writer}")));
                writers.spawn(async move {
                    catalog.alter(&schema, &Alteration::comment(comment)).await
                });
            }
            let outcomes = writers.join_all().await;
            assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
            for error in outcomes.into_iter().filter_map(Result::err) {
                assert_eq!(error.code(), ErrorCode::PreconditionFailed);
            }
        }
    }

    async fn a_condition_is_judged_on_what_the_principal_sees(fixture) {
        create(&fixture.catalog, table("t")).await;
        let is_there = |seen: &VisibleSnapshot| match seen.dataset("lakegate", "public", "t") {
            Some(_) => Ok(()),
            None => Err(changed()),
        };
        let comment = Alteration::comment(None);
        fixture.catalog.provided(is_there).alter(&public("t"), &comment).await.unwrap();
        let eve = fixture.catalog.acting_for(fixture.user("eve").await).provided(is_there);
        let error = eve.alter(&public("t"), &comment).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::PreconditionFailed);
    }

    async fn what_is_made_has_its_notes_from_the_beginning(fixture) {
        let notes = Notes { comment: Some("noted".into()), properties: texts(&[("cost", "12")]) };
        let noting = fixture.catalog.noting(notes.clone());
        noting.create_project("lab", false).await.unwrap();
        noting.create_schema("lab", "raw", false).await.unwrap();
        noting.create_location(&location("raw"), false).await.unwrap();
        noting.create_credential(&credential("keys"), false).await.unwrap();
        noting.create_principal("ann", "hash", false).await.unwrap();
        noting.create_role("staff").await.unwrap();
        create(&noting, table("t")).await;
        let seen = fixture.catalog.snapshot().await.unwrap();
        let project = seen.project("lab").unwrap();
        let schema = seen.schema("lab", "raw").unwrap();
        let (location, credential) =
            (seen.location("raw").unwrap(), seen.credential("keys").unwrap());
        let (ann, staff) = (seen.principal("ann").unwrap(), seen.principal("staff").unwrap());
        let dataset = seen.dataset("lakegate", "public", "t").unwrap();
        for (comment, properties) in [
            (&project.comment, &project.properties),
            (&schema.comment, &schema.properties),
            (&location.comment, &location.properties),
            (&credential.comment, &credential.properties),
            (&ann.comment, &ann.properties),
            (&staff.comment, &staff.properties),
            (&dataset.comment, &dataset.properties),
        ] {
            assert_eq!((comment, properties), (&notes.comment, &notes.properties));
        }
        assert_eq!(seen.schema("lab", "public").unwrap().comment, None);
        let long = Notes { comment: Some("x".repeat(17 << 10)), ..Notes::default() };
        let error = fixture.catalog.noting(long).create_project("p", false).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::LimitExceeded);
        assert_eq!(fixture.catalog.snapshot().await.unwrap(), seen);
    }

    async fn an_amendment_is_made_whole_or_not_at_all(fixture) {
        let catalog = &fixture.catalog;
        catalog.create_principal("admin", "hash", true).await.unwrap();
        catalog.create_principal("ann", "hash", false).await.unwrap();
        catalog.create_project("lab", false).await.unwrap();
        catalog.create_credential(&credential("keys"), false).await.unwrap();
        catalog.create_location(&location("raw"), false).await.unwrap();
        let before = catalog.snapshot().await.unwrap();
        let taken = |name: &str| Alteration::rename(name);
        let options = LocationChange { options: Some(texts(&[("region", "x")])), credential: None };
        let hash = Secret::from_text("other");
        catalog.create_location(&location("other"), false).await.unwrap();
        catalog.create_credential(&credential("other"), false).await.unwrap();
        let before_refusals = catalog.snapshot().await.unwrap();
        for refused in [
            catalog.amend_project("lab", &taken("lakegate"), Some(Some("s3://b/"))).await,
            catalog.amend_location("raw", &taken("other"), &options).await,
            catalog.amend_credential("keys", &taken("other"), Some(&source("second"))).await,
            catalog.amend_user("ann", &taken("admin"), Some(true), Some(&hash)).await,
        ] {
            assert_eq!(refused.unwrap_err().code(), ErrorCode::AlreadyExists);
        }
        assert_eq!(catalog.snapshot().await.unwrap(), before_refusals);
        assert_eq!(catalog.principal("ann").await.unwrap().unwrap().password_hash, "hash");
        let keys = before.credential("keys").unwrap().id;
        assert_eq!(catalog.secrets(keys).await.unwrap()["access_key_id"].expose(), "first");

        let renamed = Alteration::rename("renamed");
        catalog.amend_project("lab", &renamed, Some(Some("s3://b/"))).await.unwrap();
        catalog.amend_location("raw", &renamed, &options).await.unwrap();
        catalog.amend_credential("keys", &renamed, Some(&source("second"))).await.unwrap();
        catalog.amend_user("ann", &renamed, Some(true), Some(&hash)).await.unwrap();
        let seen = catalog.snapshot().await.unwrap();
        assert_eq!(seen.project("renamed").unwrap().location.as_deref(), Some("s3://b/"));
        assert_eq!(seen.location("renamed").unwrap().options, texts(&[("region", "x")]));
        assert_eq!(catalog.secrets(keys).await.unwrap()["access_key_id"].expose(), "second");
        let ann = catalog.principal("renamed").await.unwrap().unwrap();
        assert!(ann.is_admin && ann.password_hash == "other");
        assert_eq!(seen.version() - before_refusals.version(), 4);
    }

    async fn an_owner_changes_together_with_the_rest(fixture) {
        let catalog = &fixture.catalog;
        create(catalog, table("t")).await;
        let ann = fixture.user("ann").await;
        let mut alteration = Alteration::rename("u");
        alteration.owner = Some("nobody".into());
        let error = catalog.alter(&public("t"), &alteration).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::ObjectNotFound);
        alteration.owner = Some("ann".into());
        catalog.alter(&public("t"), &alteration).await.unwrap();
        let seen = fixture.seen_by(ann).await;
        assert_eq!(seen.dataset("lakegate", "public", "u").unwrap().definer, Some(ann));
        // Who may manage it may not give it away.
        fixture.user("bob").await;
        catalog.grant(&[lakegate_catalog::Privilege::Manage], &public("u"), "bob").await.unwrap();
        let bob = catalog.snapshot().await.unwrap().principal("bob").unwrap().id;
        alteration = Alteration { owner: Some("bob".into()), ..Alteration::default() };
        let error = catalog.acting_for(bob).alter(&public("u"), &alteration).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::PermissionDenied);
    }
}
