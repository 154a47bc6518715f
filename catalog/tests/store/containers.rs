//! Projects and schemas.

use std::sync::Arc;

use lakegate_catalog::{Alteration, Created, Error, NewDataset, ObjectName, OnContents, OnMissing};
use lakegate_common::error::{Coded, ErrorCode, describe};

use crate::support::{create, names, on_both, table, texts, view};

on_both! {
    async fn a_new_catalog_holds_the_default_project_and_schema(fixture) {
        let snapshot = fixture.catalog.snapshot().await.unwrap();
        let projects: Vec<_> = snapshot.projects().map(|project| &project.name).collect();
        assert_eq!(projects, ["lakegate"]);
        assert!(snapshot.schema("lakegate", "public").is_some());
        assert_eq!(snapshot.schemas("nowhere").count(), 0);
        assert_eq!(fixture.catalog.principal_count().await.unwrap(), 0);
    }

    async fn an_unchanged_catalog_gives_the_same_snapshot(fixture) {
        fixture.catalog.create_principal("admin", "hash", true).await.unwrap();
        let first = fixture.catalog.snapshot().await.unwrap();
        assert!(!fixture.catalog.set_password_hash("nobody", "other").await.unwrap());
        let kept = fixture.catalog.create_schema("lakegate", "public", true).await.unwrap();
        assert!(matches!(kept, Created::Kept(_)));
        assert!(Arc::ptr_eq(&first, &fixture.catalog.snapshot().await.unwrap()));
        fixture.catalog.create_schema("lakegate", "raw", false).await.unwrap();
        let second = fixture.catalog.snapshot().await.unwrap();
        assert!(second.version() > first.version());
        assert!(first.schema("lakegate", "raw").is_none(), "a snapshot never changes");
    }

    async fn a_change_by_another_server_is_seen_by_the_next_statement(fixture) {
        let other = fixture.open_again().await;
        assert!(names(&fixture.catalog, "lakegate", "public").await.is_empty());
        create(&other, table("t")).await;
        assert_eq!(names(&fixture.catalog, "lakegate", "public").await, ["t"]);
    }

    async fn a_schema_that_is_not_empty_goes_only_by_cascade(fixture) {
        let catalog = &fixture.catalog;
        create(catalog, table("t")).await;
        create(catalog, view("v")).await;
        let refused =
            catalog.drop_schema("lakegate", "public", OnMissing::Fail, OnContents::Refuse).await;
        assert_eq!(
            describe(&refused.unwrap_err()),
            "not_empty: schema \"lakegate.public\" is not empty: it holds 2 datasets \
             (hint: drop what it holds first, or add CASCADE)",
        );
        let dropped =
            catalog.drop_schema("lakegate", "public", OnMissing::Fail, OnContents::Cascade).await;
        assert!(dropped.unwrap());
        let snapshot = catalog.snapshot().await.unwrap();
        assert!(snapshot.schema("lakegate", "public").is_none());
        assert_eq!(snapshot.dataset_count(), 0);
        catalog.create_schema("lakegate", "public", false).await.unwrap();
        assert!(names(catalog, "lakegate", "public").await.is_empty());
    }

    async fn a_project_goes_with_its_empty_default_schema_only(fixture) {
        let catalog = &fixture.catalog;
        let refuse =
            |name: &'static str| catalog.drop_project(name, OnMissing::Fail, OnContents::Refuse);
        catalog.create_project("lab", false).await.unwrap();
        assert!(matches!(catalog.create_project("lab", true).await.unwrap(), Created::Kept(_)));
        assert!(refuse("lab").await.unwrap());
        catalog.create_project("lab", false).await.unwrap();
        catalog.create_schema("lab", "raw", false).await.unwrap();
        assert_eq!(refuse("lab").await.unwrap_err().code(), ErrorCode::NotEmpty);
        create(catalog, NewDataset { project: "lab".into(), ..table("t") }).await;
        let dropped = catalog.drop_project("lab", OnMissing::Fail, OnContents::Cascade).await;
        assert!(dropped.unwrap());
        assert_eq!(catalog.snapshot().await.unwrap().dataset_count(), 0);
        assert_eq!(refuse("lakegate").await.unwrap_err().code(), ErrorCode::InvalidArgument);
    }

    async fn names_that_cannot_be_names_are_refused(fixture) {
        let catalog = &fixture.catalog;
        let long = "x".repeat(256);
        for name in ["", &long, "a\nb", "information_schema", "system"] {
            let error = catalog.create_schema("lakegate", name, false).await.unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidArgument, "{name}");
        }
        create(catalog, table(&"ü".repeat(255))).await;
        create(catalog, table("it's \"quoted\"; DROP TABLE dataset --")).await;
    }

    async fn a_text_that_postgres_cannot_keep_is_refused_by_both(fixture) {
        let comment = Alteration::comment(Some("a\0b".to_string()));
        let name = ObjectName::Project("lakegate".into());
        let error = fixture.catalog.alter(&name, &comment).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
    }

    async fn a_rename_keeps_the_identifier_and_what_is_inside(fixture) {
        let catalog = &fixture.catalog;
        catalog.create_project("lab", false).await.unwrap();
        create(catalog, NewDataset { project: "lab".into(), ..table("t") }).await;
        let before = catalog.snapshot().await.unwrap();
        let rename = |name: ObjectName, to: &'static str| async move {
            catalog.alter(&name, &Alteration::rename(to)).await
        };
        rename(ObjectName::Project("lab".into()), "plant").await.unwrap();
        rename(ObjectName::schema("plant", "public"), "raw").await.unwrap();
        rename(ObjectName::dataset("plant", "raw", "t"), "u").await.unwrap();
        let after = catalog.snapshot().await.unwrap();
        assert!(after.project("lab").is_none());
        let (old, new) = (
            before.dataset("lab", "public", "t").unwrap(),
            after.dataset("plant", "raw", "u").unwrap(),
        );
        assert_eq!((old.id, old.schema, &old.kind), (new.id, new.schema, &new.kind));
        assert!(new.revision > old.revision);
        let error = rename(ObjectName::Project("lakegate".into()), "x").await.unwrap_err();
        let text = "the default project \"lakegate\" cannot be dropped or renamed";
        assert_eq!(error.to_string(), text);
        let error = rename(ObjectName::Project("plant".into()), "lakegate").await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::AlreadyExists);
        let error = rename(ObjectName::schema("plant", "raw"), "system").await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
        rename(ObjectName::schema("plant", "raw"), "raw").await.unwrap();
    }

    async fn comments_and_properties_are_set_and_taken_away(fixture) {
        let name = ObjectName::schema("lakegate", "public");
        let first = Alteration {
            comment: Some(Some("where all begin".into())),
            set_properties: texts(&[("owner", "lab 3"), ("cost", "12")]),
            ..Alteration::default()
        };
        fixture.catalog.alter(&name, &first).await.unwrap();
        let second = Alteration {
            comment: Some(None),
            set_properties: texts(&[("cost", "13")]),
            remove_properties: ["owner".to_string(), "missing".to_string()].into(),
            ..Alteration::default()
        };
        let schema = || async {
            let snapshot = fixture.catalog.snapshot().await.unwrap();
            Arc::clone(snapshot.schema("lakegate", "public").unwrap())
        };
        assert_eq!(schema().await.comment.as_deref(), Some("where all begin"));
        fixture.catalog.alter(&name, &second).await.unwrap();
        assert_eq!(schema().await.comment, None);
        assert_eq!(schema().await.properties, texts(&[("cost", "13")]));
        let many: Vec<String> = (0..300).map(|index| index.to_string()).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "")).collect();
        let many = Alteration { set_properties: texts(&many), ..Alteration::default() };
        let error = fixture.catalog.alter(&name, &many).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::LimitExceeded);
    }

    async fn a_change_of_what_somebody_else_has_changed_is_refused(fixture) {
        create(&fixture.catalog, table("t")).await;
        let name = ObjectName::dataset("lakegate", "public", "t");
        let revision = || async {
            let snapshot = fixture.catalog.snapshot().await.unwrap();
            snapshot.dataset("lakegate", "public", "t").unwrap().revision
        };
        let seen = revision().await;
        let mut alteration = Alteration::comment(Some("mine".into()));
        alteration.expected_revision = Some(seen);
        fixture.catalog.alter(&name, &alteration).await.unwrap();
        let error = fixture.catalog.alter(&name, &alteration).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::PreconditionFailed);
        let found = revision().await;
        assert!(matches!(error, Error::RevisionMismatch { found: now, .. } if now == found));
    }

    async fn a_project_may_say_where_its_tables_lie(fixture) {
        let catalog = &fixture.catalog;
        catalog.create_project_at("trial", Some("S3://Bucket/trial"), false).await.unwrap();
        let location = || async {
            let snapshot = catalog.snapshot().await.unwrap();
            snapshot.project("trial").unwrap().location.clone()
        };
        assert_eq!(location().await.as_deref(), Some("s3://bucket/trial/"));
        catalog.set_project_location("trial", None).await.unwrap();
        assert_eq!(location().await, None);
        let error = catalog.set_project_location("trial", Some("s3://b/../c")).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
    }
}
