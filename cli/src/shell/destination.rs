//! Where rows go: the standard output or a file.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::args::Format;

use super::failure::Failure;

/// How much is gathered before it is handed to the system, in bytes.
const BUFFER_BYTES: usize = 64 << 10;

/// An output that several writers use one after the other. Clones share it.
#[derive(Clone)]
pub(crate) struct Destination(Arc<Mutex<Inner>>);

struct Inner {
    writer: BufWriter<Box<dyn Write + Send>>,
    is_terminal: bool,
    /// Whether a result was begun that must stay the only one.
    is_taken: bool,
    /// Whether the reader at the other end has gone.
    is_broken: bool,
}

impl Destination {
    /// The standard output.
    pub(crate) fn stdout() -> Self {
        let stdout = io::stdout();
        let is_terminal = stdout.is_terminal();
        Self::new(Box::new(stdout), is_terminal)
    }

    /// A file, made or emptied.
    pub(crate) fn file(path: &Path) -> Result<Self, Failure> {
        let file = File::create(path).map_err(|source| Failure::File {
            action: "creating",
            path: path.to_path_buf(),
            source,
        })?;
        let is_terminal = file.is_terminal();
        Ok(Self::new(Box::new(file), is_terminal))
    }

    fn new(writer: Box<dyn Write + Send>, is_terminal: bool) -> Self {
        let writer = BufWriter::with_capacity(BUFFER_BYTES, writer);
        Self(Arc::new(Mutex::new(Inner { writer, is_terminal, is_taken: false, is_broken: false })))
    }

    /// Whether a person reads along.
    pub(crate) fn is_terminal(&self) -> bool {
        self.0.lock().is_terminal
    }

    /// Whether the reader at the other end has gone, so that nothing more needs to be written.
    pub(crate) fn is_broken(&self) -> bool {
        self.0.lock().is_broken
    }

    /// Whether a result in that format may be written here.
    pub(crate) fn check(&self, format: Format) -> Result<(), Failure> {
        let inner = self.0.lock();
        if format.is_binary() && inner.is_terminal {
            return Err(Failure::BinaryToTerminal { format });
        }
        if format.is_binary() && inner.is_taken {
            return Err(Failure::SecondResult { format });
        }
        Ok(())
    }

    /// Remembers that a result begins which must stay the only one.
    pub(crate) fn take(&self) {
        self.0.lock().is_taken = true;
    }

    /// Writes a text.
    pub(crate) fn write_text(&mut self, text: &str) -> Result<(), Failure> {
        self.write_all(text.as_bytes()).map_err(|source| Failure::Write { source })
    }

    /// Hands everything written so far to the system.
    pub(crate) fn flush_all(&mut self) -> Result<(), Failure> {
        self.flush().map_err(|source| Failure::Write { source })
    }
}

impl Inner {
    /// Notices a broken pipe.
    fn note<T>(&mut self, written: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &written {
            self.is_broken |= error.kind() == io::ErrorKind::BrokenPipe;
        }
        written
    }
}

impl Write for Destination {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut inner = self.0.lock();
        let written = inner.writer.write(bytes);
        inner.note(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut inner = self.0.lock();
        let flushed = inner.writer.flush();
        inner.note(flushed)
    }
}

#[cfg(test)]
impl Destination {
    /// A destination in memory, and what was written to it.
    pub(crate) fn memory() -> (Self, Memory) {
        let memory = Memory::default();
        (Self::new(Box::new(memory.clone()), false), memory)
    }
}

/// What a test wrote.
#[cfg(test)]
#[derive(Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<Vec<u8>>>);

#[cfg(test)]
impl Memory {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.lock().clone()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }
}

#[cfg(test)]
impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_output_holds_one_result() {
        let (destination, _) = Destination::memory();
        assert!(destination.check(Format::Parquet).is_ok());
        destination.take();
        let refused = destination.check(Format::Arrow);
        assert!(matches!(refused, Err(Failure::SecondResult { .. })));
        assert!(destination.check(Format::Csv).is_ok());
    }

    #[test]
    fn a_reader_that_went_away_is_noticed() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut destination = Destination::new(Box::new(writer), false);
        assert!(destination.write_text("x").is_ok());
        assert!(!destination.is_broken());
        assert!(destination.flush_all().is_err());
        assert!(destination.is_broken());
    }
}
