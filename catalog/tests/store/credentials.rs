//! Credentials and their secrets.

use std::collections::BTreeMap;

use lakegate_catalog::{
    Alteration, Catalog, CredentialId, CredentialSource, Error, NewCredential, ObjectName,
    OnMissing, StoreType,
};
use lakegate_common::error::{Chain, Coded, ErrorCode};
use lakegate_common::secret::Secret;

use crate::support::{key, on_both, ring, texts};

fn secrets() -> BTreeMap<String, Secret> {
    BTreeMap::from([
        ("access_key_id".to_string(), Secret::from_text("AKIA-hunter2")),
        ("secret_access_key".to_string(), Secret::from_text("ungainly-hunter2")),
    ])
}

fn credential(name: &str) -> NewCredential {
    NewCredential {
        name: name.into(),
        store_type: StoreType::S3,
        source: CredentialSource::Secrets(secrets()),
        options: texts(&[("role_arn", "arn:x")]),
    }
}

async fn id_of(catalog: &Catalog, name: &str) -> CredentialId {
    catalog.snapshot().await.unwrap().credential(name).unwrap().id
}

on_both! {
    async fn secrets_come_back_for_the_service_and_show_nowhere(fixture) {
        let catalog = &fixture.catalog;
        let new = credential("minio");
        assert!(!format!("{new:?}").contains("hunter2"));
        catalog.create_credential(&new, false).await.unwrap();
        let snapshot = catalog.snapshot().await.unwrap();
        let found = snapshot.credential("minio").unwrap();
        assert_eq!(found.secret_names, ["access_key_id", "secret_access_key"]);
        assert!(!found.is_ambient() && !format!("{snapshot:?} {catalog:?}").contains("hunter2"));
        assert_eq!(catalog.secrets(found.id).await.unwrap(), secrets());
        let admin = catalog.create_principal("root", "hash", true).await.unwrap();
        let asked = catalog.acting_for(admin.id).secrets(found.id).await.unwrap_err();
        assert_eq!(asked.code(), ErrorCode::PermissionDenied, "not even an admin");
        let twice = catalog.create_credential(&new, false).await.unwrap_err();
        assert!(!format!("{twice:?}").contains("hunter2"));
    }

    async fn a_credential_of_the_machine_has_no_secrets(fixture) {
        let catalog = &fixture.catalog;
        let ambient = NewCredential { source: CredentialSource::Ambient, ..credential("role") };
        catalog.create_credential(&ambient, false).await.unwrap();
        let id = id_of(catalog, "role").await;
        assert!(catalog.secrets(id).await.unwrap().is_empty());
        let source = CredentialSource::Secrets(secrets());
        catalog.set_credential_source("role", &source).await.unwrap();
        assert_eq!(catalog.secrets(id).await.unwrap(), secrets());
        catalog.set_credential_source("role", &CredentialSource::Ambient).await.unwrap();
        assert!(catalog.snapshot().await.unwrap().credential("role").unwrap().is_ambient());
        let none = CredentialSource::Secrets(BTreeMap::new());
        let error = catalog.set_credential_source("role", &none).await.unwrap_err();
        assert!(matches!(error, Error::NoSecrets { .. }));
        let mut wrong = ambient;
        wrong.options = texts(&[("session_token", "hunter2")]);
        let error = catalog.create_credential(&wrong, false).await.unwrap_err();
        assert!(matches!(error, Error::SecretInOptions { .. }));
    }

    async fn a_ciphertext_opens_for_its_own_credential_alone(fixture) {
        let catalog = &fixture.catalog;
        catalog.create_credential(&credential("a"), false).await.unwrap();
        let other = NewCredential {
            source: CredentialSource::Secrets(BTreeMap::from([(
                "token".to_string(),
                Secret::from_text("another"),
            )])),
            ..credential("b")
        };
        catalog.create_credential(&other, false).await.unwrap();
        fixture
            .execute(
                "UPDATE credential SET
                     nonce = (SELECT nonce FROM credential WHERE name = 'a'),
                     ciphertext = (SELECT ciphertext FROM credential WHERE name = 'a')
                 WHERE name = 'b'",
            )
            .await;
        let error = catalog.secrets(id_of(catalog, "b").await).await.unwrap_err();
        assert!(matches!(error, Error::Undecryptable { .. }), "{error}");
    }

    async fn a_renamed_credential_still_opens(fixture) {
        let catalog = &fixture.catalog;
        catalog.create_credential(&credential("old"), false).await.unwrap();
        let id = id_of(catalog, "old").await;
        let name = ObjectName::Credential("old".into());
        catalog.alter(&name, &Alteration::rename("new")).await.unwrap();
        assert_eq!(catalog.secrets(id).await.unwrap(), secrets());
        assert_eq!(id_of(catalog, "new").await, id);
        assert!(catalog.drop_credential("new", OnMissing::Fail).await.unwrap());
        let error = catalog.secrets(id).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::ObjectNotFound);
    }

    async fn a_new_master_key_takes_over_in_one_change(fixture) {
        for name in ["a", "b"] {
            fixture.catalog.create_credential(&credential(name), false).await.unwrap();
        }
        let id = id_of(&fixture.catalog, "a").await;
        let both = ring("b").with_previous(key("a"));
        let rotating = Catalog::open_with(&fixture.url, Some(both)).await.unwrap();
        assert_eq!(rotating.secrets(id).await.unwrap(), secrets(), "the old key opens");
        assert_eq!(rotating.rotate_secrets().await.unwrap(), 2);
        assert_eq!(rotating.rotate_secrets().await.unwrap(), 0);
        let new = Catalog::open_with(&fixture.url, Some(ring("b"))).await.unwrap();
        assert_eq!(new.secrets(id).await.unwrap(), secrets());
        let error = fixture.catalog.secrets(id).await.unwrap_err();
        assert!(matches!(error, Error::UnknownMasterKey { .. }), "{error}");
        assert_eq!(error.code(), ErrorCode::InvalidConfiguration);
    }

    async fn a_rotation_that_cannot_open_everything_changes_nothing(fixture) {
        for name in ["a", "b"] {
            fixture.catalog.create_credential(&credential(name), false).await.unwrap();
        }
        fixture.execute("UPDATE credential SET nonce = ciphertext WHERE name = 'b'").await;
        let both = ring("b").with_previous(key("a"));
        let rotating = Catalog::open_with(&fixture.url, Some(both)).await.unwrap();
        let error = rotating.rotate_secrets().await.unwrap_err();
        assert!(matches!(error, Error::Undecryptable { .. }), "{error}");
        let id = id_of(&fixture.catalog, "a").await;
        assert_eq!(fixture.catalog.secrets(id).await.unwrap(), secrets(), "still the old key");
    }

    async fn without_a_master_key_no_secret_is_kept_or_read(fixture) {
        fixture.catalog.create_credential(&credential("a"), false).await.unwrap();
        let keyless = Catalog::open(fixture.url.clone()).await.unwrap();
        let refused = [
            keyless.create_credential(&credential("b"), false).await.map(drop),
            keyless.secrets(id_of(&keyless, "a").await).await.map(drop),
            keyless.rotate_secrets().await.map(drop),
            keyless.alter(&ObjectName::Credential("a".into()), &Alteration::rename("c")).await,
        ];
        for outcome in refused {
            let error = outcome.unwrap_err();
            assert!(matches!(error, Error::NoMasterKey), "{}", Chain(&error));
            assert!(error.hint().is_some());
        }
        assert_eq!(keyless.snapshot().await.unwrap().credentials().count(), 1);
    }
}
