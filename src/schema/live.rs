//! The agent's catalogue: follows the log, is kept on disk, and asks the node where the log does not say enough.

mod asked;
mod snapshot;
mod source;
mod store;
#[cfg(test)]
mod tests;

use std::{path::PathBuf, sync::Arc, time::Duration};

use cassandra_commitlog::{
    Position,
    decode::{MutationError, MutationErrorKind},
    mutation::Mutation,
    schema::{SchemaLookup, TableId, TableSchema},
};
use thiserror::Error;
use uuid::Uuid;

use self::{
    asked::{Asked, Backoff},
    store::{SnapshotStore, StoredSnapshot},
};
pub use self::{
    snapshot::SnapshotError,
    source::{NodeSource, SchemaSource},
    store::StoreError,
};
use super::{Catalogue, SchemaChange, Seed, creations, is_system_keyspace, node::NodeError};
use crate::checkpoint::Progress;

/// Snapshots on disk beyond which [`LiveSchema::is_crowded`] asks for a durable checkpoint.
const SNAPSHOTS_CROWDED: usize = 32;

/// The agent's schema: a [`Catalogue`] that survives restarts and goes back when the agent does.
///
/// - Every mutation goes through [`apply`](Self::apply). Before a batch is handed to the sink,
///   [`save`](Self::save) makes what changed durable, so that no position is ever committed whose schema is not on
///   disk.
/// - A restart ([`open`](Self::open)) or an abort ([`rewind`](Self::rewind)) takes the snapshot of the position from
///   which the log is read again: the schema, and which changes of it are news, are as they were there.
/// - Once a progress is durable on this machine, [`forget_before`](Self::forget_before) removes the snapshots that no
///   restart can want any more. It is called before a segment is forgotten in the progress.
/// - The node is asked at the first start, for tables and columns that the log does not explain
///   ([`unknown`](Self::unknown)), after a loss of segments ([`gap`](Self::gap)), and at intervals to see whether the
///   log told everything ([`check`](Self::check)). All of these block for the time-outs of the source at most. With
///   a snapshot everything else works while the node is down.
pub struct LiveSchema {
    catalogue: Catalogue,
    store: SnapshotStore,
    source: Box<dyn SchemaSource>,
    origin: Origin,
    /// Which snapshot the catalogue is, unless it changed since.
    saved: Option<u64>,
    asked: Asked,
    backoff: Backoff,
    checked: Checked,
}

/// What [`LiveSchema::open`] or [`LiveSchema::rewind`] started from.
#[derive(Debug)]
#[non_exhaustive]
pub enum Origin {
    /// There is no snapshot: the node must be asked.
    Nothing,
    /// The snapshot that was taken behind this position, the newest one that the progress covers.
    Snapshot(Position),
    /// All snapshots are of later positions; the oldest serves as the node's own word would.
    LaterSnapshot(Position),
    /// The snapshot that is wanted is damaged: the node must be asked. An earlier one, if there is, gives what is
    /// known of old tables.
    Damaged(SnapshotError),
}

/// What came of asking the node for what an entry needs.
#[derive(Debug, Clone)]
pub enum Ask {
    /// The catalogue knows more than before: the entry is to be decoded again, once.
    Learned,
    /// The node does not know it either, or did not a short while ago: the entry is to be put aside.
    StillUnknown,
    /// The node does not answer, or did not a short while ago. The entry is to be tried again after this time, or put
    /// aside when that has gone on for too long.
    Unreachable {
        /// When asking again makes sense.
        retry_after: Duration,
        /// Why; `None` if it was not asked again.
        error: Option<NodeError>,
    },
}

/// What [`LiveSchema::check`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// The catalogue is what the node has.
    Same,
    /// They differ; the node may just have changed. The next check decides.
    Suspicious,
    /// They differed twice, so the log lacked something: the catalogue is now what the node has.
    Mended(Vec<SchemaChange>),
}

/// Which versions of the node's schema were looked at.
#[derive(Debug, Default)]
struct Checked {
    same: Option<Uuid>,
    differing: Option<Uuid>,
}

/// Why the agent's schema could not be had or kept.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LiveSchemaError {
    /// The files could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The node could not be asked.
    #[error(transparent)]
    Node(#[from] NodeError),
}

impl LiveSchema {
    /// Opens the schema for reading the log from a progress. `directory` is made if need be.
    ///
    /// When [`needs_node`](Self::needs_node) is true afterwards, [`ask`](Self::ask) must have worked before the log
    /// is read.
    pub fn open(
        directory: impl Into<PathBuf>,
        at: &Progress,
        source: Box<dyn SchemaSource>,
    ) -> Result<Self, LiveSchemaError> {
        let mut live = Self {
            catalogue: Catalogue::new(),
            store: SnapshotStore::open(directory.into())?,
            source,
            origin: Origin::Nothing,
            saved: None,
            asked: Asked::default(),
            backoff: Backoff::default(),
            checked: Checked::default(),
        };
        live.load(at)?;
        Ok(live)
    }

