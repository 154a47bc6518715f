//! A server of one file that often says it is too busy.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Serves one file under any path, by GET and HEAD and with ranges, on a thread of its own. Of a
/// number of requests only the last is served; the others are answered by 503 and 429 in turn.
pub(crate) struct Throttling {
    address: String,
    refused: Arc<AtomicUsize>,
    left: Arc<AtomicUsize>,
}

impl Throttling {
    pub(crate) fn start(file: &Path, every: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let refused = Arc::new(AtomicUsize::new(0));
        let left = Arc::new(AtomicUsize::new(usize::MAX));
        let server = Arc::new(Server {
            content: std::fs::read(file).unwrap(),
            asked: AtomicUsize::new(0),
            refused: Arc::clone(&refused),
            left: Arc::clone(&left),
            every,
        });
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = Arc::clone(&server);
                // A client that goes away in the middle of a request is no fault.
                thread::spawn(move || server.serve(stream).ok());
            }
        });
        Self { address, refused, left }
    }

    /// After so many more requests that are served none is.
    pub(crate) fn fail_after(&self, served: usize) {
        self.left.store(served, Ordering::Relaxed);
    }

    /// `http://HOST:PORT`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Requests that were not served.
    pub(crate) fn refused(&self) -> usize {
        self.refused.load(Ordering::Relaxed)
    }
}

struct Server {
    content: Vec<u8>,
    asked: AtomicUsize,
    refused: Arc<AtomicUsize>,
    left: Arc<AtomicUsize>,
    every: usize,
}

impl Server {
    fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        loop {
            let mut request = String::new();
            while !request.ends_with("\r\n\r\n") {
                if reader.read_line(&mut request)? == 0 {
                    return Ok(());
                }
            }
            let number = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
            if number.is_multiple_of(self.every) && self.may_serve() {
                self.answer(&mut stream, &request.to_lowercase())?;
            } else {
                self.refused.fetch_add(1, Ordering::Relaxed);
                let status = ["503 Slow Down", "429 Too Many Requests"][number % 2];
                write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n")?;
            }
        }
    }

    fn may_serve(&self) -> bool {
        let one_less = |left: usize| left.checked_sub(1);
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok()
    }

    fn answer(&self, stream: &mut TcpStream, request: &str) -> std::io::Result<()> {
        let size = self.content.len();
        let range = request.split("range: bytes=").nth(1).and_then(|rest| {
            let (first, last) = rest.lines().next()?.split_once('-')?;
            Some(first.parse::<usize>().ok()?..last.parse::<usize>().ok()?.min(size - 1) + 1)
        });
        let is_part = range.is_some();
        let status = if is_part { "206 Partial Content" } else { "200 OK" };
        let range = range.unwrap_or(0..size);
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\n", range.len())?;
        write!(stream, "ETag: \"one\"\r\nLast-Modified: Sat, 01 Aug 2026 10:00:00 GMT\r\n")?;
        if is_part {
            write!(stream, "Content-Range: bytes {}-{}/{size}\r\n", range.start, range.end - 1)?;
        }
        stream.write_all(b"\r\n")?;
        if request.starts_with("get") {
            stream.write_all(&self.content[range])?;
        }
        Ok(())
    }
}
