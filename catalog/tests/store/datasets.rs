//! Tables, views and volumes.

use std::time::{Duration, Instant};

use lakegate_catalog::{
    Created, DATASETS_MAX, DESCRIPTION_BYTES_MAX, DatasetKind, DatasetType, FileFormat, NewDataset,
    OnExisting, OnMissing, Table, View, Volume,
};
use lakegate_common::error::{Coded, ErrorCode, describe};

use crate::support::{create, names, on_both, public, table, texts, view};

on_both! {
    async fn everything_is_there_after_a_restart(fixture) {
        let catalog = &fixture.catalog;
        catalog.create_project("lab", false).await.unwrap();
        catalog.create_schema("lab", "raw", false).await.unwrap();
        let in_lab = NewDataset { project: "lab".into(), schema: "raw".into(), ..table("t") };
        create(catalog, in_lab).await;
        create(catalog, view("v")).await;
        let principal = catalog.create_principal("admin", "$argon2id$x", true).await.unwrap();
        let before = catalog.snapshot().await.unwrap();
        catalog.close().await;

        let reopened = fixture.open_again().await;
        let after = reopened.snapshot().await.unwrap();
        assert_eq!(after, before);
        assert_eq!(after.dataset("lab", "raw", "t").unwrap().kind, table("t").kind);
        assert_eq!(after.dataset("lakegate", "public", "v").unwrap().kind, view("v").kind);
        assert_eq!(reopened.principal("admin").await.unwrap(), Some(principal));
        assert_eq!(reopened.principal("nobody").await.unwrap(), None);
    }

    async fn every_kind_of_dataset_is_kept_as_it_is(fixture) {
        let formats = [
            FileFormat::Delta, FileFormat::Parquet, FileFormat::Csv, FileFormat::Json,
            FileFormat::Arrow,
        ];
        let DatasetKind::Table(base) = table("t").kind else { panic!("a table") };
        let mut kinds: Vec<DatasetKind> = formats
            .into_iter()
            .flat_map(|format| [true, false].map(|is_managed| (format, is_managed)))
            .map(|(format, is_managed)| {
                DatasetKind::Table(Table { format, is_managed, ..base.clone() })
            })
            .collect();
        let location = "s3://bucket/notebooks/".to_string();
        kinds.push(DatasetKind::Volume(Volume { is_managed: true, location: location.clone() }));
        kinds.push(DatasetKind::Volume(Volume { is_managed: false, location }));
        kinds.push(view("v").kind);
        for (index, kind) in kinds.iter().enumerate() {
            let mut new = NewDataset { kind: kind.clone(), ..table(&format!("d{index}")) };
            new.comment = Some("what it is".into());
            new.properties = texts(&[("delta.appendOnly", "true")]);
            create(&fixture.catalog, new).await;
        }
        let snapshot = fixture.catalog.snapshot().await.unwrap();
        for (index, kind) in kinds.iter().enumerate() {
            let name = format!("d{index}");
            let dataset = snapshot.dataset("lakegate", "public", &name).unwrap();
            assert_eq!(dataset.kind, *kind);
            assert_eq!(dataset.comment.as_deref(), Some("what it is"));
            assert_eq!(dataset.properties, texts(&[("delta.appendOnly", "true")]));
        }
    }

    async fn what_is_missing_is_named_with_the_nearest_name(fixture) {
        let catalog = &fixture.catalog;
        create(catalog, table("flights")).await;
        let snapshot = catalog.snapshot().await.unwrap();
        let error = snapshot.resolve("lakegate", "public", "fligths").unwrap_err();
        assert_eq!(
            describe(&error),
            "table_not_found: table \"lakegate.public.fligths\" does not exist \
             (hint: did you mean \"flights\"?)",
        );
        let error = snapshot.resolve("lakegate", "publik", "flights").unwrap_err();
        assert_eq!(
            (error.code(), error.hint()),
            (ErrorCode::SchemaNotFound, Some("did you mean \"public\"?".into()))
        );
        let error = snapshot.resolve("lake", "public", "flights").unwrap_err();
        assert_eq!((error.code(), error.hint()), (ErrorCode::ProjectNotFound, None));

        let drop = |schema: &'static str, name: &'static str, on_missing| {
            catalog.drop_dataset("lakegate", schema, name, DatasetType::View, on_missing)
        };
        let error = drop("public", "flight", OnMissing::Fail).await.unwrap_err();
        assert_eq!(error.to_string(), "view \"lakegate.public.flight\" does not exist");
        assert_eq!(error.hint().as_deref(), Some("did you mean \"flights\"?"));
        let error = drop("pubic", "flights", OnMissing::Fail).await.unwrap_err();
        assert_eq!(error.hint().as_deref(), Some("did you mean \"public\"?"));
        assert!(!drop("public", "flight", OnMissing::Ignore).await.unwrap());
        assert!(!drop("pubic", "flights", OnMissing::Ignore).await.unwrap());
        let error = catalog.create_schema("lakegat", "raw", false).await.unwrap_err();
        assert_eq!(
            (error.code(), error.hint()),
            (ErrorCode::ProjectNotFound, Some("did you mean \"lakegate\"?".into()))
        );
    }

    async fn one_type_is_not_dropped_or_replaced_for_another(fixture) {
        let catalog = &fixture.catalog;
        create(catalog, table("t")).await;
        create(catalog, view("v")).await;
        let drop = |name, expected| {
            catalog.drop_dataset("lakegate", "public", name, expected, OnMissing::Ignore)
        };
        let error = drop("v", DatasetType::Table).await.unwrap_err();
        assert_eq!(
            describe(&error),
            "invalid_statement: \"lakegate.public.v\" is a view, not a table (hint: use DROP VIEW)",
        );
        let error = drop("t", DatasetType::Volume).await.unwrap_err();
        assert_eq!(error.hint().as_deref(), Some("use DROP TABLE"));
        let error = catalog.create_dataset(&view("t"), OnExisting::Replace).await.unwrap_err();
        assert_eq!(error.to_string(), "\"lakegate.public.t\" is a table, not a view");
        assert!(drop("v", DatasetType::View).await.unwrap());
        assert!(drop("t", DatasetType::Table).await.unwrap());
        assert!(names(catalog, "lakegate", "public").await.is_empty());
    }

    async fn an_existing_dataset_is_kept_or_replaced_as_asked(fixture) {
        let catalog = &fixture.catalog;
        create(catalog, view("v")).await;
        let kind = DatasetKind::View(View {
            sql: "SELECT 2".to_string(),
            columns_ipc: Vec::new(),
            project: "lakegate".to_string(),
            schema: "public".to_string(),
        });
        let other = NewDataset { kind, ..view("v") };
        let now = || async {
            let snapshot = catalog.snapshot().await.unwrap();
            snapshot.dataset("lakegate", "public", "v").unwrap().clone()
        };
        let first = now().await;
        let created = catalog.create_dataset(&other, OnExisting::Keep).await.unwrap();
        assert_eq!((created, &now().await.kind), (Created::Kept(first.id), &view("v").kind));
        let created = catalog.create_dataset(&other, OnExisting::Replace).await.unwrap();
        let second = now().await;
        assert_eq!((created, &second.kind), (Created::Replaced(first.id), &other.kind));
        assert_eq!(first.id, second.id);
        assert!(second.revision > first.revision);
        let error = catalog.create_dataset(&other, OnExisting::Fail).await.unwrap_err();
        assert_eq!(error.to_string(), format!("view \"{}\" already exists", public("v")));
    }

    async fn one_dataset_beyond_the_limit_is_refused_and_a_replacement_is_not(fixture) {
        let catalog = &fixture.catalog;
        create(catalog, view("v")).await;
        let fill = format!(
            "WITH RECURSIVE numbers (n) AS (
                 SELECT 2 UNION ALL SELECT n + 1 FROM numbers WHERE n < {DATASETS_MAX})
             INSERT INTO dataset (id, schema_id, name, kind, columns_ipc, created_at_ms)
             SELECT 'x' || n, schema_id, 'x' || n, kind, columns_ipc, created_at_ms
             FROM numbers, dataset WHERE name = 'v'",
        );
        assert_eq!(fixture.execute(&fill).await, u64::from(DATASETS_MAX - 1));
        let error = catalog.create_dataset(&view("w"), OnExisting::Fail).await.unwrap_err();
        assert_eq!(describe(&error), "limit_exceeded: the catalog takes at most 10000 datasets");
        let replaced = catalog.create_dataset(&view("v"), OnExisting::Replace).await;
        assert!(matches!(replaced.unwrap(), Created::Replaced(_)));
    }

    /// Servers read the whole catalog again after each change, so that must not take long.
    async fn a_full_catalog_is_read_whole(fixture) {
        create(&fixture.catalog, view("v")).await;
        let ids = match fixture.is_file() {
            true => "'01890000-0000-7000-8000-' || substr('000000000000' || n, -12)",
            false => "'01890000-0000-7000-8000-' || lpad(n::text, 12, '0')",
        };
        let numbers = format!(
            "WITH RECURSIVE numbers (n) AS (
                 SELECT 2 UNION ALL SELECT n + 1 FROM numbers WHERE n < {DATASETS_MAX})"
        );
        fixture.execute(&format!(
            "{numbers} INSERT INTO dataset (id, schema_id, name, kind, columns_ipc, created_at_ms)
             SELECT {ids}, schema_id, 'x' || n, kind, columns_ipc, created_at_ms
             FROM numbers, dataset WHERE name = 'v'"
        ))
        .await;
        fixture.execute(&format!(
            "{numbers} INSERT INTO view_text (dataset_id, query, default_project, default_schema)
             SELECT {ids}, 'SELECT 1', 'lakegate', 'public' FROM numbers"
        ))
        .await;
        let started = Instant::now();
        fixture.catalog.create_schema("lakegate", "raw", false).await.unwrap();
        let snapshot = fixture.catalog.snapshot().await.unwrap();
        assert_eq!(snapshot.dataset_count(), DATASETS_MAX as usize);
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    }

    async fn columns_that_have_changed_are_noted_once(fixture) {
        let catalog = &fixture.catalog;
        create(catalog, table("t")).await;
        let dataset = || async {
            let snapshot = catalog.snapshot().await.unwrap();
            snapshot.dataset("lakegate", "public", "t").unwrap().clone()
        };
        let before = dataset().await;
        assert!(catalog.set_columns(before.id, &[9, 9]).await.unwrap());
        assert!(!catalog.set_columns(before.id, &[9, 9]).await.unwrap());
        let after = dataset().await;
        assert_eq!(after.kind.columns_ipc(), [9, 9]);
        assert!(after.revision > before.revision);
        catalog
            .drop_dataset("lakegate", "public", "t", DatasetType::Table, OnMissing::Fail)
            .await
            .unwrap();
        let error = catalog.set_columns(before.id, &[]).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::ObjectNotFound);
    }

    async fn a_secret_among_the_options_of_a_table_is_refused(fixture) {
        let mut new = table("t");
        if let DatasetKind::Table(table) = &mut new.kind {
            table.options = texts(&[("aws.secret_access_key", "hunter2")]);
        }
        let error = fixture.catalog.create_dataset(&new, OnExisting::Fail).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
        assert!(!describe(&error).contains("hunter2"));
    }

    async fn a_description_that_is_too_large_is_refused(fixture) {
        let mut new = view("v");
        if let DatasetKind::View(view) = &mut new.kind {
            view.sql = " ".repeat(DESCRIPTION_BYTES_MAX + 1);
        }
        let error = fixture.catalog.create_dataset(&new, OnExisting::Fail).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::LimitExceeded);
    }
}