    /// Goes back to the schema of the position from which the log is now read again.
    ///
    /// Everything up to `to` was [saved](Self::save) before it was committed; what came after it is forgotten.
    pub fn rewind(&mut self, to: &Progress) -> Result<(), LiveSchemaError> {
        let wanted = self.store.choose(to).map(|snapshot| snapshot.number);
        if wanted.is_some() && wanted == self.saved {
            return Ok(());
        }
        self.load(to)
    }

    /// Goes to the schema of another position of the log, back or forth, from which it is read next. Unlike after
    /// [`rewind`](Self::rewind), what came after it stays known, so that one can go there again: nothing may be
    /// [saved](Self::save) until the log is read as far as it was before.
    pub fn seek(&mut self, to: &Progress) -> Result<(), LiveSchemaError> {
        match self.store.choose(to) {
            Some(wanted) if self.saved == Some(wanted.number) => Ok(()),
            Some(wanted) => self.load_from(&wanted),
            None => self.load_later(),
        }
    }

    fn load(&mut self, at: &Progress) -> Result<(), LiveSchemaError> {
        let Some(wanted) = self.store.choose(at) else {
            return self.load_later();
        };
        self.store.remove_after(wanted.number)?;
        self.load_from(&wanted)
    }

    fn load_from(&mut self, wanted: &StoredSnapshot) -> Result<(), LiveSchemaError> {
        self.saved = None;
        self.checked = Checked::default();
        self.catalogue = Catalogue::new();
        let error = match wanted.read()? {
            Ok(catalogue) => {
                self.catalogue = catalogue;
                self.origin = Origin::Snapshot(wanted.position);
                self.saved = Some(wanted.number);
                return Ok(());
            }
            Err(error) => error,
        };
        for earlier in self.store.before(wanted) {
            if let Ok(catalogue) = earlier.read()? {
                self.catalogue = catalogue;
                break;
            }
        }
        self.origin = Origin::Damaged(error);
        Ok(())
    }

    /// Takes the oldest readable snapshot for a seed, though it is of a later position than the log is read from.
    fn load_later(&mut self) -> Result<(), LiveSchemaError> {
        self.saved = None;
        self.checked = Checked::default();
        self.catalogue = Catalogue::new();
        self.origin = Origin::Nothing;
        for later in self.store.all() {
            match later.read()? {
                Ok(catalogue) => {
                    self.catalogue.seed(&catalogue.to_seed());
                    self.origin = Origin::LaterSnapshot(later.position);
                    break;
                }
                Err(error) => self.origin = Origin::Damaged(error),
            }
        }
        self.store.remove_after(0)?;
        if matches!(self.origin, Origin::LaterSnapshot(_)) {
            self.store_catalogue(Position::START)?;
        }
        Ok(())
    }

    /// Returns what the schema started from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Returns true if the log cannot be read before the node was asked.
    pub fn needs_node(&self) -> bool {
        matches!(self.origin, Origin::Nothing | Origin::Damaged(_))
    }

    /// Asks the node for its schema as it stands and makes it durable; `at` is where the log is read from, or
    /// [`Position::START`]. Returns what the node has otherwise than an earlier snapshot had.
    ///
    /// On an error it is to be called again after [`retry_delay`](Self::retry_delay).
    pub fn ask(&mut self, at: Position) -> Result<Vec<SchemaChange>, LiveSchemaError> {
        let seed = self.fetch()?;
        let changes = if matches!(self.origin, Origin::Nothing) {
            self.catalogue.seed(&seed);
            Vec::new()
        } else {
            self.catalogue.replace(&seed, at)
        };
        self.store_catalogue(at)?;
        self.origin = Origin::Snapshot(at);
        Ok(changes)
    }

    /// Returns how long to wait before the node is asked again after it did not answer: 1 s first, up to a minute.
    pub fn retry_delay(&self) -> Duration {
        self.backoff.delay()
    }

    fn fetch(&mut self) -> Result<Seed, NodeError> {
        match self.source.schema() {
            Ok(seed) => {
                self.backoff.succeeded();
                Ok(seed)
            }
            Err(error) => {
                self.backoff.failed();
                Err(error)
            }
        }
    }

