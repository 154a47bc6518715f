//! Blocks in files of one folder.
//!
//! Blocks are appended to one file until it has its share of the bound, then to the next; the least
//! recently used file goes as a whole. A file a block would cost more to make than to fill.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::SystemTime;

use bytes::Bytes;
use parking_lot::Mutex;

use super::index::{FileNumber, Index};
use super::segment::{self, Place};
use super::waiting::{Job, Waiting};
use super::{BlockKey, Part};

/// Files that share the bound, if each is full.
const FILES: u64 = 64;
const ENDING: &str = "blocks";

/// The files, and the thread that writes them.
#[derive(Debug)]
pub(super) struct Disk {
    files: Arc<Files>,
    /// `None` only while this is dropped, and where nothing may be written.
    waiting: Option<Arc<Waiting>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Files {
    folder: PathBuf,
    index: Mutex<Index>,
}

/// A block in a file that is open.
pub(super) type Found = (BlockKey, Arc<File>, Place);

/// The file that is being written.
struct Current {
    number: FileNumber,
    file: Arc<File>,
    bytes: u64,
}

impl Disk {
    /// Takes over what lies in the folder, as far as it may stay, and starts the thread.
    pub(super) fn open(folder: &Path, bytes_max: u64) -> io::Result<Self> {
        let index = Mutex::new(Index::new(bytes_max));
        let files = Arc::new(Files { folder: folder.to_path_buf(), index });
        let next = files.take_over()?;
        if bytes_max == 0 {
            return Ok(Self { files, waiting: None, thread: None });
        }
        let waiting = Arc::new(Waiting::default());
        let (jobs, writes) = (Arc::clone(&waiting), Arc::clone(&files));
        let thread = Builder::new()
            .name("lakegate-cache".to_string())
            .spawn(move || writes.write_all(&jobs, next))?;
        Ok(Self { files, waiting: Some(waiting), thread: Some(thread) })
    }

    /// Whether anything is ever kept here.
    pub(super) fn is_used(&self) -> bool {
        self.waiting.is_some()
    }

    /// A block that is not written yet.
    pub(super) fn waiting(&self, key: &BlockKey) -> Option<Part> {
        self.waiting.as_ref()?.get(key)
    }

    /// Where a block lies.
    pub(super) fn find(&self, key: &BlockKey) -> Option<Found> {
        let (file, place) = self.files.index.lock().find(key)?;
        Some((*key, file, place))
    }

    /// Reads blocks of one file that meet, into one piece; `None` if one of them is not what was
    /// written, which is then forgotten.
    pub(super) async fn read(&self, blocks: Vec<Found>) -> Option<Bytes> {
        let files = Arc::clone(&self.files);
        tokio::task::spawn_blocking(move || files.read(&blocks)).await.ok().flatten()
    }

    /// Has blocks written, those of which not all is there, unless too many wait.
    pub(super) fn write(&self, blocks: Vec<(BlockKey, Part)>) {
        let Some(waiting) = &self.waiting else { return };
        let is_more = |(key, part): &(BlockKey, Part)| {
            let there = self.files.index.lock().range_of(key);
            there.is_none_or(|there| part.begin < there.start || there.end < part.range().end)
        };
        let held = blocks.iter().map(|(_, part)| part.bytes.len()).sum();
        let blocks: Vec<_> = blocks.into_iter().filter(is_more).collect();
        if !blocks.is_empty() {
            waiting.push(Job { blocks, held });
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Some(waiting) = self.waiting.take() {
            waiting.close();
        }
        if let Some(thread) = self.thread.take() {
            // It ends after the few blocks that wait; a panic in it was logged.
            let _ = thread.join();
        }
    }
}

impl Files {
    fn path(&self, number: FileNumber) -> PathBuf {
        self.folder.join(format!("{number:016x}.{ENDING}"))
    }

    /// Fills the index from the folder, and tells the number of the next file. What is no file of
    /// blocks, or too much, is removed.
    fn take_over(&self) -> io::Result<FileNumber> {
        // What lies in objects is not for every user of the machine.
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let mut found: Vec<(SystemTime, FileNumber, u64)> = Vec::new();
        for entry in fs::read_dir(&self.folder)?.flatten() {
            let path = entry.path();
            let metadata = entry.metadata().ok().filter(fs::Metadata::is_file);
            match (number_of(&path), metadata) {
                (Some(number), Some(metadata)) => {
                    let changed = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                    found.push((changed, number, metadata.len()));
                }
                _ => remove_file(&path),
            }
        }
        found.sort_unstable();
        for (_, number, bytes) in &found {
            let is_taken = *bytes <= self.index.lock().bytes_max() && {
                self.make_room(*bytes);
                self.take_file(*number, *bytes).is_ok()
            };
            if !is_taken {
                remove_file(&self.path(*number));
            }
        }
        Ok(found.iter().map(|(_, number, _)| number.saturating_add(1)).max().unwrap_or_default())
    }

    fn take_file(&self, number: FileNumber, bytes: u64) -> io::Result<()> {
        let file = File::open(self.path(number))?;
        let blocks = segment::blocks_of(&file)?;
        if blocks.is_empty() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut index = self.index.lock();
        index.add_file(number, Arc::new(file));
        index.add(number, blocks, bytes);
        Ok(())
    }

