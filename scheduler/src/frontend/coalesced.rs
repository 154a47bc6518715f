//! What a connection writes in one turn goes to the network in one go. HTTP/2 hands on every frame by
//! itself, of 16 KiB for most clients and of ten bytes where an answer ends, and each would be a
//! system call here, a segment on the way and a wake-up of the client there.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// Bytes that wait for the end of a turn on one connection.
const UNSENT_BYTES_MAX: usize = 256 << 10;

/// A connection that keeps what is written until the turn ends, which [`Turns`] tells.
pub(super) struct Coalesced {
    incoming: OwnedReadHalf,
    outgoing: Arc<Mutex<Outgoing>>,
}

/// The turns of a [`Coalesced`] connection.
pub(super) struct Turns(Arc<Mutex<Outgoing>>);

struct Outgoing {
    socket: OwnedWriteHalf,
    unsent: BytesMut,
}

/// A connection over `socket`, and its turns.
pub(super) fn coalesced(socket: TcpStream) -> (Coalesced, Turns) {
    let (incoming, socket) = socket.into_split();
    let outgoing = Arc::new(Mutex::new(Outgoing { socket, unsent: BytesMut::new() }));
    (Coalesced { incoming, outgoing: Arc::clone(&outgoing) }, Turns(outgoing))
}

impl Turns {
    /// Runs what serves the connection; whatever it writes while it is polled is sent after that.
    pub(super) async fn of<F: Future>(&self, mut serving: Pin<&mut F>) -> F::Output {
        std::future::poll_fn(|context| {
            let state = serving.as_mut().poll(context);
            if let Poll::Ready(Err(_)) = locked(&self.0).poll_send(context) {
                // Its next write or read meets the same error and ends it.
                context.waker().wake_by_ref();
            }
            state
        })
        .await
    }
}

impl Outgoing {
    /// Sends all that waits.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.unsent.is_empty() {
            let sent = ready!(Pin::new(&mut self.socket).poll_write(context, &self.unsent))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unsent.advance(sent);
        }
        Poll::Ready(Ok(()))
    }

    /// Makes place for `count` bytes; all is sent where there is none.
    fn poll_place(&mut self, context: &mut Context<'_>, count: usize) -> Poll<io::Result<()>> {
        match self.unsent.len().saturating_add(count) > UNSENT_BYTES_MAX {
            true => self.poll_send(context),
            false => Poll::Ready(Ok(())),
        }
    }
}

fn locked(outgoing: &Mutex<Outgoing>) -> MutexGuard<'_, Outgoing> {
    outgoing.lock().unwrap_or_else(PoisonError::into_inner)
}

impl AsyncRead for Coalesced {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.incoming).poll_read(context, buffer)
    }
}

impl AsyncWrite for Coalesced {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let count = slices.iter().map(|slice| slice.len()).sum();
        let mut outgoing = locked(&self.outgoing);
        ready!(outgoing.poll_place(context, count))?;
        if count > UNSENT_BYTES_MAX {
            return Pin::new(&mut outgoing.socket).poll_write_vectored(context, slices);
        }
        slices.iter().for_each(|slice| outgoing.unsent.extend_from_slice(slice));
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Nothing: the end of the turn sends.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut outgoing = locked(&self.outgoing);
        ready!(outgoing.poll_send(context))?;
        Pin::new(&mut outgoing.socket).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::Read;
    use std::net::{TcpListener, TcpStream as Peer};
    use std::pin::pin;

    use tokio::io::AsyncWriteExt;

    use super::*;

    /// A connection, its turns, and the other end, which answers at once whether something came.
    async fn connected() -> (Coalesced, Turns, Peer) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = Peer::connect(listener.local_addr().unwrap()).unwrap();
        let (socket, _) = listener.accept().unwrap();
        socket.set_nonblocking(true).unwrap();
        peer.set_nonblocking(true).unwrap();
        let socket = TcpStream::from_std(socket).unwrap();
        socket.writable().await.unwrap();
        let (connection, turns) = coalesced(socket);
        (connection, turns, peer)
    }

    /// A byte that tells where it stands.
    fn mark(at: usize) -> u8 {
        u8::try_from(at % 251).unwrap()
    }

    #[tokio::test]
    async fn what_is_written_in_one_turn_goes_out_together_at_its_end() {
        let (mut connection, turns, mut peer) = connected().await;
        let mut bytes = [0; 64];
        let writing = async {
            for word in ["head", "row", "end"] {
                connection.write_all(word.as_bytes()).await.unwrap();
                connection.flush().await.unwrap();
            }
            peer.read(&mut bytes).unwrap_err().kind()
        };
        assert_eq!(turns.of(pin!(writing)).await, io::ErrorKind::WouldBlock);
        let count = peer.read(&mut bytes).unwrap();
        assert_eq!(&bytes[..count], b"headrowend");
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_holds_no_more_than_the_bound_and_misses_nothing() {
        const PIECE: usize = 48 << 10;
        let (mut connection, turns, mut peer) = connected().await;
        let mut written = 0;
        let is_full = poll_fn(|context| {
            let piece = [mark(written); PIECE];
            match Pin::new(&mut connection).poll_write(context, &piece) {
                Poll::Ready(count) => {
                    written += count.unwrap();
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
                Poll::Pending => Poll::Ready(()),
            }
        });
        turns.of(pin!(is_full)).await;
        let unsent = locked(&turns.0).unsent.len();
        assert!((1..=UNSENT_BYTES_MAX).contains(&unsent), "{unsent} bytes wait");

        peer.set_nonblocking(false).unwrap();
        let reading = tokio::task::spawn_blocking(move || {
            let mut all = Vec::new();
            peer.read_to_end(&mut all).map(|_| all)
        });
        let closing = connection.shutdown();
        turns.of(pin!(closing)).await.unwrap();
        let all = reading.await.unwrap().unwrap();
        assert_eq!(all.len(), written);
        let is_in_order =
            |(index, piece): (usize, &[u8])| piece.iter().all(|byte| *byte == mark(index * PIECE));
        assert!(all.chunks(PIECE).enumerate().all(is_in_order));
    }

    #[tokio::test]
    async fn a_frame_beyond_the_bound_follows_what_waits() {
        let (mut connection, turns, mut peer) = connected().await;
        peer.set_nonblocking(false).unwrap();
        let reading = tokio::task::spawn_blocking(move || {
            let mut all = Vec::new();
            peer.read_to_end(&mut all).map(|_| all)
        });
        let writing = async {
            connection.write_all(b"head").await?;
            connection.write_all(&vec![7; 3 * UNSENT_BYTES_MAX]).await?;
            connection.write_all(b"end").await?;
            connection.shutdown().await
        };
        turns.of(pin!(writing)).await.unwrap();
        let all = reading.await.unwrap().unwrap();
        assert_eq!(all.len(), 3 * UNSENT_BYTES_MAX + 7);
        assert!(all.starts_with(b"head\x07") && all.ends_with(b"\x07end"));
    }
}
