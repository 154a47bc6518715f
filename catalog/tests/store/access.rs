//! What somebody without rights can find out and do: nothing.

use lakegate_catalog::{
    Alteration, CredentialSource, DatasetType, Error, HistoryLimits, NewCredential, NewDataset,
    NewLocation, ObjectName, OnContents, OnExisting, OnMissing, PrincipalType, Privilege,
    StoreType,
};
use lakegate_common::error::{Coded, ErrorCode, describe};

use crate::support::{create, names, on_both, public, table, texts, view};

on_both! {
    /// Each way is tried with a name that is there and one that is not; the answers are the same.
    async fn changes_tell_a_stranger_no_name(fixture) {
        create(&fixture.catalog, table("flights")).await;
        let stranger = fixture.catalog.acting_for(fixture.user("eve").await);
        let version = fixture.catalog.snapshot().await.unwrap().version();
        let mut answers = Vec::new();
        for project in ["lakegate", "lakegats"] {
            let mut told = Vec::new();
            let mut tell = |answer: Result<bool, Error>| told.push(match answer {
                Ok(answer) => answer.to_string(),
                Err(error) => describe(&error).replace(project, "PROJECT"),
            });
            for on_missing in [OnMissing::Fail, OnMissing::Ignore] {
                let (kind, contents) = (DatasetType::Table, OnContents::Cascade);
                tell(stranger.drop_dataset(project, "public", "flights", kind, on_missing).await);
                tell(stranger.drop_dataset(project, "public", "flight", kind, on_missing).await);
                tell(stranger.drop_schema(project, "public", on_missing, contents).await);
                tell(stranger.drop_schema(project, "publik", on_missing, contents).await);
            }
            for on_existing in [OnExisting::Fail, OnExisting::Keep, OnExisting::Replace] {
                let new = NewDataset { project: project.into(), ..table("flights") };
                tell(stranger.create_dataset(&new, on_existing).await.map(|_| true));
            }
            for keep in [true, false] {
                tell(stranger.create_schema(project, "public", keep).await.map(|_| true));
            }
            let name = ObjectName::dataset(project, "public", "flights");
            let comment = Alteration::comment(None);
            tell(stranger.alter(&name, &comment).await.map(|()| true));
            tell(stranger.set_owner(&name, "eve").await.map(|()| true));
            let select = [Privilege::Select];
            tell(stranger.grant(&select, &name, "eve").await.map(|_| true));
            tell(stranger.revoke(&select, &name, "eve").await.map(|_| true));
            answers.push(told);
        }
        assert_eq!(answers[0], answers[1]);
        assert!(!answers[0].iter().any(|answer| answer.contains("hint")), "{answers:?}");
        assert_eq!(fixture.catalog.snapshot().await.unwrap().version(), version);
    }

    async fn what_admins_do_others_may_not(fixture) {
        let stranger = fixture.catalog.acting_for(fixture.user("eve").await);
        fixture.catalog.create_role("staff").await.unwrap();
        let location = NewLocation {
            name: "raw".into(),
            url: "s3://bucket/".into(),
            credential: None,
            options: texts(&[]),
        };
        let credential = NewCredential {
            name: "minio".into(),
            store_type: StoreType::S3,
            source: CredentialSource::Ambient,
            options: texts(&[]),
        };
        let (user, missing) = (PrincipalType::User, OnMissing::Fail);
        let refused = [
            stranger.create_project("mine", false).await.map(drop),
            stranger.set_project_location("lakegate", None).await,
            stranger.create_principal("friend", "hash", true).await.map(drop),
            stranger.create_role("friends").await.map(drop),
            stranger.drop_principal("eve", user, missing).await.map(drop),
            stranger.set_admin("eve", true).await,
            stranger.grant_role("staff", "eve").await.map(drop),
            stranger.revoke_role("staff", "eve").await.map(drop),
            stranger.reassign_owned("root", "eve").await,
            stranger.create_location(&location, false).await.map(drop),
            stranger.alter_location("raw", None, &texts(&[])).await,
            stranger.create_credential(&credential, false).await.map(drop),
            stranger.set_credential_source("minio", &CredentialSource::Ambient).await,
            stranger.drop_credential("minio", missing).await.map(drop),
            stranger.rotate_secrets().await.map(drop),
            stranger.set_password_hash("root", "hash").await.map(drop),
            stranger.create_api_key("root", "k", "hash", None).await.map(drop),
            stranger.drop_api_key("root", "k").await.map(drop),
            stranger
                .alter(&ObjectName::Principal("eve".into()), &Alteration::rename("root"))
                .await,
        ];
        for (index, outcome) in refused.into_iter().enumerate() {
            let error = outcome.expect_err("only an admin may do this");
            assert_eq!(error.code(), ErrorCode::PermissionDenied, "{index}: {error}");
        }
        assert!(stranger.set_password_hash("eve", "other").await.unwrap(), "one's own");
        stranger.create_api_key("eve", "k", "hash", None).await.unwrap();
        stranger.prune_history(&HistoryLimits::default()).await.unwrap();
    }

    async fn a_creator_with_rights_does_what_they_allow(fixture) {
        let catalog = &fixture.catalog;
        let ann = catalog.acting_for(fixture.user("ann").await);
        let schema = ObjectName::schema("lakegate", "public");
        catalog.grant(&[Privilege::Create], &schema, "ann").await.unwrap();
        create(&ann, view("v")).await;
        create(catalog, view("other")).await;
        let raw = ann.create_schema("lakegate", "raw", false).await.unwrap_err();
        assert!(matches!(raw, Error::MissingPrivilege { privilege: Privilege::Create, .. }));
        let other = ann
            .drop_dataset("lakegate", "public", "other", DatasetType::View, OnMissing::Fail)
            .await;
        assert_eq!(other.unwrap_err().code(), ErrorCode::TableNotFound);
        ann.alter(&public("v"), &Alteration::rename("w")).await.unwrap();
        let drop = ann.drop_dataset("lakegate", "public", "w", DatasetType::View, OnMissing::Fail);
        assert!(drop.await.unwrap());
        assert_eq!(names(catalog, "lakegate", "public").await, ["other"]);
    }

    async fn files_are_named_only_in_locations_that_may_be_read(fixture) {
        let catalog = &fixture.catalog;
        let ann = catalog.acting_for(fixture.user("ann").await);
        let schema = ObjectName::schema("lakegate", "public");
        catalog.grant(&[Privilege::Create], &schema, "ann").await.unwrap();
        let outside = ann.create_dataset(&table("t"), OnExisting::Fail).await.unwrap_err();
        assert!(matches!(outside, Error::OutsideLocations), "{outside}");
        let location = NewLocation {
            name: "data".into(),
            url: "/data/".into(),
            credential: None,
            options: texts(&[]),
        };
        catalog.create_location(&location, false).await.unwrap();
        let hidden = ann.create_dataset(&table("t"), OnExisting::Fail).await.unwrap_err();
        assert_eq!(hidden.to_string(), outside.to_string());
        let name = ObjectName::Location("data".into());
        catalog.grant(&[Privilege::Read], &name, "ann").await.unwrap();
        create(&ann, table("t")).await;
    }
}
