//! A disk that fails when it is told to.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};

use eventlog::embedded::{Config, Disk, Options, OsDisk};

#[derive(Default)]
pub(crate) struct FaultyDisk {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// How the next write fails, and how many bytes it writes before.
    write_fault: Option<(ErrorKind, usize)>,
    sync_fault: Option<ErrorKind>,
    dir_sync_fault: Option<ErrorKind>,
    hold_syncs: bool,
    syncs: usize,
    /// How many bytes may still be written.
    room: Option<u64>,
}

impl FaultyDisk {
    pub(crate) fn options(self: &Arc<Self>) -> Options {
        Options { disk: self.clone(), ..Options::from(Config::default()) }
    }

    pub(crate) fn fail_next_write(&self, kind: ErrorKind, after_bytes: usize) {
        self.state.lock().unwrap().write_fault = Some((kind, after_bytes));
    }

    pub(crate) fn fail_next_sync(&self, kind: ErrorKind) {
        self.state.lock().unwrap().sync_fault = Some(kind);
    }

    pub(crate) fn fail_next_dir_sync(&self, kind: ErrorKind) {
        self.state.lock().unwrap().dir_sync_fault = Some(kind);
    }

    /// Leaves so much room for all that is still to be written.
    pub(crate) fn set_room(&self, bytes: u64) {
        self.state.lock().unwrap().room = Some(bytes);
    }

    /// While held, no sync returns.
    pub(crate) fn hold_syncs(&self, hold: bool) {
        self.state.lock().unwrap().hold_syncs = hold;
        self.changed.notify_all();
    }

    pub(crate) fn syncs(&self) -> usize {
        self.state.lock().unwrap().syncs
    }
}

impl Disk for FaultyDisk {
    fn write_at(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        let fault = {
            let mut state = self.state.lock().unwrap();
            if let Some(room) = &mut state.room {
                match room.checked_sub(bytes.len() as u64) {
                    Some(left) => *room = left,
                    None => return Err(ErrorKind::StorageFull.into()),
                }
            }
            state.write_fault.take()
        };
        match fault {
            None => OsDisk.write_at(file, bytes, at),
            Some((kind, after_bytes)) => {
                OsDisk.write_at(file, &bytes[..after_bytes.min(bytes.len())], at)?;
                Err(kind.into())
            }
        }
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        state.syncs += 1;
        let mut state = self.changed.wait_while(state, |state| state.hold_syncs).unwrap();
        match state.sync_fault.take() {
            None => OsDisk.sync(file),
            Some(kind) => Err(kind.into()),
        }
    }

    fn sync_dir(&self, folder: &File) -> io::Result<()> {
        match self.state.lock().unwrap().dir_sync_fault.take() {
            None => OsDisk.sync_dir(folder),
            Some(kind) => Err(kind.into()),
        }
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        let room = self.state.lock().unwrap().room;
        room.map_or_else(|| OsDisk.free_bytes(dir), Ok)
    }
}
