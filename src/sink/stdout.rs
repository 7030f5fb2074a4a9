//! Records on stdout, a line each.

use std::io::{self, BufWriter, StdoutLock, Write as _};

use super::{Sink, Subject};

/// Writes the records' values to stdout.
pub struct StdoutSink {
    out: BufWriter<StdoutLock<'static>>,
}

impl StdoutSink {
    /// Locks stdout.
    pub fn new() -> Self {
        Self { out: BufWriter::with_capacity(1 << 16, io::stdout().lock()) }
    }
}

impl Default for StdoutSink {
    fn default() -> Self {
        Self::new()
    }
}

impl Sink for StdoutSink {
    fn write(&mut self, _: Subject<'_>, _: &str, line: &str) -> io::Result<()> {
        self.out.write_all(line.as_bytes())?;
        self.out.write_all(b"\n")
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn name(&self) -> String {
        "stdout".into()
    }
}
