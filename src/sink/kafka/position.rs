//! The positions record: how far a log has been published.

use std::str::FromStr as _;

use serde::{Deserialize, Serialize};

use crate::checkpoint::{Progress, ProgressError};

/// The format written; a greater one is refused.
const FORMAT: u32 = 1;

/// The value of a record in the positions topic: all that is needed to go on, in the same transaction as what was
/// published up to it.
///
/// As text it is one JSON object:
/// `{"format":1,"progress":"<Progress>","cluster":…,"host_id":…,"session":…,"agent":"<version>"}`. Readers refuse a
/// greater `format`, and ignore fields that they don't know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredPosition {
    /// How far the log has been published.
    pub progress: Progress,
    /// Name of the Cassandra cluster.
    pub cluster: Option<Box<str>>,
    /// Host id of the node whose log it is.
    pub host_id: Option<Box<str>>,
    /// Which run of the agent wrote it.
    pub session: Option<Box<str>>,
    /// Version of the program that wrote it.
    pub agent: Box<str>,
}

/// Why a value is not a position.
#[derive(Debug, thiserror::Error)]
pub enum PositionError {
    /// It is not the JSON that is expected.
    #[error("not a position record: {0}")]
    Json(#[from] serde_json::Error),
    /// A later version of the program wrote it.
    #[error("format {0} is newer than this program, which knows {FORMAT}: update it")]
    Format(u32),
    /// Its progress can't be read.
    #[error(transparent)]
    Progress(#[from] ProgressError),
}

#[derive(Serialize, Deserialize)]
struct Value<'v> {
    format: u32,
    #[serde(default)]
    progress: String,
    #[serde(default)]
    cluster: Option<Box<str>>,
    #[serde(default)]
    host_id: Option<Box<str>>,
    #[serde(default)]
    session: Option<Box<str>>,
    #[serde(default, borrow)]
    agent: std::borrow::Cow<'v, str>,
}

impl StoredPosition {
    /// Makes the position of a run of this version.
    pub fn new(progress: Progress) -> Self {
        Self { progress, agent: env!("CARGO_PKG_VERSION").into(), ..Self::default() }
    }

    /// Writes the record's value.
    pub fn to_json(&self) -> String {
        let value = Value {
            format: FORMAT,
            progress: self.progress.to_string(),
            cluster: self.cluster.clone(),
            host_id: self.host_id.clone(),
            session: self.session.clone(),
            agent: (&*self.agent).into(),
        };
        // Strings and a number: there is nothing in it that JSON can't say.
        serde_json::to_string(&value).unwrap_or_default()
    }

    /// Reads a record's value.
    pub fn from_json(json: &[u8]) -> Result<Self, PositionError> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let Head { format } = serde_json::from_slice(json)?;
        if format != FORMAT {
            return Err(PositionError::Format(format));
        }
        let Value { progress, cluster, host_id, session, agent, .. } = serde_json::from_slice(json)?;
        let progress = Progress::from_str(&progress)?;
        Ok(Self { progress, cluster, host_id, session, agent: agent.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_read_back() {
        let position = StoredPosition {
            cluster: Some("Test \"Cluster\"".into()),
            host_id: Some("6a".into()),
            ..StoredPosition::new("5-7,8=17".parse().unwrap())
        };
        let json = position.to_json();
        assert_eq!(
            json,
            format!(
                r#"{{"format":1,"progress":"5-7,8=17","cluster":"Test \"Cluster\"","host_id":"6a","session":null,"agent":"{}"}}"#,
                env!("CARGO_PKG_VERSION")
            )
        );
        assert_eq!(StoredPosition::from_json(json.as_bytes()).unwrap(), position);
    }

    #[test]
    fn what_a_later_version_wrote_is_refused_and_not_guessed_at() {
        let read = |json: &str| StoredPosition::from_json(json.as_bytes());
        assert!(matches!(read(r#"{"format":2,"progress":["?"]}"#), Err(PositionError::Format(2))));
        assert!(matches!(read(r#"{"format":0,"progress":""}"#), Err(PositionError::Format(0))));
        assert!(matches!(read(r#"{"format":1,"progress":"x"}"#), Err(PositionError::Progress(_))));
        for wrong in ["", "{}", "5=1", r#"{"format":"1"}"#] {
            assert!(matches!(read(wrong), Err(PositionError::Json(_))), "{wrong}");
        }
        assert!(read(r#"{"format":1,"progress":"5=1","more":true}"#).is_ok());
    }
}
