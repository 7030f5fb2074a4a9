//! A progress bar on a terminal's stderr.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::source::SegmentFile;

/// Shows how many bytes of the segments were read, the rate and the time left; nothing unless stderr is a
/// terminal.
pub(super) struct Progress {
    bar: ProgressBar,
    finished_bytes: u64,
}

impl Progress {
    /// Starts for these segments. `shares_terminal` says that stdout's data goes to the same terminal, where a
    /// bar would only be in the way.
    pub(super) fn start(segments: &[SegmentFile], shares_terminal: bool) -> Self {
        let total = segments.iter().map(|segment| segment.bytes).sum();
        let visible =
            std::io::stderr().is_terminal() && !(shares_terminal && std::io::stdout().is_terminal());
        let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        let template = "{wide_bar} {binary_bytes}/{binary_total_bytes}, {binary_bytes_per_sec}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self { bar, finished_bytes: 0 }
    }

    /// Notes how far a segment was read.
    pub(super) fn within_segment(&self, offset: u64) {
        self.bar.set_position(self.finished_bytes + offset);
    }

    /// Notes that a segment is done.
    pub(super) fn segment_done(&mut self, segment: &SegmentFile) {
        self.finished_bytes += segment.bytes;
        self.bar.set_position(self.finished_bytes);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
