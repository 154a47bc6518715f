//! Secrets at places where they would be kept and shown in clear: options, properties, URLs.
//!
//! Nobody can tell a secret from another text by itself. It is told by what stands before it: the
//! name of an option, or its place in a URL.

use std::borrow::Cow;
use std::ops::Range;

/// What is shown in place of a secret.
pub const HIDDEN: &str = "***";

/// Parts of a name by which an option tells that its value is a secret.
const TELLTALE: [&str; 9] = [
    "secret",
    "password",
    "passwd",
    "passphrase",
    "token",
    "key",
    "signature",
    "credential",
    "authorization",
];
/// Words that tell it when they stand by themselves in a name, between dots, dashes or the like.
const TELLTALE_WORDS: [&str; 5] = ["sas", "sig", "pwd", "pass", "bearer"];

/// How names end that hold such a word though their values may be seen.
const HARMLESS_ENDS: [&str; 26] = [
    "token_file",
    "credentials_file",
    "application_credentials",
    "credentials_relative_uri",
    "credentials_full_uri",
    "kms_key_id",
    "encryption_key_id",
    "bucket_key_enabled",
    "skip_signature",
    "public_key",
    // What people note about columns.
    "primary_key",
    "primarykey",
    "foreign_key",
    "foreignkey",
    "sort_key",
    "partition_key",
    "cluster_key",
    "clustering_key",
    "unique_key",
    "business_key",
    "natural_key",
    "surrogate_key",
    "merge_key",
    "join_key",
    "key_column",
    "key_columns",
];

/// Schemes whose URLs name a container, and no user, before an `@`.
const WITH_CONTAINER: [&str; 4] = ["abfs", "abfss", "wasb", "wasbs"];

/// Whether an option, a property or a setting holds a secret, by its name. In doubt it does.
pub fn is_secret_name(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let plain = lower.replace(['-', '.', ' '], "_");
    let mut words = plain.split(|c: char| !c.is_ascii_alphanumeric());
    let is_telling = TELLTALE.iter().any(|word| lower.contains(word))
        || words.any(|word| TELLTALE_WORDS.contains(&word));
    is_telling && !HARMLESS_ENDS.iter().any(|end| plain.ends_with(end))
}

/// Whether a text may name a secret at all: a cheap look before a thorough one.
pub fn may_hold_secrets(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let mut words = TELLTALE.iter().chain(&TELLTALE_WORDS);
    lower.contains("://") || words.any(|word| lower.contains(word))
}

/// Whether a URL in `text` holds a user's name or password, or a parameter that is a key, a token
/// or a signature.
pub fn url_holds_a_secret(text: &str) -> bool {
    !secrets_of_urls(text).is_empty()
}

/// The text with [`HIDDEN`] in place of what is secret in its URLs.
pub fn without_secrets_of_urls(text: &str) -> Cow<'_, str> {
    let secrets = secrets_of_urls(text);
    if secrets.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut end = 0;
    for secret in secrets {
        shown.push_str(&text[end..secret.start]);
        shown.push_str(HIDDEN);
        end = secret.end;
    }
    shown.push_str(&text[end..]);
    Cow::Owned(shown)
}

/// Where secrets stand in the URLs of a text, in order and apart from one another.
fn secrets_of_urls(text: &str) -> Vec<Range<usize>> {
    let mut secrets = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find("://") {
        let scheme = scheme_before(&text[..from + at]);
        let start = from + at + "://".len();
        let is_over = |c: char| c.is_whitespace() || "'\"`<>".contains(c);
        let length = text[start..].find(is_over).unwrap_or(text.len() - start);
        let url = &text[start..start + length];
        let user = user_of(&scheme, url);
        let after_user = user.as_ref().map_or(0, |user| user.end);
        let ranges = user.into_iter().chain(parameters_of(url, after_user));
        secrets.extend(ranges.map(|range| start + range.start..start + range.end));
        from = start + length;
    }
    secrets
}

fn scheme_before(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    let start = text
        .rfind(|c| !is_part(c))
        .map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
    text[start..].to_ascii_lowercase()
}

