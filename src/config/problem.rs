//! What is wrong with a configuration, and where.

use std::{fmt, path::PathBuf};

use thiserror::Error;

/// Where a setting was given.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// In the configuration file, at this line.
    Line(usize),
    /// In an environment variable of this name.
    Environment(String),
    /// On the command line.
    Flag,
    /// In Cassandra's own configuration.
    CassandraYaml,
    /// Nowhere: it is what ringtap does if nobody says otherwise.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Environment(name) => write!(f, "${name}"),
            Self::Flag => f.write_str("command line"),
            Self::CassandraYaml => f.write_str("cassandra.yaml"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// One thing that is wrong, or that a person should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it was given.
    pub origin: Origin,
    /// The dotted key; empty if it is about the file as a whole.
    pub key: String,
    /// What is wrong and what to do. Never holds a secret.
    pub message: String,
}

impl Problem {
    /// Returns the line that a person reads: `FILE:LINE: KEY: MESSAGE`.
    pub fn text(&self, file: &std::path::Path) -> String {
        let file = file.display();
        let place = match &self.origin {
            Origin::Line(line) => format!("{file}:{line}"),
            Origin::Environment(name) => format!("${name}"),
            Origin::Flag => "command line".to_owned(),
            Origin::CassandraYaml | Origin::Default => file.to_string(),
        };
        if self.key.is_empty() {
            format!("{place}: {}", self.message)
        } else {
            format!("{place}: {}: {}", self.key, self.message)
        }
    }
}

/// A configuration with which the agent does not start: everything that is wrong with it.
#[derive(Debug, Error)]
pub struct ConfigError {
    /// The configuration file.
    pub file: PathBuf,
    /// What is wrong, in order of the file. Never empty.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            f.write_str(&problem.text(&self.file))?;
        }
        Ok(())
    }
}
