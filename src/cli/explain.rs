//! stub
use clap::Args;
use super::{CliError, ExitStatus};
#[derive(Debug, Args)]
pub(super) struct ExplainArgs {}
impl ExplainArgs { pub(super) fn run(self) -> Result<ExitStatus, CliError> { Ok(ExitStatus::Ok) } }