/// The user, with a password, that stands before the host.
fn user_of(scheme: &str, url: &str) -> Option<Range<usize>> {
    let authority = &url[..url.find(['/', '?', '#']).unwrap_or(url.len())];
    if let Some(at) = authority.rfind('@') {
        let is_container = WITH_CONTAINER.contains(&scheme) && !authority[..at].contains(':');
        return (!is_container && at > 0).then_some(0..at);
    }
    // Keys may hold a slash, which ends the host for whoever reads the URL.
    let (_, port) = authority.split_once(':')?;
    let is_port = !port.is_empty() && port.chars().all(|c| c.is_ascii_digit());
    let at = url.rfind('@').filter(|_| !is_port && !authority.starts_with('['))?;
    Some(0..at)
}

/// The values of parameters that are secrets.
fn parameters_of(url: &str, from: usize) -> Vec<Range<usize>> {
    let mut secrets = Vec::new();
    let Some(first) = url[from..].find(['?', '#']) else { return secrets };
    let mut start = from + first + 1;
    for parameter in url[start..].split(['&', ';', '?', '#']) {
        if let Some((name, value)) = parameter.split_once('=') {
            let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.%".contains(c));
            if is_name && !value.is_empty() && is_secret_name(name) {
                let value_start = start + name.len() + 1;
                secrets.push(value_start..value_start + value.len());
            }
        }
        start += parameter.len() + 1;
    }
    secrets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_hold_secrets_are_told_by_their_names() {
        for name in [
            "secret_access_key",
            "AWS_Access_Key_Id",
            "aws.secret_access_key",
            "client_secret",
            "sas_token",
            "azure.sas",
            "fs.azure.account.key.acc.dfs.core.windows.net",
            "X-Amz-Signature",
            "sig",
            "password",
            "db.pwd",
            "apiKey",
            "private_key",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [
            "region",
            "endpoint",
            "sse_kms_key_id",
            "web_identity_token_file",
            "skip_signature",
            "format.has_header",
            "design",
            "passage",
            "primary_key",
            "table.sort-key",
            "delta.enableChangeDataFeed",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn what_is_secret_in_a_url_is_hidden() {
        for (url, shown) in [
            ("s3://k:hidden@lake/x/", "s3://***@lake/x/"),
            ("s3://k:hid/den@lake/x/", "s3://***@lake/x/"),
            ("s3://hidden@lake/x/", "s3://***@lake/x/"),
            ("'ftp://u:hidden@h' and 'http://u:hidden@h/'", "'ftp://***@h' and 'http://***@h/'"),
            ("https://a.b/x.parquet?sv=1&sig=hidden", "https://a.b/x.parquet?sv=1&sig=***"),
            ("https://a/c/?X-Amz-Signature=hidden&n=1", "https://a/c/?X-Amz-Signature=***&n=1"),
            ("http://127.0.0.1:1/?token=hidden", "http://127.0.0.1:1/?token=***"),
            ("https://a/#access_token=hidden", "https://a/#access_token=***"),
            ("https://u:hidden@a/?sig=hidden", "https://***@a/?sig=***"),
            ("abfss://c:hidden@acc.dfs/x", "abfss://***@acc.dfs/x"),
        ] {
            assert!(url_holds_a_secret(url), "{url}");
            assert_eq!(without_secrets_of_urls(url), shown);
        }
    }

    #[test]
    fn a_url_without_a_secret_is_shown_as_it_is() {
        for url in [
            "",
            "/data/a@b?sig=x",
            "s3://lake/a@b/",
            "http://127.0.0.1:9000/a@b",
            "http://[::1]:9000/a@b",
            "abfss://container@account.dfs.core.windows.net/x",
            "s3://lake/ra?/key=1/x.parquet",
            "https://host/x.csv?version=3",
            "ü://x ä://y",
        ] {
            assert!(!url_holds_a_secret(url), "{url}");
            assert_eq!(without_secrets_of_urls(url), url);
        }
    }
}
