//! Tests of the program as it is run: one binary, so that it is linked once.

mod golden;
mod golden_dump;
mod golden_exceptions;
mod golden_replay;