    fn make_room(&self, bytes: u64) {
        let evicted = self.index.lock().make_room(bytes);
        for number in evicted {
            remove_file(&self.path(number));
        }
    }

    fn read(&self, blocks: &[Found]) -> Option<Bytes> {
        let (_, file, _) = blocks.first()?;
        let places: Vec<Place> = blocks.iter().map(|(_, _, place)| *place).collect();
        let read = segment::read(file, &places).unwrap_or_default();
        let mut rest = read.as_ref();
        let mut is_sound = true;
        for (key, _, place) in blocks {
            let block = rest.split_off(..place.bytes as usize).unwrap_or_default();
            if !place.is_sound(key, block) {
                tracing::warn!(%key, "a block of the cache is damaged or gone; it is read anew");
                self.index.lock().forget(key);
                is_sound = false;
            }
        }
        is_sound.then_some(read)
    }

    fn write_all(&self, waiting: &Waiting, next: FileNumber) {
        let mut is_failing = false;
        let (mut current, mut next) = (None, next);
        while let Some(job) = waiting.next() {
            let written = self.write(&job, &mut current, &mut next);
            waiting.done(&job);
            match &written {
                Err(error) if !is_failing => {
                    tracing::warn!(%error, folder = %self.folder.display(), "the cache cannot be written");
                }
                _ => {}
            }
            is_failing = written.is_err();
        }
    }

    fn write(
        &self,
        job: &Job,
        current: &mut Option<Current>,
        next: &mut FileNumber,
    ) -> io::Result<()> {
        let bytes_max = self.index.lock().bytes_max();
        let blocks =
            job.blocks.iter().filter_map(|(key, part)| Some((*key, self.with(key, part)?)));
        let blocks: Vec<_> = blocks.collect();
        for blocks in records(&blocks, bytes_max / FILES) {
            let bytes = blocks.iter().map(|(_, part)| part.bytes.len()).sum();
            let bytes = segment::record_bytes(blocks.len(), bytes);
            if bytes > bytes_max {
                continue;
            }
            // Room is made before, so that the bound holds at every moment.
            self.make_room(bytes);
            let is_full = |file: &Current| {
                file.bytes + bytes > bytes_max / FILES || !self.index.lock().holds(file.number)
            };
            let mut file = match current.take().filter(|file| !is_full(file)) {
                Some(file) => file,
                None => self.begin(next)?,
            };
            let written = segment::append(&file.file, file.bytes, blocks);
            // What was not written to its end may take as much room, and is not written again.
            let places = written.as_ref().map(Vec::clone).unwrap_or_default();
            self.index.lock().add(file.number, places, bytes);
            written?;
            file.bytes += bytes;
            *current = Some(file);
        }
        Ok(())
    }

    /// The part of a block with what is there of it already, where the two meet. Two scans, or two
    /// row groups, have a block in common and read each its own part. Of parts that do not meet the
    /// larger is kept: `None` where that is there.
    fn with(&self, key: &BlockKey, part: &Part) -> Option<Part> {
        let found = self.index.lock().find(key);
        let Some((file, place)) = found else { return Some(part.clone()) };
        let wanted = part.range();
        if part.holds(&(place.begin..place.end())) {
            return Some(part.clone());
        }
        if place.end() < wanted.start || wanted.end < place.begin {
            return (place.bytes as usize <= part.bytes.len()).then(|| part.clone());
        }
        let Some(there) = self.read(&[(*key, file, place)]) else { return Some(part.clone()) };
        let before = wanted.start.saturating_sub(place.begin);
        let after = place.end().saturating_sub(wanted.end);
        let before = there.get(..usize::try_from(before).ok()?)?;
        let after = there.get(there.len() - usize::try_from(after).ok()?..)?;
        let bytes = [before, part.bytes.as_ref(), after].concat();
        Some(Part { begin: wanted.start.min(place.begin), bytes: bytes.into() })
    }

    fn begin(&self, next: &mut FileNumber) -> io::Result<Current> {
        let number = *next;
        *next += 1;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(self.path(number))?;
        let file = Arc::new(file);
        self.index.lock().add_file(number, Arc::clone(&file));
        Ok(Current { number, file, bytes: 0 })
    }
}

/// Blocks in records that leave a file its share, as long as more than one is in it.
fn records(blocks: &[(BlockKey, Part)], share: u64) -> Vec<&[(BlockKey, Part)]> {
    let mut records = Vec::new();
    let mut rest = blocks;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = |(_, part): &&(BlockKey, Part)| {
            bytes += part.bytes.len();
            segment::record_bytes(segment::BLOCKS_MAX, bytes) <= share
        };
        let count = rest.iter().take(segment::BLOCKS_MAX).take_while(fits).count().max(1);
        let (record, others) = rest.split_at(count);
        records.push(record);
        rest = others;
    }
    records
}

fn number_of(path: &Path) -> Option<FileNumber> {
    let name = path.file_stem().and_then(|name| name.to_str())?;
    let is_ours = path.extension().is_some_and(|ending| ending == ENDING) && name.len() == 16;
    is_ours.then(|| u64::from_str_radix(name, 16).ok()).flatten()
}

/// A file that cannot be removed is one that is gone, or that the next start removes.
fn remove_file(path: &Path) {
    let _ = fs::remove_file(path);
}
