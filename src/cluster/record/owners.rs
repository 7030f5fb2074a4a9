//! Bytes of the owners topic's records.

use super::{
    Claim, OwnersRecord,
    error::{RecordError, RecordErrorKind, RecordTopic},
    wire::{Piece, Reader, Writer, read_record},
};
use crate::cluster::names::{Generation, Keyspace, TokenRange};

const INIT: u8 = 0x10;
const HOST: u8 = 0x11;
const TOPIC: u8 = 0x12;
const OWN: u8 = 0x13;
const RELEASE: u8 = 0x14;
const WANT: u8 = 0x15;

/// Host id and session.
const FENCED_BYTES: usize = 16 + 8;
/// Two tokens, a generation of one byte.
const CLAIM_BYTES_MIN: usize = 8 + 8 + 1;
/// Two tokens, the longest generation.
const CLAIM_BYTES_MAX: usize = 8 + 8 + 5;
/// The longest number of claims, or length of a name.
const COUNT_BYTES_MAX: usize = 5;
/// Lengths of a name and a run.
const RUN_BYTES_MIN: usize = 2;

impl OwnersRecord {
    /// Appends the record's bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut writer = Writer::record(RecordTopic::Owners, self.kind(), out);
        match self {
            Self::Init { uuid, identity_version, hash_key } => {
                writer.u128(*uuid);
                writer.u16(*identity_version);
                writer.u64(*hash_key);
            }
            Self::Host { host, partition, settings, version } => {
                writer.host(*host);
                writer.i32(*partition);
                writer.u128(*settings);
                writer.text(version);
            }
            Self::Topic { name, partitions, replaces } => {
                writer.text(name);
                writer.i32(*partitions);
                writer.u8(u8::from(*replaces));
            }
            Self::Own { host, session, fenced, claims } => {
                writer.host(*host);
                writer.session(*session);
                writer.count(fenced.len());
                for (host, session) in fenced {
                    writer.host(*host);
                    writer.session(*session);
                }
                write_claims(claims, &mut writer);
            }
            Self::Release { host, session, claims } => {
                writer.host(*host);
                writer.session(*session);
                write_claims(claims, &mut writer);
            }
            Self::Want { host, claims } => {
                writer.host(*host);
                write_claims(claims, &mut writer);
            }
        }
    }

    /// Reads a record's bytes, all of them.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        read_record(RecordTopic::Owners, bytes, |kind, reader| {
            Ok(match kind {
                INIT => Self::Init {
                    uuid: reader.u128()?,
                    identity_version: reader.u16()?,
                    hash_key: reader.u64()?,
                },
                HOST => Self::Host {
                    host: reader.host()?,
                    partition: not_below(0, reader.i32()?, "a partition's number")?,
                    settings: reader.u128()?,
                    version: reader.text()?.into(),
                },
                TOPIC => Self::Topic {
                    name: reader.text()?.into(),
                    partitions: not_below(1, reader.i32()?, "a number of partitions")?,
                    replaces: reader.bool("flag of whether it replaces another")?,
                },
                OWN => Self::Own {
                    host: reader.host()?,
                    session: reader.session()?,
                    fenced: reader.list(FENCED_BYTES, |it| Ok((it.host()?, it.session()?)))?,
                    claims: read_claims(reader)?,
                },
                RELEASE => Self::Release {
                    host: reader.host()?,
                    session: reader.session()?,
                    claims: read_claims(reader)?,
                },
                WANT => Self::Want { host: reader.host()?, claims: read_claims(reader)? },
                other => return Err(RecordErrorKind::UnknownKind(other)),
            })
        })
    }

    /// Returns the record as several of the same kind that have `bytes_max` bytes at most, or one claim each. Claims are
    /// judged one by one, so that it does not matter in how many records they stand.
    pub fn into_parts(self, bytes_max: usize) -> Vec<Self> {
        match self {
            Self::Own { host, session, fenced, claims } => {
                let head = 2 + 16 + 8 + COUNT_BYTES_MAX + fenced.len() * FENCED_BYTES;
                let parts = split_claims(claims, head, bytes_max).into_iter();
                parts.map(|claims| Self::Own { host, session, fenced: fenced.clone(), claims }).collect()
            }
            Self::Release { host, session, claims } => {
                let parts = split_claims(claims, 2 + 16 + 8, bytes_max).into_iter();
                parts.map(|claims| Self::Release { host, session, claims }).collect()
            }
            Self::Want { host, claims } => {
                let parts = split_claims(claims, 2 + 16, bytes_max).into_iter();
                parts.map(|claims| Self::Want { host, claims }).collect()
            }
            one @ (Self::Init { .. } | Self::Host { .. } | Self::Topic { .. }) => vec![one],
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Init { .. } => INIT,
            Self::Host { .. } => HOST,
            Self::Topic { .. } => TOPIC,
            Self::Own { .. } => OWN,
            Self::Release { .. } => RELEASE,
            Self::Want { .. } => WANT,
        }
    }
}

