//! No spelling reaches round a location.

use super::*;

fn url(text: &str) -> LocationUrl {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn contains(location: &str, inner: &str) -> bool {
    url(location).contains(&url(inner))
}

#[test]
fn a_prefix_ends_where_a_segment_ends() {
    assert!(contains("s3://bucket/raw", "s3://bucket/raw/2024/x.parquet"));
    assert!(contains("s3://bucket/raw/", "s3://bucket/raw"));
    assert!(contains("s3://bucket", "s3://bucket/anything"));
    assert!(contains("s3://bucket/raw/x.parquet", "s3://bucket/raw/x.parquet"));
    assert!(!contains("s3://bucket/raw", "s3://bucket/raw2/x"));
    assert!(!contains("s3://bucket/raw", "s3://bucket/ra"));
    assert!(!contains("s3://bucket", "s3://bucket2/raw"));
    assert!(!contains("s3://bucket/raw/deep", "s3://bucket/raw"));
}

#[test]
fn scheme_and_host_are_compared_without_case_and_the_path_exactly() {
    assert!(contains("S3://Bucket/raw", "s3://bUCKET/raw/x"));
    assert!(!contains("s3://bucket/Raw", "s3://bucket/raw/x"));
    assert!(!contains("s3://bucket/raw", "gs://bucket/raw/x"));
    assert!(!contains("http://host/raw", "https://host/raw/x"));
}

#[test]
fn a_port_or_a_dot_that_changes_nothing_does_not_count() {
    assert!(contains("https://host/raw", "https://HOST:443/raw/x"));
    assert!(contains("http://host:80/raw", "http://host./raw/x"));
    assert!(!contains("https://host/raw", "https://host:444/raw/x"));
    assert!(!contains("https://host/raw", "https://host:80/raw/x"));
    assert!(contains("http://127.0.0.1:9000/raw", "http://127.0.0.1:9000/raw/x"));
    assert!(contains("http://[::1]:9000/raw", "http://[::1]:9000/raw/x"));
}

#[test]
fn a_path_of_the_machine_is_a_file_url() {
    assert!(contains("file:///data", "/data/x.csv"));
    assert!(contains("/data/", "file://localhost/data/x.csv"));
    assert!(!contains("/data", "/database/x.csv"));
    assert_eq!(url("/100%25/x"), url("file:///100%2525/x"));
    assert!("file://other/data".parse::<LocationUrl>().is_err());
}

#[test]
fn an_escape_is_the_character_that_it_stands_for() {
    assert!(contains("s3://bucket/a b", "s3://bucket/a%20b/x"));
    assert!(contains("s3://bucket/ä", "s3://bucket/%C3%A4/x"));
    let partition = url("s3://bucket/at=2024-01-01 10%253A00/x.parquet");
    assert!(url("s3://bucket/at=2024-01-01 10%253A00").contains(&partition));
    assert_eq!(partition.to_string(), "s3://bucket/at=2024-01-01%2010%253A00/x.parquet/");
    assert_eq!(url(&partition.to_string()), partition);
}

#[test]
fn what_hides_the_way_is_refused() {
    for text in [
        "s3://bucket/raw/../secret",
        "s3://bucket/..",
        "s3://bucket/./raw",
        "s3://bucket/raw/%2e%2e/secret",
        "s3://bucket/raw/.%2E/secret",
        "s3://bucket/raw/%252e%252e/secret",
        "s3://bucket/raw/%25252e./secret",
        "s3://bucket/raw%2F..%2Fsecret",
        "s3://bucket/raw%2fsecret",
        "s3://bucket/raw%252fsecret",
        "s3://bucket/raw%5Csecret",
        "s3://bucket/raw\\..\\secret",
        "s3://bucket//secret",
        "s3://bucket/raw//secret",
        "s3://bucket/%73ecret",
        "s3://bucket/%2573ecret",
        "s3://bucket/raw%00",
        "s3://bucket/raw%0A",
        "s3://bucket/raw\n",
        "s3://bucket/raw%",
        "s3://bucket/raw%2",
        "s3://bucket/raw%zz",
        "s3://bucket/raw%FF",
        "s3://bucket/raw#fragment",
        "s3://user:password@bucket/raw",
        "s3://user@bucket/raw",
        "s3:///raw",
        "s3://buc ket/raw",
        "s3://buc%6bet/raw",
        "s3:/bucket/raw",
        "://bucket/raw",
        "3s://bucket/raw",
        "raw/x.csv",
        "",
        "/data/../etc/passwd",
        "/data//etc",
        "file:///data/%2e%2e/etc",
    ] {
        assert!(text.parse::<LocationUrl>().is_err(), "{text}");
    }
    let long = format!("s3://bucket/{}", "x".repeat(URL_BYTES_MAX));
    assert!(long.parse::<LocationUrl>().is_err());
}

#[test]
fn the_name_of_an_object_is_what_its_store_sees() {
    let object = |text: &str| LocationUrl::of_object(text);
    // Folders of partitions whose values hold a slash, a tab, a backslash, an escape.
    for part in ["p=a%252Fb", "p=a%2509b", "p=a%255Cb", "p=a%25252Fb", "p=%252E%252E"] {
        let found = object(&format!("s3://bucket/raw/{part}/x.parquet")).unwrap();
        assert!(url("s3://bucket/raw").contains(&found), "{part}");
        assert!(!url("s3://bucket/raw/p=a").contains(&found), "{part}");
        assert_eq!(found.depth(), 3, "{part}");
    }
    let named = object("s3://bucket/raw/%252E%252E%252Fsecret/x").unwrap();
    assert!(url("s3://bucket/raw").contains(&named));
    assert!(!url("s3://bucket/secret").contains(&named));
    for text in [
        "s3://bucket/raw/../secret",
        "s3://bucket/raw/%2E%2E/secret",
        "s3://bucket/raw%2Fsecret",
        "s3://bucket/raw/a%5C..%5Cb",
        "s3://bucket/raw%00",
        "s3://bucket//secret",
        "s3://bucket/%73ecret",
        "s3://bucket/raw%2",
        "s3://user:password@bucket/raw",
    ] {
        assert!(object(text).is_err(), "{text}");
    }
}

#[test]
fn the_reason_of_a_refusal_does_not_repeat_the_url() {
    let error = "s3://user:hunter2@bucket/raw".parse::<LocationUrl>().unwrap_err();
    assert_eq!(error.to_string(), "the URL holds a user name, a password, a key or a signature");
}

#[test]
fn azure_names_its_container_before_the_host() {
    let location = "abfss://raw@account.dfs.core.windows.net/";
    assert!(contains(location, "abfss://RAW@Account.dfs.core.windows.net/x"));
    assert!(!contains(location, "abfss://other@account.dfs.core.windows.net/x"));
    assert!("abfss://@account/x".parse::<LocationUrl>().is_err());
}

#[test]
fn a_pattern_reaches_everything_below_what_stands_before_it() {
    let fixed = |text: &str| url(text).without_pattern().to_string();
    assert_eq!(fixed("s3://bucket/raw/2024-*/x.parquet"), "s3://bucket/raw/");
    assert_eq!(fixed("s3://bucket/raw/x.parquet"), "s3://bucket/raw/x.parquet/");
    assert_eq!(fixed("s3://bucket/[a-z]/x"), "s3://bucket/");
}
