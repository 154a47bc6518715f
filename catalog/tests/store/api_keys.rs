//! API keys.

use std::time::{Duration, SystemTime};

use lakegate_catalog::{OnMissing, PrincipalType};
use lakegate_common::error::{Coded, ErrorCode};

use crate::support::on_both;

on_both! {
    async fn a_key_finds_its_user_by_its_hash(fixture) {
        let catalog = &fixture.catalog;
        let ann = fixture.user("ann").await;
        let made = catalog.create_api_key("ann", "notebook", "hash-1", None).await.unwrap();
        let (principal, key) = catalog.principal_of_api_key("hash-1").await.unwrap().unwrap();
        assert_eq!((principal.id, key.id, key.last_used_at), (ann, made.id, None));
        assert!(catalog.principal_of_api_key("hash-2").await.unwrap().is_none());
        let again = catalog.create_api_key("ann", "notebook", "hash-3", None).await;
        assert_eq!(again.unwrap_err().code(), ErrorCode::AlreadyExists);
        catalog.note_api_key_use(&key).await.unwrap();
        let keys = catalog.api_keys(ann).await.unwrap();
        let used = keys[0].last_used_at.unwrap();
        catalog.note_api_key_use(&keys[0]).await.unwrap();
        assert_eq!(catalog.api_keys(ann).await.unwrap()[0].last_used_at, Some(used));
        assert!(catalog.drop_api_key("ann", "notebook").await.unwrap());
        assert!(!catalog.drop_api_key("ann", "notebook").await.unwrap());
        assert!(catalog.principal_of_api_key("hash-1").await.unwrap().is_none());
    }

    async fn a_key_past_its_time_or_without_its_user_is_worth_nothing(fixture) {
        let catalog = &fixture.catalog;
        fixture.user("ann").await;
        let (past, future) = (
            SystemTime::now() - Duration::from_secs(1),
            SystemTime::now() + Duration::from_secs(3600),
        );
        catalog.create_api_key("ann", "old", "hash-1", Some(past)).await.unwrap();
        catalog.create_api_key("ann", "new", "hash-2", Some(future)).await.unwrap();
        assert!(catalog.principal_of_api_key("hash-1").await.unwrap().is_none());
        assert!(catalog.principal_of_api_key("hash-2").await.unwrap().is_some());
        catalog.drop_principal("ann", PrincipalType::User, OnMissing::Fail).await.unwrap();
        assert!(catalog.principal_of_api_key("hash-2").await.unwrap().is_none());
    }

    async fn one_key_beyond_the_limit_and_keys_of_roles_are_refused(fixture) {
        let catalog = &fixture.catalog;
        fixture.user("ann").await;
        catalog.create_role("staff").await.unwrap();
        for index in 0..lakegate_catalog::limit::API_KEYS_MAX {
            let (name, hash) = (format!("key {index}"), format!("hash {index}"));
            catalog.create_api_key("ann", &name, &hash, None).await.unwrap();
        }
        let error = catalog.create_api_key("ann", "more", "hash", None).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::LimitExceeded);
        let error = catalog.create_api_key("staff", "key", "hash", None).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidStatement);
    }
}
