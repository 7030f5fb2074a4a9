//! One node's log with its schema: segments in order of their ids, mutations decoded with the schema that
//! stood at their position.

mod identity;
mod schema_touch;

use std::{ops::Range, path::PathBuf, sync::Arc};

use cassandra_commitlog::{
    Position,
    decode::{MutationDecoder, MutationError, Visitor},
    mutation::Mutation,
    segment::{
        Damage, DecoderOptions, Descriptor, Entry, KeyProvider, SegmentEnd, SegmentError, SegmentFileName,
    },
};

pub use self::identity::NodeIdentity;
use self::schema_touch::Watch;
use crate::{
    quarantine::Origins,
    schema::{Catalogue, SchemaChange},
    source::{Event, ReadError, SegmentFile, SegmentReader},
};

/// A node's segments, and what is known of its schema and of itself so far.
pub struct NodeLog {
    segments: Vec<SegmentFile>,
    reader: SegmentReader,
    catalogue: Catalogue,
    identity: NodeIdentity,
    within: Range<Position>,
    is_live: bool,
    gone: usize,
}

/// Something in a node's log, in the log's order.
#[derive(Debug)]
pub enum LogEvent<'e, 'a> {
    /// A segment begins.
    Segment {
        /// Its file.
        file: &'e SegmentFile,
        /// Its header.
        header: &'e Descriptor,
    },
    /// A mutation, decoded with the schema before it.
    Mutation(&'e LoggedMutation<'a>),
    /// An entry whose CRC holds, but that could not be decoded.
    Undecodable {
        /// The entry.
        entry: &'e Entry<'a>,
        /// Why.
        error: MutationError,
    },
    /// Something was passed over.
    Damage(&'e Damage),
    /// A segment ends: how far it goes, or why it could not be read.
    SegmentEnd {
        /// Its file.
        file: &'e SegmentFile,
        /// How it ended.
        outcome: Result<SegmentEnd, SegmentError>,
    },
}

/// A mutation at its place in the log.
#[derive(Debug)]
pub struct LoggedMutation<'a> {
    /// Its entry's logical end.
    pub position: Position,
    /// Bytes of the mutation.
    pub size: usize,
    /// Number of the mutation in its segment, from 0; counts those that could be decoded.
    pub number: u64,
    /// Name of the segment's file.
    pub segment: SegmentFileName,
    /// What it says.
    pub mutation: Mutation<'a>,
    /// What it changed in the schema.
    pub schema_changes: Vec<SchemaChange>,
}

impl NodeLog {
    /// Opens a node's log: its segments as [`find_segments`](crate::source::find_segments) gives them,
    /// keys for encrypted ones, and what is known of the schema before the log.
    pub fn new(segments: Vec<SegmentFile>, keys: Option<Arc<dyn KeyProvider>>, catalogue: Catalogue) -> Self {
        let options = DecoderOptions { keys, ..DecoderOptions::default() };
        let everything = Position::START..Position { segment: i64::MAX, offset: u64::MAX };
        let reader = SegmentReader::new(options);
        Self {
            segments,
            reader,
            catalogue,
            identity: NodeIdentity::default(),
            within: everything,
            is_live: false,
            gone: 0,
        }
    }

    /// Passes over segments that are gone when they are to be read: those of a node that runs are deleted meanwhile.
    pub fn pass_over_gone(&mut self) {
        self.is_live = true;
    }

    /// Returns how many segments were gone.
    pub fn gone(&self) -> usize {
        self.gone
    }

    /// Tells only of mutations that end in this range of positions. What is before it is read all the same,
    /// for the schema; what is behind it is not read.
    pub fn limit_to(&mut self, positions: Range<Position>) {
        self.within = positions;
    }

    /// Returns the schema as it stands after what was read.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// Returns what the log said of its node so far.
    pub fn identity(&self) -> &NodeIdentity {
        &self.identity
    }

    /// Returns the segments in order of their ids.
    pub fn segments(&self) -> &[SegmentFile] {
        &self.segments
    }

