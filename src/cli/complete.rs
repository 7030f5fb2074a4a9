//! Shell completions and man pages, made from the command line's own definition.

use std::{io, path::PathBuf};

use clap::{Args, CommandFactory as _, Subcommand};
use clap_complete::Shell;

use super::{Cli, CliError, ExitStatus};

#[derive(Debug, Args)]
pub(super) struct GenerateArgs {
    #[command(subcommand)]
    what: Generate,
}

#[derive(Debug, Subcommand)]
enum Generate {
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Write man pages
    Man {
        /// Directory to write them to
        directory: PathBuf,
    },
}

impl GenerateArgs {
    pub(super) fn run(self) -> Result<ExitStatus, CliError> {
        let mut command = Cli::command();
        match self.what {
            Generate::Completions { shell } => {
                clap_complete::generate(shell, &mut command, "ringtap", &mut io::stdout());
            }
            Generate::Man { directory } => {
                let written = std::fs::create_dir_all(&directory)
                    .and_then(|()| clap_mangen::generate_to(command, &directory));
                written.map_err(|source| CliError::Sink {
                    destination: directory.display().to_string(),
                    source,
                })?;
            }
        }
        Ok(ExitStatus::Ok)
    }
}
