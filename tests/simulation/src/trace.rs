//! What happened, step by step: a digest always, readable text on demand.

use std::fmt::Write as _;

use crate::random::scramble;

/// The steps of a schedule.
#[derive(Debug, Default)]
pub struct Trace {
    digest: u64,
    steps: u64,
    text: Option<String>,
}

/// Kinds of steps. Their order is part of the digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the text of each step says more")]
pub enum Step {
    Write,
    Logged,
    Placement,
    Node,
    Start,
    Stop,
    Pause,
    Fault,
    Effect,
    OwnersRead,
    OwnersAtEnd,
    LedgerRead,
    LedgerAtEnd,
    LedgerAtStableEnd,
    Head,
    Audit,
    Relayed,
    Answer,
    Landed,
    Decided,
    Marked,
    Checkpoint,
    Released,
    Calm,
    Told,
}

impl Trace {
    /// Makes one that also keeps the text.
    pub fn readable() -> Self {
        Self { text: Some(String::new()), ..Self::default() }
    }

    /// Notes a step: its numbers go into the digest, `text` is asked only if the trace is readable.
    pub fn note(&mut self, now: u64, step: Step, numbers: [u64; 3], text: impl FnOnce() -> String) {
        self.steps += 1;
        let [first, second, third] = numbers;
        for number in [now, step as u64, first, second, third] {
            self.digest = scramble(self.digest.rotate_left(23) ^ number);
        }
        if let Some(kept) = &mut self.text {
            // Writing to a string does not fail.
            let _ = writeln!(kept, "{now:>7} {step:?}: {}", text());
        }
    }

    /// Returns a number that differs if any step does.
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// Returns how many steps there were.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Returns the text, if it was kept.
    pub fn into_text(self) -> String {
        self.text.unwrap_or_default()
    }
}
