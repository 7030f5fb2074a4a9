//! Changes on their way from an auditor to the owner, with the schema that they were decoded with.

mod change;
mod table;

use std::{collections::HashMap, sync::Arc};

use cassandra_commitlog::{Position, schema::TableSchema, types::murmur3_token};

use super::{
    error::{RecordError, RecordErrorKind, RecordTopic},
    wire::{Piece, Reader, Writer, read_record},
};
use crate::{
    change::Change,
    cluster::names::{Generation, HostId, Session, Token},
    record::RecordPlace,
};

const CHANGE: u8 = 0x30;

/// A change that stands in an auditor's log and not in the ledger, for the token's owner to publish.
///
/// The owner encodes it with the schema that comes with it, never with its own: the log of another node may be before or
/// behind a change of the schema. Only what the node has made durable is sent, so that no `early` goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayRecord<'a> {
    /// The auditor's node.
    pub from: HostId,
    /// Session of the owner that it is meant for.
    pub owner_session: Session,
    /// Generation of the owner that it is meant for.
    pub generation: Generation,
    /// Where the change stands in the log of `from`.
    pub place: RecordPlace,
    /// The change. All its cells have its time.
    pub change: Change<'a>,
}

/// Reads relay records, and remembers the tables' definitions: the same bytes give the same schema, so that what others
/// keep for it (texts, topics) is kept too.
#[derive(Debug, Default)]
pub struct RelayDecoder {
    tables: HashMap<Box<[u8]>, Arc<TableSchema>, foldhash::fast::RandomState>,
}

/// Definitions that are remembered. When there are more, all are forgotten: it costs as much as reading each once.
const TABLES_MAX: usize = 256;
/// A definition of more bytes is not remembered.
const TABLE_BYTES_MAX: usize = 64 << 10;

impl<'a> RelayRecord<'a> {
    /// Returns the keyspace that the change is in.
    pub fn keyspace(&self) -> &str {
        self.change.table.keyspace()
    }

    /// Returns the token of the change's partition key.
    pub fn token(&self) -> Token {
        Token(murmur3_token(self.change.partition_key))
    }

    /// Appends the record's bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let Self { from, owner_session, generation, place, change } = self;
        let columns = table::Columns::of(change);
        let mut definition = Vec::new();
        table::write(&change.table, &columns, &mut Writer::part(&mut definition));
        let mut writer = Writer::record(RecordTopic::Relay, CHANGE, out);
        writer.host(*from);
        writer.session(*owner_session);
        writer.u32(generation.0);
        writer.i64(place.position.segment);
        writer.u64(place.position.offset);
        writer.u32(place.index);
        writer.bytes(&definition);
        change::write(change, &columns, &mut writer);
    }

    /// Reads a record's bytes, all of them. Who reads more than one uses a [`RelayDecoder`].
    pub fn decode(bytes: &'a [u8]) -> Result<Self, RecordError> {
        RelayDecoder::new().decode(bytes)
    }
}

impl RelayDecoder {
    /// Makes one that remembers nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a record's bytes, all of them.
    pub fn decode<'a>(&mut self, bytes: &'a [u8]) -> Result<RelayRecord<'a>, RecordError> {
        read_record(RecordTopic::Relay, bytes, |kind, reader| {
            if kind != CHANGE {
                return Err(RecordErrorKind::UnknownKind(kind));
            }
            Ok(RelayRecord {
                from: reader.host()?,
                owner_session: reader.session()?,
                generation: Generation(reader.u32()?),
                place: read_place(reader)?,
                change: change::read(&self.table(reader)?, reader)?,
            })
        })
    }

    fn table(&mut self, reader: &mut Reader<'_>) -> Piece<Arc<TableSchema>> {
        let bytes = reader.bytes()?;
        if let Some(known) = self.tables.get(bytes) {
            return Ok(Arc::clone(known));
        }
        let table = Arc::new(table::read(bytes)?);
        if bytes.len() <= TABLE_BYTES_MAX {
            if self.tables.len() >= TABLES_MAX {
                self.tables.clear();
            }
            self.tables.insert(bytes.into(), Arc::clone(&table));
        }
        Ok(table)
    }
}

fn read_place(reader: &mut Reader<'_>) -> Piece<RecordPlace> {
    let position = Position { segment: reader.i64()?, offset: reader.u64()? };
    Ok(RecordPlace { position, index: reader.u32()? })
}
