//! Locations.

use lakegate_catalog::{
    Alteration, Created, CredentialSource, DatasetKind, DatasetType, Error, NewCredential,
    NewDataset, NewLocation, ObjectName, OnMissing, Privilege, StoreType, Volume,
};
use lakegate_common::error::{Coded, ErrorCode};

use crate::support::{create, on_both, table, texts, view};

fn placed(name: &str, place: &str) -> NewDataset {
    let mut new = table(name);
    let DatasetKind::Table(table) = &mut new.kind else { panic!("it is a table") };
    table.location = place.to_string();
    new
}

fn location(name: &str, url: &str) -> NewLocation {
    NewLocation {
        name: name.into(),
        url: url.into(),
        credential: None,
        options: texts(&[("endpoint", "http://127.0.0.1:9000"), ("path_style", "true")]),
    }
}

on_both! {
    async fn a_location_is_made_with_its_prefix_in_one_form(fixture) {
        let catalog = &fixture.catalog;
        let made = catalog.create_location(&location("raw", "S3://Bucket/raw"), false).await;
        let Created::New(id) = made.unwrap() else { panic!("it is new") };
        let snapshot = catalog.snapshot().await.unwrap();
        let found = snapshot.location("raw").unwrap();
        assert_eq!(found.url.to_string(), "s3://bucket/raw/");
        assert_eq!(found.options, location("raw", "").options);
        let inside = "s3://bucket/raw/x.parquet".parse().unwrap();
        assert_eq!(snapshot.location_of(&inside).unwrap().id, found.id);
        let kept = catalog.create_location(&location("raw", "s3://other/"), true).await;
        assert_eq!(kept.unwrap(), Created::Kept(id));
        let same = catalog.create_location(&location("copy", "s3://bucket/raw/"), false).await;
        assert_eq!(same.unwrap_err().code(), ErrorCode::AlreadyExists);
    }

    async fn what_is_no_prefix_or_holds_a_secret_is_refused(fixture) {
        let catalog = &fixture.catalog;
        let error = catalog.create_location(&location("raw", "s3://b/../c"), false).await;
        assert!(matches!(error.unwrap_err(), Error::InvalidLocationUrl { .. }));
        for option in ["secret_access_key", "SAS_Token", "session_token", "password", "api_key"] {
            let mut new = location("raw", "s3://bucket/");
            new.options = texts(&[(option, "hunter2")]);
            let error = catalog.create_location(&new, false).await.unwrap_err();
            assert!(matches!(error, Error::SecretInOptions { .. }), "{option}: {error}");
            assert!(!error.to_string().contains("hunter2"));
        }
        assert_eq!(catalog.snapshot().await.unwrap().locations().count(), 0);
    }

    async fn a_location_keeps_its_credential_and_its_grants_through_a_renaming(fixture) {
        let catalog = &fixture.catalog;
        let ann = fixture.user("ann").await;
        let credential = NewCredential {
            name: "minio".into(),
            store_type: StoreType::S3,
            source: CredentialSource::Ambient,
            options: texts(&[("profile", "lab")]),
        };
        catalog.create_credential(&credential, false).await.unwrap();
        let mut new = location("raw", "s3://bucket/");
        new.credential = Some("minoi".into());
        let error = catalog.create_location(&new, false).await.unwrap_err();
        assert_eq!(
            (error.code(), error.hint().as_deref()),
            (ErrorCode::ObjectNotFound, Some("did you mean \"minio\"?"))
        );
        new.credential = Some("minio".into());
        catalog.create_location(&new, false).await.unwrap();
        let error = catalog.drop_credential("minio", OnMissing::Fail).await.unwrap_err();
        assert_eq!(error.to_string(), "credential \"minio\" is used by location \"raw\"");

        let name = ObjectName::Location("raw".into());
        catalog.grant(&[Privilege::Read, Privilege::Write], &name, "ann").await.unwrap();
        catalog.alter(&name, &Alteration::rename("cooked")).await.unwrap();
        let renamed = ObjectName::Location("cooked".into());
        assert!(fixture.seen_by(ann).await.check(Privilege::Write, &renamed).is_ok());
        assert_eq!(fixture.seen_by(ann).await.credentials().count(), 0);
        catalog.alter_location("cooked", None, &texts(&[("region", "eu")])).await.unwrap();
        let snapshot = catalog.snapshot().await.unwrap();
        let found = snapshot.location("cooked").unwrap();
        assert_eq!((found.credential, &found.options), (None, &texts(&[("region", "eu")])));
        assert!(catalog.drop_credential("minio", OnMissing::Fail).await.unwrap());
        assert!(catalog.drop_location("cooked", OnMissing::Fail).await.unwrap());
        assert!(!catalog.drop_location("cooked", OnMissing::Ignore).await.unwrap());
    }

    async fn a_location_is_not_dropped_from_under_what_lies_there(fixture) {
        let catalog = &fixture.catalog;
        catalog.create_location(&location("raw", "s3://bucket/raw/"), false).await.unwrap();
        let project = catalog.create_project_at("lab", Some("s3://bucket/raw/lab/"), false).await;
        project.unwrap();
        create(catalog, placed("parts", "s3://bucket/raw/parts/*.parquet")).await;
        create(catalog, placed("beside", "s3://bucket/raw2/x")).await;
        create(catalog, view("v")).await;
        let volume = Volume { is_managed: false, location: "s3://bucket/raw/notes/".into() };
        let volume = NewDataset::new("lakegate", "public", "notes", DatasetKind::Volume(volume));
        create(catalog, volume).await;
        let error = catalog.drop_location("raw", OnMissing::Fail).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::NotEmpty);
        assert_eq!(
            error.to_string(),
            "location \"raw\" is needed by dataset \"lakegate.public.notes\", \
             dataset \"lakegate.public.parts\", project \"lab\""
        );

        // Who may not know of them is not told their names, nor how many they are.
        let ann = fixture.user("ann").await;
        let name = ObjectName::Location("raw".into());
        catalog.grant(&[Privilege::Manage], &name, "ann").await.unwrap();
        let parts = crate::support::public("parts");
        catalog.grant(&[Privilege::Select], &parts, "ann").await.unwrap();
        let error = catalog.acting_for(ann).drop_location("raw", OnMissing::Fail).await;
        assert_eq!(
            error.unwrap_err().to_string(),
            "location \"raw\" is needed by dataset \"lakegate.public.parts\", what you may not see"
        );

        // A wider or a narrower location covers what lies there.
        catalog.create_location(&location("all", "s3://bucket/"), false).await.unwrap();
        assert!(catalog.drop_location("raw", OnMissing::Fail).await.unwrap());
        let error = catalog.drop_location("all", OnMissing::Fail).await.unwrap_err();
        assert!(error.to_string().contains("lakegate.public.beside"), "{error}");
        catalog.set_project_location("lab", None).await.unwrap();
        for name in ["parts", "beside"] {
            let (table, missing) = (DatasetType::Table, OnMissing::Fail);
            catalog.drop_dataset("lakegate", "public", name, table, missing).await.unwrap();
        }
        let (kind, missing) = (DatasetType::Volume, OnMissing::Fail);
        catalog.drop_dataset("lakegate", "public", "notes", kind, missing).await.unwrap();
        assert!(catalog.drop_location("all", OnMissing::Fail).await.unwrap());
    }
}
