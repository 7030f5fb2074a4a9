//! Waiting until everything that was acknowledged so far has arrived.

use std::{
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result};

use crate::verify::Follower;

/// Follows a journal, and asks for what it says.
#[derive(Debug)]
pub(super) struct Settlement {
    journal: PathBuf,
    read: u64,
    /// Values that were acknowledged and have not been seen yet.
    waiting: Vec<String>,
}

impl Settlement {
    pub(super) fn new(journal: &Path) -> Self {
        Self { journal: journal.to_owned(), read: 0, waiting: Vec::new() }
    }

    /// Waits for all values that were acknowledged so far; says in words what is wrong.
    pub(super) fn settle(&mut self, follower: &Follower, within: Duration) -> Result<Option<String>> {
        self.read_acknowledged()?;
        let missing = follower.wait_for(&self.waiting, within);
        let waited = self.waiting.len();
        self.waiting.clone_from(&missing);
        if let Some(first) = missing.first() {
            let times = format!("{} of {waited} values did not arrive within {within:?}", missing.len());
            return Ok(Some(format!("{times}, as {first}")));
        }
        let arrivals = follower.arrivals();
        Ok(arrivals
            .repeated
            .first()
            .map(|first| format!("{} values came twice, as {first}", arrivals.repeated.len())))
    }

    fn read_acknowledged(&mut self) -> Result<()> {
        let mut file = File::open(&self.journal).with_context(|| self.journal.display().to_string())?;
        file.seek(SeekFrom::Start(self.read))?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        // The load may be writing: only whole lines.
        let whole = text.rfind('\n').map_or("", |end| text.get(..=end).unwrap_or_default());
        self.read += whole.len() as u64;
        for line in whole.lines() {
            if let Some((_, values)) = line.strip_prefix("a@").and_then(|rest| rest.split_once(' ')) {
                self.waiting.extend(values.split(' ').map(str::to_owned));
            }
        }
        Ok(())
    }
}
