//! Messages made ahead of a client that takes many.
//!
//! HTTP/2 asks for the next message when the last one is on its way, so a stream that encodes when
//! it is asked leaves the connection waiting for each. Short results never get that far and save
//! the task.

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use tonic::Status;

/// Times that a message is made when it is asked for, before a task makes the others ahead: as often
/// as a short result is asked for its schema, its one batch and its end.
const MESSAGES_ASKED_FOR: usize = 3;
/// Messages that wait for the client at most.
const MESSAGES_AHEAD: usize = 4;

/// The same messages, all but the first made while earlier ones are sent. Dropping the stream drops
/// `messages`.
pub(super) fn make_ahead<T: Send + 'static>(messages: Messages<T>) -> Messages<T> {
    let from = From::Asked { messages, left: MESSAGES_ASKED_FOR };
    Box::pin(stream::unfold(from, |mut from| async move {
        if let From::Asked { messages, left: 0 } = from {
            from = From::ahead(messages);
        }
        let message = match &mut from {
            From::Asked { messages, left } => {
                *left -= 1;
                messages.next().await
            }
            From::Ahead { messages, task } => match messages.recv().await {
                // A task that panicked closes the channel too: the result is not whole.
                None => match task.take()?.await {
                    Ok(()) => None,
                    Err(_) => Some(Err(Status::internal("internal: the result broke off"))),
                },
                message => message,
            },
        };
        message.map(|message| (message, from))
    }))
}

type Messages<T> = BoxStream<'static, Result<T, Status>>;

/// Where the next message comes from.
enum From<T> {
    Asked { messages: Messages<T>, left: usize },
    Ahead { messages: mpsc::Receiver<Result<T, Status>>, task: Option<AbortOnDropHandle<()>> },
}

impl<T: Send + 'static> From<T> {
    fn ahead(mut messages: Messages<T>) -> Self {
        let (sender, receiver) = mpsc::channel(MESSAGES_AHEAD);
        let task = tokio::spawn(async move {
            while let Some(message) = messages.next().await {
                if sender.send(message).await.is_err() {
                    return;
                }
            }
        });
        Self::Ahead { messages: receiver, task: Some(AbortOnDropHandle::new(task)) }
    }
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt;

    use super::*;

    fn numbered(count: u8) -> Messages<u8> {
        Box::pin(stream::iter((0..count).map(Ok)))
    }

    #[tokio::test]
    async fn messages_made_ahead_are_the_same_in_the_same_order() {
        for count in [0, 1, 2, 3, 50] {
            let messages: Vec<_> = make_ahead(numbered(count)).try_collect().await.unwrap();
            assert_eq!(messages, (0..count).collect::<Vec<_>>());
        }
    }

    #[tokio::test]
    async fn dropping_the_stream_drops_what_makes_the_messages() {
        let (guard, mut dropped) = mpsc::channel::<()>(1);
        let endless = numbered(3).chain(stream::pending().map(move |message| {
            let _held = &guard;
            message
        }));
        let mut stream = make_ahead(Box::pin(endless));
        for _ in 0..3 {
            stream.next().await.unwrap().unwrap();
        }
        drop(stream);
        assert!(dropped.recv().await.is_none());
    }
}
