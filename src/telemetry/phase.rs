//! Which step each of the agent's threads is in, kept in a file for whoever kills the agent on purpose.
//!
//! A debugging aid: it is on only when [`PHASE_FILE_VARIABLE`] names a file. The file has one byte for each thread, written
//! in place when the step changes, so that what the file says after a `kill -9` is where the kill struck.

use std::{
    env,
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt as _,
    path::Path,
};

/// The environment variable that names the file.
pub const PHASE_FILE_VARIABLE: &str = "RINGTAP_PHASE_FILE";

/// A step of the agent's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// Waits for something to do.
    Idle,
    /// Reads, decodes and encodes.
    Reading,
    /// Makes the local state durable.
    Checkpoint,
    /// Deletes, moves or forgets finished segments.
    Release,
    /// Hands records to the producer.
    Sending,
    /// Has a transaction open, and waits for more records or for the broker's answers.
    TransactionOpen,
    /// Commits a transaction.
    Committing,
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Idle,
        Self::Reading,
        Self::Checkpoint,
        Self::Release,
        Self::Sending,
        Self::TransactionOpen,
        Self::Committing,
    ];

    /// Returns the byte that stands for it.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Idle => b'.',
            Self::Reading => b'r',
            Self::Checkpoint => b'k',
            Self::Release => b'd',
            Self::Sending => b's',
            Self::TransactionOpen => b't',
            Self::Committing => b'c',
        }
    }

    /// Returns what a byte stands for.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.byte() == byte)
    }

    /// Returns its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Reading => "reading",
            Self::Checkpoint => "checkpoint",
            Self::Release => "release",
            Self::Sending => "sending",
            Self::TransactionOpen => "transaction open",
            Self::Committing => "committing",
        }
    }
}

/// A thread that has steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// The one that reads the log, keeps the state and releases segments.
    Reading,
    /// The one that speaks with Kafka.
    Sending,
}

impl Lane {
    /// Number of lanes: the length of the file in bytes.
    pub const COUNT: usize = 2;

    const fn offset(self) -> u64 {
        match self {
            Self::Reading => 0,
            Self::Sending => 1,
        }
    }
}

/// Notes the steps of one thread.
#[derive(Debug)]
pub struct PhaseMark {
    file: Option<File>,
    lane: Lane,
    last: Phase,
}

impl PhaseMark {
    /// Opens the file that the environment names; without one, nothing is noted.
    pub fn from_environment(lane: Lane) -> io::Result<Self> {
        match env::var_os(PHASE_FILE_VARIABLE) {
            Some(path) => Self::open(Path::new(&path), lane),
            None => Ok(Self { file: None, lane, last: Phase::Idle }),
        }
    }

    /// Opens a file, made if it is not there.
    pub fn open(path: &Path, lane: Lane) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        file.write_all_at(&[Phase::Idle.byte()], lane.offset())?;
        Ok(Self { file: Some(file), lane, last: Phase::Idle })
    }

    /// Notes that the thread begins a step.
    ///
    /// A failure to write is not the agent's concern and goes unsaid: the file is for a test that looks at it.
    #[inline]
    pub fn set(&mut self, phase: Phase) {
        let Some(file) = &self.file else { return };
        if self.last == phase {
            return;
        }
        self.last = phase;
        let _ = file.write_all_at(&[phase.byte()], self.lane.offset());
    }
}

/// Reads which step each thread is in, by [`Lane`]; `None` for one that has not begun.
pub fn read_phases(file: &File) -> io::Result<[Option<Phase>; Lane::COUNT]> {
    let mut bytes = [0; Lane::COUNT];
    let read = file.read_at(&mut bytes, 0)?;
    let mut phases = [None; Lane::COUNT];
    for (phase, byte) in phases.iter_mut().zip(bytes.into_iter().take(read)) {
        *phase = Phase::from_byte(byte);
    }
    Ok(phases)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_says_the_last_step_of_each_thread() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("phase");
        let mut sending = PhaseMark::open(&path, Lane::Sending).unwrap();
        let file = File::open(&path).unwrap();
        assert_eq!(read_phases(&file).unwrap(), [None, Some(Phase::Idle)]);

        let mut reading = PhaseMark::open(&path, Lane::Reading).unwrap();
        for phase in Phase::ALL {
            sending.set(phase);
            assert_eq!(read_phases(&file).unwrap(), [Some(Phase::Idle), Some(phase)]);
        }
        reading.set(Phase::Release);
        assert_eq!(read_phases(&file).unwrap(), [Some(Phase::Release), Some(Phase::Committing)]);
    }
}
