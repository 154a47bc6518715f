//! Blocks in files of one folder.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::SystemTime;

use lru::LruCache;
use parking_lot::Mutex;

use super::{BlockKey, Part, file};

/// Blocks that wait to be written, 32 MiB; more are not kept.
const WAITING_MAX: usize = 128;
const ENDING: &str = "block";
const UNFINISHED: &str = "unfinished";

/// The files, and the thread that writes them.
#[derive(Debug)]
pub(super) struct Disk {
    files: Arc<Files>,
    /// `None` only while this is dropped.
    writer: Option<SyncSender<(BlockKey, Part)>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Files {
    folder: PathBuf,
    index: Mutex<Index>,
}

/// The files that are there, the least recently used first, with their sizes.
#[derive(Debug)]
struct Index {
    sizes: LruCache<BlockKey, u64>,
    bytes: u64,
    bytes_max: u64,
}

impl Disk {
    /// Takes over what lies in the folder, as far as it may stay, and starts the thread.
    pub(super) fn open(folder: &Path, bytes_max: u64) -> io::Result<Self> {
        let index = Index { sizes: LruCache::unbounded(), bytes: 0, bytes_max };
        let files = Arc::new(Files { folder: folder.to_path_buf(), index: Mutex::new(index) });
        files.take_over()?;
        if bytes_max == 0 {
            return Ok(Self { files, writer: None, thread: None });
        }
        let (writer, waiting) = sync_channel(WAITING_MAX);
        let writes = Arc::clone(&files);
        let thread = Builder::new()
            .name("lakegate-cache".to_string())
            .spawn(move || writes.write_all(&waiting))?;
        Ok(Self { files, writer: Some(writer), thread: Some(thread) })
    }

    /// A block, if there is a sound file of it. One that is not sound is removed.
    pub(super) async fn read(&self, key: BlockKey) -> Option<Part> {
        self.files.index.lock().sizes.get(&key)?;
        let files = Arc::clone(&self.files);
        let read = tokio::task::spawn_blocking(move || {
            let block = file::read(&files.path(&key), &key);
            if block.is_none() {
                tracing::warn!(%key, "a block of the cache is damaged or gone; it is read anew");
                files.remove(&key);
            }
            block
        });
        read.await.ok().flatten()
    }

    /// Has a block written, unless as much of it is there or too many wait.
    pub(super) fn write(&self, key: BlockKey, block: Part) {
        let is_more = |there: &u64| *there < file_bytes(&block);
        if let Some(writer) = &self.writer
            && self.files.index.lock().sizes.peek(&key).is_none_or(is_more)
        {
            // A full queue means that the disk is slower than the store: then it is no use.
            let _ = writer.try_send((key, block));
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(self.writer.take());
        if let Some(thread) = self.thread.take() {
            // It ends after the few blocks that wait; a panic in it was logged.
            let _ = thread.join();
        }
    }
}

impl Files {
    fn path(&self, key: &BlockKey) -> PathBuf {
        self.folder.join(format!("{key}.{ENDING}"))
    }

    /// Fills the index from the folder. What is no block, or too much, is removed.
    fn take_over(&self) -> io::Result<()> {
        // What lies in objects is not for every user of the machine.
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let mut blocks: Vec<(SystemTime, BlockKey, u64)> = Vec::new();
        for entry in fs::read_dir(&self.folder)?.flatten() {
            let path = entry.path();
            let is_block = path.extension().is_some_and(|ending| ending == ENDING);
            let key = path.file_stem().and_then(|name| name.to_str()).and_then(BlockKey::parse);
            let metadata = entry.metadata().ok().filter(fs::Metadata::is_file);
            match (key.filter(|_| is_block), metadata) {
                (Some(key), Some(metadata)) => {
                    let changed = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                    blocks.push((changed, key, metadata.len()));
                }
                _ => remove_file(&path),
            }
        }
        blocks.sort_unstable_by_key(|(changed, ..)| *changed);
        for (_, key, bytes) in blocks {
            for evicted in self.index.lock().insert(key, bytes) {
                remove_file(&self.path(&evicted));
            }
        }
        Ok(())
    }

    fn write_all(&self, waiting: &Receiver<(BlockKey, Part)>) {
        let mut is_failing = false;
        for (key, block) in waiting {
            let written = self.write(&key, &block);
            match &written {
                Err(error) if !is_failing => {
                    tracing::warn!(%error, folder = %self.folder.display(), "the cache cannot be written");
                }
                _ => {}
            }
            is_failing = written.is_err();
        }
    }

    fn write(&self, key: &BlockKey, block: &Part) -> io::Result<()> {
        let bytes = file_bytes(block);
        // Room is made before, so that the bound holds at every moment.
        let evicted = self.index.lock().make_room(bytes);
        for key in evicted {
            remove_file(&self.path(&key));
        }
        if bytes > self.index.lock().bytes_max {
            return Ok(());
        }
        let unfinished = self.folder.join(UNFINISHED);
        let written = file::write(&self.path(key), &unfinished, key, block);
        match written {
            Ok(()) => drop(self.index.lock().insert(*key, bytes)),
            Err(_) => remove_file(&unfinished),
        }
        written
    }

    fn remove(&self, key: &BlockKey) {
        self.index.lock().remove(key);
        remove_file(&self.path(key));
    }
}

impl Index {
    /// Notes a file; those that must go for it.
    fn insert(&mut self, key: BlockKey, bytes: u64) -> Vec<BlockKey> {
        self.remove(&key);
        self.bytes += bytes;
        self.sizes.push(key, bytes);
        self.make_room(0)
    }

    /// Forgets the least recently used until so many bytes more have room.
    fn make_room(&mut self, bytes: u64) -> Vec<BlockKey> {
        let mut evicted = Vec::new();
        while self.bytes.saturating_add(bytes) > self.bytes_max {
            let Some((key, size)) = self.sizes.pop_lru() else { break };
            self.bytes -= size;
            evicted.push(key);
        }
        evicted
    }

    fn remove(&mut self, key: &BlockKey) {
        if let Some(size) = self.sizes.pop(key) {
            self.bytes -= size;
        }
    }
}

fn file_bytes(block: &Part) -> u64 {
    (file::HEADER_BYTES + block.bytes.len()) as u64
}

/// A file that cannot be removed is one that is gone, or that the next start removes.
fn remove_file(path: &Path) {
    let _ = fs::remove_file(path);
}
