//! The client against a server that writes down what it is asked.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::time::Duration;

use futures::StreamExt;
use lakegate_client::{Client, Error, Outcome};
use lakegate_common::{Coded, ErrorCode};

use support::{ROWS_AFFECTED, start};

/// How long the server may take to notice that a client has gone.
const NOTICED_WITHIN: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_query_gives_its_id_schema_and_rows() {
    let (url, _) = start().await;
    let client = Client::connect(&url, "admin", "secret").await.unwrap();
    let stream = client.query("select").await.unwrap();
    assert_eq!(stream.query_id(), Some("0197-query"));
    assert_eq!(stream.schema().field(0).name(), "n");
    let batches = stream.collect_batches().await.unwrap();
    assert_eq!(batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), 3);
}

#[tokio::test]
async fn an_update_gives_the_number_of_rows() {
    let (url, log) = start().await;
    let client = Client::connect(&url, "admin", "secret").await.unwrap();
    let outcome = client.execute("update t").await.unwrap();
    let expected = u64::try_from(ROWS_AFFECTED).unwrap();
    assert!(matches!(outcome, Outcome::Affected(Some(rows)) if rows == expected));
    assert_eq!(log.calls(), ["handshake", "update t"]);
}

#[tokio::test]
async fn a_wrong_password_is_an_error_with_a_code() {
    let (url, _) = start().await;
    let refused = Client::connect(&url, "admin", "guess").await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Unauthenticated);
    assert_eq!(refused.to_string(), "wrong user or password");
}

#[tokio::test]
async fn an_expired_token_leads_to_one_new_handshake() {
    let (url, log) = start().await;
    let client = Client::connect(&url, "admin", "secret").await.unwrap();
    client.set_session_options(Some("p"), None).await.unwrap();
    log.expire_tokens();
    let both = futures::future::join(client.query("select"), client.query("select")).await;
    assert!(both.0.is_ok() && both.1.is_ok());
    let expected = ["handshake", "SetSessionOptions", "handshake", "SetSessionOptions"];
    assert_eq!(log.calls(), expected, "options are set again in the new session");
}

#[tokio::test]
async fn a_refused_statement_keeps_code_and_hint() {
    let (url, _) = start().await;
    let client = Client::connect(&url, "admin", "secret").await.unwrap();
    let error = client.query("wrong").await.map(drop).unwrap_err();
    assert_eq!(error.code(), ErrorCode::SyntaxError);
    assert_eq!(error.to_string(), "no such word");
    assert_eq!(error.hint().as_deref(), Some("write SQL"));
}

#[tokio::test]
async fn dropping_a_stream_cancels_on_the_server() {
    let (url, log) = start().await;
    let client = Client::connect(&url, "admin", "secret").await.unwrap();
    let mut stream = client.query("endless").await.unwrap();
    assert!(stream.next().await.unwrap().is_ok());
    drop(stream);
    tokio::time::timeout(NOTICED_WITHIN, log.dropped.notified()).await.unwrap();
}

#[tokio::test]
async fn closing_closes_statements_and_session() {
    let (url, log) = start().await;
    let client = Client::connect(&url, "admin", "secret").await.unwrap();
    client.query("select").await.unwrap().collect_batches().await.unwrap();
    client.execute("update t").await.unwrap();
    client.close().await.unwrap();
    let expected = ["handshake", "close select", "update t", "close update t", "CloseSession"];
    assert_eq!(log.calls(), expected);
}

#[tokio::test]
async fn no_server_is_an_error_that_names_the_address() {
    let refused = Client::connect("grpc://127.0.0.1:1", "admin", "secret").await.unwrap_err();
    assert!(matches!(&refused, Error::Connect { address, .. } if address == "127.0.0.1:1"));
    assert_eq!(refused.code(), ErrorCode::Unavailable);
}