    /// Returns the catalogue as it stands.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// Returns the changes that make the schema as it stands, but for Cassandra's own keyspaces: for readers who were
    /// never told of it. Each has the newest write time in its keyspace.
    pub fn creations(&self) -> Vec<SchemaChange> {
        let seed = self.catalogue.to_seed();
        let mut changes = Vec::new();
        for keyspace in self.catalogue.keyspaces().filter(|keyspace| !is_system_keyspace(&keyspace.name)) {
            let written_at = seed.newest_time(&keyspace.name).max(0);
            changes
                .extend(creations(keyspace).into_iter().map(|change| SchemaChange { written_at, ..change }));
        }
        changes
    }

    /// Applies a mutation in the log's order, as [`Catalogue::apply`] does.
    pub fn apply(&mut self, mutation: &Mutation<'_>, position: Position) -> Vec<SchemaChange> {
        let revision = self.catalogue.revision();
        let changes = self.catalogue.apply(mutation, position);
        if self.catalogue.revision() != revision {
            self.saved = None;
            // What was not known may be known now.
            self.asked.forget();
        }
        changes
    }

    /// Makes durable what changed since the last time; to be called before what was read up to `read_to` may be
    /// committed. Costs nothing if the schema did not change.
    pub fn save(&mut self, read_to: Position) -> Result<(), LiveSchemaError> {
        if self.saved.is_none() {
            self.store_catalogue(read_to)?;
        }
        Ok(())
    }

    fn store_catalogue(&mut self, position: Position) -> Result<(), LiveSchemaError> {
        self.saved = Some(self.store.write(position, &self.catalogue)?);
        Ok(())
    }

    /// Removes the snapshots that no restart from `durable`, or from later, wants, and bounds the history in memory.
    pub fn forget_before(&mut self, durable: &Progress) -> Result<(), LiveSchemaError> {
        let Some(wanted) = self.store.choose(durable) else { return Ok(()) };
        self.store.remove_before(wanted.number)?;
        // Copies of older writes may still stand in the segment that is being read.
        self.catalogue.forget_before(Position { offset: 0, ..wanted.position });
        Ok(())
    }

    /// Returns true if so many snapshots are kept that a checkpoint should be made durable now, for
    /// [`forget_before`](Self::forget_before) to remove some.
    pub fn is_crowded(&self) -> bool {
        self.store.len() > SNAPSHOTS_CROWDED
    }

    /// Asks the node for the table that an entry could not be decoded for want of: once for each table, and again
    /// only after a while. `position` is the entry's.
    pub fn unknown(&mut self, error: &MutationError) -> Ask {
        let (MutationErrorKind::UnknownTable(id) | MutationErrorKind::UnknownColumn(id)) = error.kind()
        else {
            return Ask::StillUnknown;
        };
        if self.asked.recently(id) {
            return Ask::StillUnknown;
        }
        if let Some(retry_after) = self.backoff.wait() {
            return Ask::Unreachable { retry_after, error: None };
        }
        let seed = match self.fetch() {
            Ok(seed) => seed,
            Err(error) => return Ask::Unreachable { retry_after: self.backoff.delay(), error: Some(error) },
        };
        let before = self.catalogue.table(id).cloned();
        self.catalogue.seed(&seed.only_table(id, &self.catalogue));
        self.saved = None;
        self.asked.note(id);
        if self.catalogue.table(id).cloned() == before { Ask::StillUnknown } else { Ask::Learned }
    }

    /// Takes the node's schema after segments were lost, in which there may have been changes of it. `at` is where
    /// the log goes on. Returns what changed: the time of the changes is that of the newest in their keyspace.
    pub fn gap(&mut self, at: Position) -> Result<Vec<SchemaChange>, NodeError> {
        let seed = self.fetch()?;
        Ok(self.replace(&seed, at))
    }

    fn replace(&mut self, seed: &Seed, at: Position) -> Vec<SchemaChange> {
        self.saved = None;
        self.asked.forget();
        self.catalogue.replace(seed, at)
    }

    /// Compares the catalogue with the node's schema; to be called at intervals, when everything in the log has been
    /// read. Cheap while the version of the node's schema stays the same. `at` is how far the log has been read.
    pub fn check(&mut self, at: Position) -> Result<Check, NodeError> {
        let version = self.source.schema_version().inspect_err(|_| self.backoff.failed())?;
        if self.checked.same == Some(version) {
            return Ok(Check::Same);
        }
        let seed = self.fetch()?;
        if self.catalogue.agrees_with(&seed) {
            self.checked = Checked { same: Some(version), differing: None };
            return Ok(Check::Same);
        }
        if self.checked.differing != Some(version) {
            self.checked.differing = Some(version);
            return Ok(Check::Suspicious);
        }
        self.checked = Checked { same: Some(version), differing: None };
        Ok(Check::Mended(self.replace(&seed, at)))
    }
}

impl SchemaLookup for LiveSchema {
    fn table(&self, id: TableId) -> Option<&Arc<TableSchema>> {
        self.catalogue.table(id)
    }
}
