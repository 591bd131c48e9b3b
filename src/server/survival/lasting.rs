//! Memory that outlives the process: a file in memory, which the keeper has open, too.
//!
//! ```text
//!   | mark, format, what counts, likeness | area 0 | area 1 |
//! ```
//!
//! What counts is one number, so that it changes at once: whenever the process is killed, all that it says is there.

use std::{
    fs::File,
    io,
    sync::atomic::{AtomicU64, Ordering},
};

use memmap2::{Mmap, MmapMut, MmapOptions};
use rustix::fs::{FallocateFlags, fallocate, ftruncate};

use crate::keeper::memory_file;

/// What a journal begins with.
const MARK: &[u8; 8] = b"AB-JNL\r\n";

/// The format of journals: to be raised when records, or how a hub takes them, change.
const FORMAT: u32 = 1;

/// Bytes before the areas: a page, so that they begin at one.
const HEADER: usize = 4096;

/// Where it stands what counts.
const COMMITTED: usize = 16;

/// Where the likeness begins, behind its length.
const LIKENESS: usize = 32;

/// Bytes of an area: four of the largest snapshots. Only what was written takes memory.
const AREA: usize = 64 << 20;

/// Bytes of an area that are left in memory when it does not count any more, for they are soon written again.
const LEFT: usize = 8 << 20;

/// Bit of what counts that tells the area.
const SECOND: u64 = 1 << 63;

/// The memory of one journal.
pub struct Lasting {
    map: MmapMut,
    file: File,
    area: usize,
    length: usize,
}

impl Lasting {
    /// Memory of which nothing counts yet, and its file.
    pub fn new(likeness: &str) -> io::Result<(Self, File)> {
        let file = memory_file("acebase-ipc-journal")?;
        ftruncate(&file, (HEADER + 2 * AREA) as u64)?;
        // SAFETY: the file is this process's and the keeper's, which does not look into it, and nobody makes it
        // shorter.
        let mut map = unsafe { MmapOptions::new().map_mut(&file)? };
        let likeness = cut(likeness);
        map[..8].copy_from_slice(MARK);
        map[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        map[LIKENESS - 4..LIKENESS].copy_from_slice(&(likeness.len() as u32).to_le_bytes());
        map[LIKENESS..LIKENESS + likeness.len()].copy_from_slice(likeness);
        Ok((Self { map, file: file.try_clone()?, area: 0, length: 0 }, file))
    }

    pub fn area(&mut self, area: usize) -> &mut [u8] {
        let start = start_of(area);
        &mut self.map[start..start + AREA]
    }

    pub fn commit(&mut self, area: usize, length: usize) {
        self.store(length as u64 | if area == 0 { 0 } else { SECOND });
        let (before, was) = (std::mem::replace(&mut self.area, area), std::mem::replace(&mut self.length, length));
        if before != area && was > LEFT {
            let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            // If that cannot be, the memory is taken on.
            let _ = fallocate(&self.file, flags, (start_of(before) + LEFT) as u64, (AREA - LEFT) as u64);
        }
    }

    pub fn close(&mut self) {
        self.store(0);
    }

    fn store(&mut self, committed: u64) {
        let at: *mut u64 = self.map[COMMITTED..].as_mut_ptr().cast();
        // SAFETY: it lies within the map, at a multiple of eight from the beginning of a page, and nobody else in this
        // process has it meanwhile.
        let word = unsafe { AtomicU64::from_ptr(at) };
        // What was written before is there before.
        word.store(committed.to_le(), Ordering::Release);
    }
}

/// A journal that a process has left.
pub struct Left(Mmap);

/// What is found in a file that was left.
pub enum Content<'a> {
    /// It is none of a journal of this format.
    Foreign,
    /// The server was of another version, or otherwise configured.
    Unlike,
    /// It came to an orderly end.
    Nothing,
    /// What counts.
    Journal(&'a [u8]),
}

impl Left {
    pub fn open(file: &File) -> io::Result<Self> {
        // SAFETY: whoever wrote it is gone, and the keeper does not look into it.
        Ok(Self(unsafe { Mmap::map(file)? }))
    }

    pub fn content(&self, likeness: &str) -> Content<'_> {
        let map = &self.0;
        let number = |at: usize| map.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
        if !map.starts_with(MARK) || number(8) != Some(FORMAT) {
            return Content::Foreign;
        }
        let length = number(LIKENESS - 4).unwrap_or_default() as usize;
        if map.get(LIKENESS..).and_then(|rest| rest.get(..length)) != Some(cut(likeness)) {
            return Content::Unlike;
        }
        let committed = map.get(COMMITTED..).and_then(|rest| rest.first_chunk()).map(|word| u64::from_le_bytes(*word));
        let committed = committed.unwrap_or_default();
        let length = usize::try_from(committed & !SECOND).unwrap_or(usize::MAX);
        let start = start_of(usize::from(committed & SECOND != 0));
        match map.get(start..).and_then(|area| area.get(..length)) {
            Some([]) => Content::Nothing,
            Some(journal) => Content::Journal(journal),
            None => Content::Foreign,
        }
    }
}

fn start_of(area: usize) -> usize {
    HEADER + area * AREA
}

/// As much of a likeness as there is room for.
fn cut(likeness: &str) -> &[u8] {
    &likeness.as_bytes()[..likeness.len().min(HEADER - LIKENESS)]
}
