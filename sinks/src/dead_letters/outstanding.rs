//! Which letters of the dead-letter topic are still to be settled: each once, and none that was replayed.

use std::collections::HashSet;

use event::{DeadLetter, LetterId, LetterRecord};

/// Goes twice over the topic's records: first it notes what was replayed, then it tells the letters.
#[derive(Debug, Default)]
pub struct Outstanding {
    settled: HashSet<LetterId>,
    unreadable: usize,
}

impl Outstanding {
    /// Takes a record of the first pass.
    pub fn note(&mut self, record: &[u8]) {
        match LetterRecord::parse(record) {
            Ok(LetterRecord::Replayed(id)) => drop(self.settled.insert(id)),
            Ok(LetterRecord::Letter(_)) => {}
            Err(_) => self.unreadable += 1,
        }
    }

    /// Takes a record of the second pass; the letter in it if it is to be settled and was not told before.
    pub fn letter(&mut self, record: &[u8]) -> Option<DeadLetter> {
        match LetterRecord::parse(record) {
            Ok(LetterRecord::Letter(letter)) => self.settled.insert(letter.id()).then_some(letter),
            _ => None,
        }
    }

    /// Records of the first pass that were neither letters nor marks.
    pub fn unreadable(&self) -> usize {
        self.unreadable
    }
}
