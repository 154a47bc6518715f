//! Granting, revoking and owning.

use lakegate_catalog::{
    Created, DatasetType, Error, ObjectName, OnContents, OnExisting, OnMissing, Privilege,
};
use lakegate_common::error::{Coded, ErrorCode};

use crate::support::{create, on_both, public, table, view};

on_both! {
    async fn privileges_are_granted_and_revoked(fixture) {
        let catalog = &fixture.catalog;
        create(catalog, table("t")).await;
        let ann = fixture.user("ann").await;
        assert!(fixture.seen_by(ann).await.projects().next().is_none());
        let both = [Privilege::Select, Privilege::Modify];
        let granted = catalog.grant(&both, &public("t"), "ann").await.unwrap();
        assert!(granted.iter().all(|grant| matches!(grant, Created::New(_))), "{granted:?}");
        let version = catalog.snapshot().await.unwrap().version();
        let there: Vec<_> = granted.iter().map(|grant| Created::Kept(grant.id())).collect();
        assert_eq!(catalog.grant(&both, &public("t"), "ann").await.unwrap(), there);
        assert_eq!(catalog.snapshot().await.unwrap().version(), version, "nothing has changed");
        let view = fixture.seen_by(ann).await;
        assert!(view.check(Privilege::Modify, &public("t")).is_ok());
        assert_eq!(catalog.revoke(&both, &public("t"), "ann").await.unwrap(), 2);
        assert_eq!(catalog.revoke(&both, &public("t"), "ann").await.unwrap(), 0);
        assert!(fixture.seen_by(ann).await.projects().next().is_none());
    }

    async fn a_privilege_that_means_nothing_or_an_unknown_grantee_is_refused(fixture) {
        let catalog = &fixture.catalog;
        fixture.user("ann").await;
        let schema = ObjectName::schema("lakegate", "public");
        let mixed = [Privilege::Select, Privilege::Write];
        let error = catalog.grant(&mixed, &schema, "ann").await.unwrap_err();
        assert_eq!(error.to_string(), "a schema has no privilege WRITE");
        let error = catalog.grant(&[Privilege::Select], &schema, "nobody").await.unwrap_err();
        assert_eq!((error.code(), error.hint()), (ErrorCode::ObjectNotFound, None));
        let principal = ObjectName::Principal("ann".into());
        let error = catalog.grant(&[Privilege::Own], &principal, "ann").await.unwrap_err();
        assert!(matches!(error, Error::NotGrantable { .. }));
        assert_eq!(catalog.snapshot().await.unwrap().grants().count(), 0);
    }

    async fn grants_go_with_what_they_are_on(fixture) {
        let catalog = &fixture.catalog;
        catalog.create_project("lab", false).await.unwrap();
        fixture.user("ann").await;
        let mut inside = table("t");
        inside.project = "lab".into();
        create(catalog, inside).await;
        for name in [
            ObjectName::Project("lab".into()),
            ObjectName::schema("lab", "public"),
            ObjectName::dataset("lab", "public", "t"),
        ] {
            catalog.grant(&[Privilege::Select], &name, "ann").await.unwrap();
        }
        assert_eq!(catalog.snapshot().await.unwrap().grants().count(), 3);
        catalog.drop_project("lab", OnMissing::Fail, OnContents::Cascade).await.unwrap();
        assert_eq!(catalog.snapshot().await.unwrap().grants().count(), 0);
    }

    async fn who_makes_something_owns_it_and_may_share_it(fixture) {
        let catalog = &fixture.catalog;
        let ann = fixture.user("ann").await;
        let bob = fixture.user("bob").await;
        let project = ObjectName::Project("lakegate".into());
        catalog.grant(&[Privilege::Create], &project, "ann").await.unwrap();
        let as_ann = catalog.acting_for(ann);
        as_ann.create_schema("lakegate", "raw", false).await.unwrap();
        let mut new = view("v");
        new.schema = "raw".into();
        create(&as_ann, new).await;
        let name = ObjectName::dataset("lakegate", "raw", "v");
        as_ann.grant(&[Privilege::Select], &name, "bob").await.unwrap();
        assert!(fixture.seen_by(bob).await.check(Privilege::Select, &name).is_ok());
        let again = catalog.acting_for(bob).grant(&[Privilege::Select], &name, "bob").await;
        assert!(matches!(again.unwrap_err(), Error::MissingPrivilege { .. }));
        let grant = catalog.snapshot().await.unwrap();
        assert_eq!(grant.grants_of(bob).next().unwrap().grantor, Some(ann));
    }

    async fn a_replacement_keeps_its_grants_and_reads_as_who_replaced_it(fixture) {
        let catalog = &fixture.catalog;
        let ann = fixture.user("ann").await;
        let bob = fixture.user("bob").await;
        let schema = ObjectName::schema("lakegate", "public");
        catalog.grant(&[Privilege::Create], &schema, "ann").await.unwrap();
        catalog.grant(&[Privilege::Create], &schema, "bob").await.unwrap();
        create(&catalog.acting_for(ann), view("v")).await;
        let replace = || async {
            catalog.acting_for(bob).create_dataset(&view("v"), OnExisting::Replace).await
        };
        assert_eq!(replace().await.unwrap_err().code(), ErrorCode::AlreadyExists, "not seen");
        catalog.grant(&[Privilege::Select], &public("v"), "bob").await.unwrap();
        assert_eq!(replace().await.unwrap_err().code(), ErrorCode::PermissionDenied);
        catalog.grant(&[Privilege::Manage], &public("v"), "bob").await.unwrap();
        replace().await.unwrap();
        let snapshot = catalog.snapshot().await.unwrap();
        assert_eq!(snapshot.dataset("lakegate", "public", "v").unwrap().definer, Some(bob));
        assert!(fixture.seen_by(ann).await.check(Privilege::Own, &public("v")).is_ok());
    }

    async fn what_is_given_away_reads_with_rights_that_the_giver_had(fixture) {
        let catalog = &fixture.catalog;
        let root = catalog.create_principal("root", "hash", true).await.unwrap().id;
        let ann = fixture.user("ann").await;
        let staff = catalog.create_role("staff").await.unwrap();
        catalog.grant(&[Privilege::Create], &ObjectName::schema("lakegate", "public"), "ann")
            .await
            .unwrap();
        let as_ann = catalog.acting_for(ann);
        create(&as_ann, view("v")).await;
        let refused = as_ann.set_owner(&public("v"), "root").await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::PermissionDenied);
        catalog.grant_role("staff", "ann").await.unwrap();
        as_ann.set_owner(&public("v"), "staff").await.unwrap();
        let snapshot = catalog.snapshot().await.unwrap();
        assert_eq!(snapshot.dataset("lakegate", "public", "v").unwrap().definer, Some(staff));
        assert_eq!((snapshot.grants_of(ann).count(), snapshot.grants_of(staff).count()), (1, 1));
        catalog.acting_for(root).set_owner(&public("v"), "root").await.unwrap();
        assert_eq!(catalog.snapshot().await.unwrap().grants_of(root).count(), 1);
    }

    async fn a_right_that_is_taken_away_ends_at_the_next_change(fixture) {
        let catalog = &fixture.catalog;
        let ann = fixture.user("ann").await;
        let as_ann = catalog.acting_for(ann);
        create(catalog, view("v")).await;
        catalog.grant(&[Privilege::Manage], &public("v"), "ann").await.unwrap();
        let other = fixture.open_again().await;
        other.revoke(&[Privilege::Manage], &public("v"), "ann").await.unwrap();
        let drop = as_ann
            .drop_dataset("lakegate", "public", "v", DatasetType::View, OnMissing::Fail)
            .await;
        assert_eq!(drop.unwrap_err().code(), ErrorCode::ProjectNotFound);
    }
}