fn not_below(min: i32, value: i32, what: &'static str) -> Piece<i32> {
    if value >= min { Ok(value) } else { Err(RecordErrorKind::OutOfRange(what)) }
}

/// Claims of one keyspace that stand together name it once.
fn write_claims(claims: &[Claim], writer: &mut Writer<'_>) {
    writer.count(claims.len());
    for run in claims.chunk_by(|one, next| one.keyspace == next.keyspace) {
        let Some(first) = run.first() else { continue };
        writer.text(&first.keyspace);
        writer.count(run.len());
        for claim in run {
            writer.i64(claim.range.after);
            writer.i64(claim.range.up_to);
            writer.varint(u64::from(claim.generation.0));
        }
    }
}

fn read_claims(reader: &mut Reader<'_>) -> Piece<Vec<Claim>> {
    let count = reader.count(CLAIM_BYTES_MIN)?;
    let mut claims = Vec::with_capacity(count);
    while claims.len() < count {
        let keyspace = Keyspace::from(reader.text()?);
        let run = reader.count(CLAIM_BYTES_MIN)?;
        if run == 0 {
            return Err(RecordErrorKind::EmptyRun);
        }
        if run > count - claims.len() {
            return Err(RecordErrorKind::OutOfRange("a number of claims"));
        }
        for _ in 0..run {
            claims.push(read_claim(&keyspace, reader)?);
        }
    }
    Ok(claims)
}

fn read_claim(keyspace: &Keyspace, reader: &mut Reader<'_>) -> Piece<Claim> {
    let (after, up_to) = (reader.i64()?, reader.i64()?);
    let range = TokenRange::new(after, up_to).ok_or(RecordErrorKind::BadTokenRange { after, up_to })?;
    let generation = Generation(reader.varint_as("a generation")?);
    Ok(Claim { keyspace: Keyspace::clone(keyspace), range, generation })
}

/// Returns the claims in parts so that each, with a head of so many bytes, has at most `bytes_max`. There is one part at
/// least.
fn split_claims(claims: Vec<Claim>, head: usize, bytes_max: usize) -> Vec<Vec<Claim>> {
    let head = head + COUNT_BYTES_MAX;
    let mut parts = Vec::new();
    let mut part: Vec<Claim> = Vec::new();
    let mut bytes = head;
    for claim in claims {
        let run = RUN_BYTES_MIN + 2 * COUNT_BYTES_MAX + claim.keyspace.len();
        let begins_run = part.last().is_none_or(|last| last.keyspace != claim.keyspace);
        let more = CLAIM_BYTES_MAX + if begins_run { run } else { 0 };
        if bytes + more > bytes_max && !part.is_empty() {
            parts.push(std::mem::take(&mut part));
            bytes = head + CLAIM_BYTES_MAX + run;
        } else {
            bytes += more;
        }
        part.push(claim);
    }
    if !part.is_empty() || parts.is_empty() {
        parts.push(part);
    }
    parts
}