    /// Reads on until the log says which node it is of, then forgets what was read. Costs a few entries in a
    /// log that has a start of the node in it, all of it in one that has not.
    pub fn learn_identity(&mut self) -> Result<(), ReadError> {
        /// How much is read for it at most.
        const BYTES_MAX: u64 = 64 << 20;
        enum Stop {
            Known,
            Read(ReadError),
        }
        impl From<ReadError> for Stop {
            fn from(error: ReadError) -> Self {
                Self::Read(error)
            }
        }
        let seeded = self.catalogue.clone();
        let mut read = 0;
        let mut known = NodeIdentity::default();
        let stopped = self.read(|_, event| {
            if let LogEvent::Mutation(logged) = event {
                known.follow(&logged.mutation);
                read += logged.size as u64;
            }
            if known.is_complete() || read > BYTES_MAX { Err(Stop::Known) } else { Ok(()) }
        });
        self.catalogue = seeded;
        self.identity = known;
        match stopped {
            Ok(()) | Err(Stop::Known) => Ok(()),
            Err(Stop::Read(error)) => Err(error),
        }
    }

    /// Reads all segments and tells of each event, with the schema as it stands *after* the event. An error of
    /// `tell` ends it. A segment that can't be read is an event, and reading goes on with the next one; a
    /// file that can't be read is an error.
    pub fn read<E: From<ReadError>>(
        &mut self,
        mut tell: impl FnMut(&Context<'_>, LogEvent<'_, '_>) -> Result<(), E>,
    ) -> Result<(), E> {
        for file in self.segments.clone() {
            if file.name.id > self.within.end.segment {
                break;
            }
            if self.is_live && !file.path.exists() {
                self.gone += 1;
                continue;
            }
            self.read_segment(&file, &mut tell)?;
        }
        Ok(())
    }

    fn read_segment<E: From<ReadError>>(
        &mut self,
        file: &SegmentFile,
        tell: &mut impl FnMut(&Context<'_>, LogEvent<'_, '_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Self { reader, catalogue, identity, within, .. } = self;
        let origins = Origins::beside(&file.path, file.name).map_err(ReadError::from)?;
        let mut number = 0;
        let mut decoder = None;
        let read = reader.read(&file.path, Some(file.name), |event| {
            let entry = match event {
                Event::Header(header) => {
                    decoder = Some(MutationDecoder::new(header.version));
                    return tell(&Context { catalogue, identity }, LogEvent::Segment { file, header })
                        .map_err(Stop::Told);
                }
                Event::Damage(damage) => {
                    return tell(&Context { catalogue, identity }, LogEvent::Damage(damage))
                        .map_err(Stop::Told);
                }
                Event::Entry(entry) => entry,
            };
            let Some(decoder) = &mut decoder else { return Ok(()) };
            // A quarantined entry keeps the position that it had in its log.
            let Some(position) = origins.as_ref().map_or(Some(entry.position), |it| it.of(entry.position))
            else {
                return Ok(());
            };
            let is_within = within.contains(&position);
            match decoder.decode(entry.mutation, catalogue) {
                Ok(mutation) => {
                    let schema_changes = catalogue.apply(&mutation, position);
                    identity.follow(&mutation);
                    let size = entry.mutation.len();
                    let logged = LoggedMutation {
                        position,
                        size,
                        number,
                        segment: file.name,
                        mutation,
                        schema_changes,
                    };
                    number += 1;
                    if !is_within {
                        return Ok(());
                    }
                    tell(&Context { catalogue, identity }, LogEvent::Mutation(&logged)).map_err(Stop::Told)
                }
                Err(error) if is_within => {
                    let event = LogEvent::Undecodable { entry: &Entry { position, ..*entry }, error };
                    tell(&Context { catalogue, identity }, event).map_err(Stop::Told)
                }
                Err(_) => Ok(()),
            }
        });
        finish(file, read, |event| tell(&Context { catalogue, identity }, event))
    }

    /// Reads all segments without making trees of their mutations: a visitor is told of the parts, and
    /// `tell` of everything else. Much quicker than [`read`](Self::read).
    pub fn visit<E: From<ReadError>, V: for<'a> Visitor<'a>>(
        &mut self,
        visitor: &mut V,
        mut tell: impl FnMut(&mut V, VisitEvent<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        for file in self.segments.clone() {
            let Self { reader, catalogue, identity, .. } = self;
            let mut decoder = None;
            let read = reader.read(&file.path, Some(file.name), |event| {
                let event = match event {
                    Event::Header(header) => {
                        decoder = Some(MutationDecoder::new(header.version));
                        VisitEvent::Segment { file: &file, header }
                    }
                    Event::Damage(damage) => VisitEvent::Damage(damage),
                    Event::Entry(entry) => {
                        let Some(decoder) = &mut decoder else { return Ok(()) };
                        let mut watch = Watch::new(visitor);
                        let told = decoder.visit(entry.mutation, &*catalogue, &mut watch);
                        if watch.saw_system_table()
                            && let Ok(mutation) = decoder.decode(entry.mutation, catalogue)
                        {
                            catalogue.apply(&mutation, entry.position);
                            identity.follow(&mutation);
                        }
                        match told {
                            Ok(()) => VisitEvent::Mutation { size: entry.mutation.len() },
                            Err(error) => VisitEvent::Undecodable { entry, error },
                        }
                    }
                };
                tell(visitor, event).map_err(Stop::Told)
            });
            finish(&file, read, |event| match event {
                LogEvent::SegmentEnd { file, outcome } => {
                    tell(visitor, VisitEvent::SegmentEnd { file, outcome })
                }
                _ => Ok(()),
            })?;
        }
        Ok(())
    }
}

/// What is known when an event comes.
#[derive(Debug)]
pub struct Context<'e> {
    /// The schema as it stands after the event.
    pub catalogue: &'e Catalogue,
    /// The node, as far as the log told.
    pub identity: &'e NodeIdentity,
}

/// Something in a node's log that is visited.
#[derive(Debug)]
pub enum VisitEvent<'e> {
    /// A segment begins.
    Segment {
        /// Its file.
        file: &'e SegmentFile,
        /// Its header.
        header: &'e Descriptor,
    },
    /// A mutation ended; the visitor was told of its parts.
    Mutation {
        /// Bytes of the mutation.
        size: usize,
    },
    /// An entry whose CRC holds, but that could not be decoded. The visitor may have been told of a part.
    Undecodable {
        /// The entry.
        entry: &'e Entry<'e>,
        /// Why.
        error: MutationError,
    },
    /// Something was passed over.
    Damage(&'e Damage),
    /// A segment ends: how far it goes, or why it could not be read.
    SegmentEnd {
        /// Its file.
        file: &'e SegmentFile,
        /// How it ended.
        outcome: Result<SegmentEnd, SegmentError>,
    },
}

/// Why the reading of a segment stopped.
enum Stop<E> {
    Read(ReadError),
    Told(E),
}

impl<E> From<ReadError> for Stop<E> {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

/// Tells how a segment ended; only a file that can't be read is an error.
fn finish<E: From<ReadError>>(
    file: &SegmentFile,
    read: Result<SegmentEnd, Stop<E>>,
    tell: impl FnOnce(LogEvent<'_, '_>) -> Result<(), E>,
) -> Result<(), E> {
    let outcome = match read {
        Ok(end) => Ok(end),
        Err(Stop::Read(ReadError::Segment { source, .. })) => Err(source),
        Err(Stop::Read(error)) => return Err(error.into()),
        Err(Stop::Told(error)) => return Err(error),
    };
    tell(LogEvent::SegmentEnd { file, outcome })
}

/// Where a node's log lies, for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodePaths {
    /// Name of the node, if one was given.
    pub name: Option<Box<str>>,
    /// Files and directories.
    pub paths: Vec<PathBuf>,
}
