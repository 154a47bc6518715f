//! Users and roles.

use lakegate_catalog::{Alteration, Error, ObjectName, OnMissing, PrincipalType, Privilege};
use lakegate_common::error::{Coded, ErrorCode};

use crate::support::{create, on_both, public, table, view};

on_both! {
    async fn users_are_made_once_and_change_their_password(fixture) {
        let catalog = &fixture.catalog;
        let made = catalog.create_principal("admin", "first", true).await.unwrap();
        assert!(made.is_admin && !format!("{made:?}").contains("first"));
        let error = catalog.create_principal("admin", "second", true).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::AlreadyExists);
        let revision = || async { catalog.snapshot().await.unwrap().principal("admin").unwrap().revision };
        let before = revision().await;
        assert!(catalog.set_password_hash("admin", "third").await.unwrap());
        assert!(revision().await > before, "whoever holds the user's state sees that it changed");
        assert!(!catalog.set_password_hash("nobody", "third").await.unwrap());
        assert_eq!(catalog.principal("admin").await.unwrap().unwrap().password_hash, "third");
        assert_eq!(catalog.principal("a\0b").await.unwrap(), None);
        assert_eq!(catalog.principal_count().await.unwrap(), 1);
        let snapshot = catalog.snapshot().await.unwrap();
        assert!(!format!("{snapshot:?}").contains("third"));
    }

    async fn users_and_roles_share_one_name_space_and_nobody_logs_in_as_a_role(fixture) {
        let catalog = &fixture.catalog;
        catalog.create_role("analysts").await.unwrap();
        let error = catalog.create_principal("analysts", "hash", false).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::AlreadyExists);
        assert_eq!(catalog.principal("analysts").await.unwrap(), None);
        assert!(!catalog.set_password_hash("analysts", "hash").await.unwrap());
        assert_eq!(catalog.principal_count().await.unwrap(), 0);
        let wrong = catalog.drop_principal("analysts", PrincipalType::User, OnMissing::Fail).await;
        assert_eq!(wrong.unwrap_err().to_string(), "\"analysts\" is not a user");
        let error = catalog.set_admin("analysts", true).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidStatement);
    }

    async fn roles_are_never_members_of_themselves(fixture) {
        let catalog = &fixture.catalog;
        for role in ["a", "b", "c"] {
            catalog.create_role(role).await.unwrap();
        }
        fixture.user("ann").await;
        assert!(catalog.grant_role("a", "b").await.unwrap());
        assert!(catalog.grant_role("b", "c").await.unwrap());
        assert!(!catalog.grant_role("b", "c").await.unwrap(), "it is one already");
        for member in ["a", "b"] {
            let error = catalog.grant_role("c", member).await.unwrap_err();
            assert!(matches!(error, Error::RoleCycle { .. }), "{member}: {error}");
        }
        let error = catalog.grant_role("a", "a").await.unwrap_err();
        assert!(matches!(error, Error::RoleCycle { .. }), "{error}");
        let error = catalog.grant_role("ann", "a").await.unwrap_err();
        assert_eq!(error.to_string(), "\"ann\" is not a role");
        assert!(catalog.grant_role("c", "ann").await.unwrap());
        let ann = fixture.catalog.snapshot().await.unwrap();
        assert_eq!(ann.effective_roles(ann.principal("ann").unwrap().id).len(), 4);
        assert!(catalog.revoke_role("a", "b").await.unwrap());
        assert!(!catalog.revoke_role("a", "b").await.unwrap());
        assert!(catalog.grant_role("c", "a").await.unwrap(), "the circle is open now");
    }

    async fn the_last_admin_stays(fixture) {
        let catalog = &fixture.catalog;
        catalog.create_principal("root", "hash", true).await.unwrap();
        let drop = |name| catalog.drop_principal(name, PrincipalType::User, OnMissing::Fail);
        assert!(matches!(drop("root").await.unwrap_err(), Error::LastAdmin { .. }));
        let error = catalog.set_admin("root", false).await.unwrap_err();
        assert!(matches!(error, Error::LastAdmin { .. }));
        fixture.user("ann").await;
        catalog.set_admin("ann", true).await.unwrap();
        catalog.set_admin("root", false).await.unwrap();
        assert!(drop("root").await.unwrap());
        assert_eq!(drop("root").await.unwrap_err().code(), ErrorCode::ObjectNotFound);
        let missing = catalog.drop_principal("root", PrincipalType::User, OnMissing::Ignore).await;
        assert!(!missing.unwrap());
    }

    async fn who_owns_something_goes_only_when_it_is_given_away(fixture) {
        let catalog = &fixture.catalog;
        let ann = fixture.user("ann").await;
        let bob = fixture.user("bob").await;
        let schema = ObjectName::schema("lakegate", "public");
        catalog.grant(&[Privilege::Create], &schema, "ann").await.unwrap();
        create(&catalog.acting_for(ann), view("v")).await;
        let drop = || catalog.drop_principal("ann", PrincipalType::User, OnMissing::Fail);
        let error = drop().await.unwrap_err();
        assert_eq!(error.to_string(), "user \"ann\" still owns 1 object");
        assert_eq!(error.code(), ErrorCode::NotEmpty);
        catalog.grant(&[Privilege::Own], &public("v"), "bob").await.unwrap();
        catalog.reassign_owned("ann", "bob").await.unwrap();
        assert!(drop().await.unwrap());
        let snapshot = catalog.snapshot().await.unwrap();
        assert_eq!(snapshot.dataset("lakegate", "public", "v").unwrap().definer, Some(bob));
        assert_eq!(snapshot.grants_of(bob).count(), 1);
        assert_eq!(snapshot.grants().count(), 1);
    }

    async fn a_new_name_keeps_grants_and_memberships(fixture) {
        let catalog = &fixture.catalog;
        create(catalog, table("t")).await;
        let ann = fixture.user("ann").await;
        catalog.create_role("staff").await.unwrap();
        catalog.grant_role("staff", "ann").await.unwrap();
        catalog.grant(&[Privilege::Select], &public("t"), "staff").await.unwrap();
        for (old, new) in [("ann", "anna"), ("staff", "everyone")] {
            let name = ObjectName::Principal(old.into());
            catalog.alter(&name, &Alteration::rename(new)).await.unwrap();
        }
        catalog.alter(&public("t"), &Alteration::rename("u")).await.unwrap();
        assert!(fixture.seen_by(ann).await.dataset("lakegate", "public", "u").is_some());
        assert_eq!(catalog.principal("anna").await.unwrap().unwrap().id, ann);
        let taken = Alteration::rename("everyone");
        let error = catalog.alter(&ObjectName::Principal("anna".into()), &taken).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::AlreadyExists);
    }
}
