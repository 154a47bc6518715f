//! From an access to a store, within bounds.

use std::sync::Arc;
use std::time::Duration;

use ::url::Url;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use object_store::ClientOptions;
use object_store::aws::{AmazonS3Builder, S3CopyIfNotExists};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::{GcpCredential, GoogleCloudStorageBuilder};
use object_store::http::HttpBuilder;
use object_store::limit::LimitStore;
use object_store::{BackoffConfig, ObjectStore, RetryConfig, StaticCredentialProvider};

use super::answers::Answers;
use super::attempts::Attempts;
use super::read_only::ReadOnly;
use super::{Access, StoreKind, StoreUrl};
use crate::Error;

/// The bounds of requests to one store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Requests at one time.
    pub requests: usize,
    /// How often a request is repeated that the store could not serve, throttling among it.
    pub retries: usize,
    /// How long one request is repeated at most.
    pub retry_time: Duration,
    /// How long connecting may take.
    pub connect_time: Duration,
    /// How long one attempt may take.
    pub request_time: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            requests: 64,
            // More than fit into the time, with the pauses below: time is what ends them.
            retries: 40,
            retry_time: Duration::from_secs(30),
            connect_time: Duration::from_secs(5),
            request_time: Duration::from_secs(60),
        }
    }
}

/// First pause before a repeat, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Each pause is drawn from those between the first and so many times the one before. With twice as
/// long pauses shrink as often as they grow, and a dozen of them is over after seconds.
const LONGER_AT_MOST: f64 = 4.0;

/// The store of `url`'s bucket, reached with `access` by `attempts`.
pub(super) fn build(
    url: &StoreUrl,
    access: &Access,
    bounds: Bounds,
    attempts: Attempts,
) -> Result<Arc<dyn ObjectStore>, Error> {
    let of = |source| Error::Store { url: url.bucket().to_string(), source };
    match access.kind {
        StoreKind::S3 => {
            let store = s3(url, access, bounds).with_http_connector(attempts).build();
            store.map_err(of).map(|store| limited(store, bounds))
        }
        StoreKind::Gcs => {
            let store = gcs(url, access, bounds).with_http_connector(attempts).build();
            store.map_err(of).map(|store| limited(store, bounds))
        }
        StoreKind::Azure => {
            let store = azure(url, access, bounds).with_http_connector(attempts).build();
            store.map_err(of).map(|store| limited(store, bounds))
        }
        StoreKind::Http => {
            let store = http(url, access, bounds)?.with_http_connector(attempts).build();
            let store = store.map_err(of)?;
            Ok(limited(ReadOnly::new(Answers::of(store), url.bucket()), bounds))
        }
    }
}

fn limited(store: impl ObjectStore, bounds: Bounds) -> Arc<dyn ObjectStore> {
    Arc::new(LimitStore::new(Answers::of(store), bounds.requests))
}

fn s3(url: &StoreUrl, access: &Access, bounds: Bounds) -> AmazonS3Builder {
    let mut builder = match access.secrets {
        Some(_) => AmazonS3Builder::new(),
        None => AmazonS3Builder::from_env(),
    };
    builder = builder.with_url(url.as_str().replacen("s3a://", "s3://", 1));
    builder = secret(access, "access_key_id", builder, AmazonS3Builder::with_access_key_id);
    builder = secret(access, "secret_access_key", builder, AmazonS3Builder::with_secret_access_key);
    builder = secret(access, "session_token", builder, AmazonS3Builder::with_token);
    builder = option(access, "endpoint", builder, AmazonS3Builder::with_endpoint);
    builder = option(access, "region", builder, AmazonS3Builder::with_region);
    builder = option(access, "sse_kms_key_id", builder, AmazonS3Builder::with_sse_kms_encryption);
    if is_anonymous(access) {
        builder = builder.with_skip_signature(true);
    }
    builder
        // A host name per bucket needs a name server that knows them; endpoints of one's own rarely
        // have one.
        .with_virtual_hosted_style_request(!is_set_or(
            access,
            "path_style",
            access.options.contains_key("endpoint"),
        ))
        .with_request_payer(is_set(access, "request_payer"))
        .with_copy_if_not_exists(S3CopyIfNotExists::Multipart)
        .with_retry(retry(bounds))
        .with_client_options(client(access, bounds))
}

fn gcs(url: &StoreUrl, access: &Access, bounds: Bounds) -> GoogleCloudStorageBuilder {
    let mut builder = match access.secrets {
        Some(_) => GoogleCloudStorageBuilder::new(),
        None => GoogleCloudStorageBuilder::from_env(),
    };
    builder = builder.with_url(url.as_str());
    builder = secret(
        access,
        "service_account_key",
        builder,
        GoogleCloudStorageBuilder::with_service_account_key,
    );
    builder = option(access, "endpoint", builder, |builder, url| builder.with_base_url(&url));
    if is_anonymous(access) {
        // Its writes ask for an identity nevertheless, and would take that of the machine.
        let nobody = StaticCredentialProvider::new(GcpCredential { bearer: String::new() });
        builder = builder.with_skip_signature(true).with_credentials(Arc::new(nobody));
    }
    builder.with_retry(retry(bounds)).with_client_options(client(access, bounds))
}

