//! The `ringtap` program: parses the command line, runs the command, gives its exit code.

use std::process::ExitCode;

use clap::Parser as _;
use ringtap::cli::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}