fn azure(url: &StoreUrl, access: &Access, bounds: Bounds) -> MicrosoftAzureBuilder {
    let mut builder = match access.secrets {
        Some(_) => MicrosoftAzureBuilder::new(),
        None => MicrosoftAzureBuilder::from_env(),
    };
    builder = builder.with_url(url.as_str());
    builder = option(access, "account_name", builder, MicrosoftAzureBuilder::with_account);
    builder = option(access, "endpoint", builder, MicrosoftAzureBuilder::with_endpoint);
    builder = secret(access, "account_key", builder, MicrosoftAzureBuilder::with_access_key);
    builder = secret(access, "client_id", builder, MicrosoftAzureBuilder::with_client_id);
    builder = secret(access, "client_secret", builder, MicrosoftAzureBuilder::with_client_secret);
    builder = secret(access, "tenant_id", builder, MicrosoftAzureBuilder::with_tenant_id);
    builder =
        secret(access, "sas_token", builder, |builder: MicrosoftAzureBuilder, token: String| {
            builder.with_config(object_store::azure::AzureConfigKey::SasKey, token)
        });
    if is_anonymous(access) {
        builder = builder.with_skip_signature(true);
    }
    builder.with_retry(retry(bounds)).with_client_options(client(access, bounds))
}

fn http(url: &StoreUrl, access: &Access, bounds: Bounds) -> Result<HttpBuilder, Error> {
    let mut client = client(access, bounds);
    if let Some(token) = access.secrets.as_ref().and_then(|secrets| secrets.get("bearer_token")) {
        let refused = |_| Error::NoAccess { url: url.to_string() };
        let mut value =
            HeaderValue::from_str(&format!("Bearer {}", token.expose())).map_err(refused)?;
        value.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, value);
        client = client.with_default_headers(headers);
    }
    Ok(HttpBuilder::new()
        .with_url(url.bucket())
        .with_retry(retry(bounds))
        .with_client_options(client))
}

fn secret<B>(access: &Access, key: &str, builder: B, set: impl FnOnce(B, String) -> B) -> B {
    match access.secrets.as_ref().and_then(|secrets| secrets.get(key)) {
        Some(secret) => set(builder, secret.expose().to_string()),
        None => builder,
    }
}

fn option<B>(access: &Access, key: &str, builder: B, set: impl FnOnce(B, String) -> B) -> B {
    match access.options.get(key) {
        Some(value) => set(builder, value.clone()),
        None => builder,
    }
}

/// Whether requests go unsigned: asked for, or without any key to sign with. The store's builder
/// would look for keys in the surroundings.
fn is_anonymous(access: &Access) -> bool {
    is_set(access, "anonymous") || access.secrets.as_ref().is_some_and(|keys| keys.is_empty())
}

fn is_set(access: &Access, key: &str) -> bool {
    is_set_or(access, key, false)
}

fn is_set_or(access: &Access, key: &str, default: bool) -> bool {
    access.options.get(key).map_or(default, |value| value.eq_ignore_ascii_case("true"))
}

fn retry(bounds: Bounds) -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: FIRST_PAUSE,
            max_backoff: LONGEST_PAUSE,
            base: LONGER_AT_MOST,
        },
        max_retries: bounds.retries,
        retry_timeout: bounds.retry_time,
    }
}

fn client(access: &Access, bounds: Bounds) -> ClientOptions {
    let is_plain_http = Url::parse(&access.prefix).is_ok_and(|url| url.scheme() == "http");
    ClientOptions::new()
        .with_allow_http(is_set_or(access, "allow_http", is_plain_http))
        .with_connect_timeout(bounds.connect_time)
        .with_timeout(bounds.request_time)
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;

    /// How long a request is repeated whose store is gone: the pauses as the library draws them.
    fn patience(config: &RetryConfig) -> f64 {
        let BackoffConfig { init_backoff, max_backoff, base } = config.backoff.clone();
        let (first, longest) = (init_backoff.as_secs_f64(), max_backoff.as_secs_f64());
        let (mut pause, mut waited) = (first, 0.0);
        for _ in 0..config.max_retries {
            waited += pause;
            pause = rand::rng().random_range(first..pause * base).min(longest);
        }
        waited.min(config.retry_timeout.as_secs_f64())
    }

    #[test]
    fn a_request_is_repeated_for_about_the_time_that_the_setting_says() {
        let config = retry(Bounds::default());
        let mut patience: Vec<f64> = (0..1_000).map(|_| patience(&config)).collect();
        patience.sort_by(f64::total_cmp);
        // Nineteen of twenty for the whole time, and the unluckiest for a good part of it.
        let whole = config.retry_timeout.as_secs_f64();
        assert!(patience[50] >= 0.99 * whole, "{}", patience[50]);
        assert!(patience[0] >= 0.25 * whole, "{}", patience[0]);
    }
}
