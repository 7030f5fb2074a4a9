//! What clients write, and by what its copies are known.

use ringtap::{
    cluster::names::Token,
    dedup::{Atom, ChangeId, Filings, Part, Place, Signature},
};

use crate::random::scramble;

/// A row change that a client wrote, of one to four parts. Bit n of a mask stands for part n.
#[derive(Debug, Clone)]
pub struct Write {
    /// Number of the keyspace.
    pub keyspace: usize,
    /// Its token.
    pub token: Token,
    /// All its parts.
    pub parts: u8,
    /// The settings exclude it.
    pub is_excluded: bool,
    /// Its first part is the clearing of a collection by an overwrite: alone it has another write time, one less, and with
    /// it another identity, and is known by either.
    pub clears: bool,
    /// Write time in microseconds.
    pub timestamp: i64,
    /// What stood in the log of any host that has an agent.
    pub logged: u8,
    /// How many nodes were sent it.
    pub copies: u8,
}

/// Parts of a write, as one copy has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Number of the write.
    pub write: u16,
    /// Which of its parts.
    pub parts: u8,
    /// Where its records are published.
    pub data_partition: u8,
}

/// All writes of a schedule.
#[derive(Debug, Default)]
pub struct Writes {
    writes: Vec<Write>,
    /// By write and mask; made when first asked for.
    signatures: Vec<[Option<Box<Signature>>; 16]>,
}

impl Writes {
    /// Adds a write. Returns its number.
    pub fn push(&mut self, write: Write) -> u16 {
        self.writes.push(write);
        self.signatures.push(Default::default());
        (self.writes.len() - 1) as u16
    }

    /// Returns a write.
    pub fn get(&self, number: u16) -> &Write {
        &self.writes[usize::from(number)]
    }

    /// Returns a write, to change it.
    pub fn get_mut(&mut self, number: u16) -> &mut Write {
        &mut self.writes[usize::from(number)]
    }

    /// Returns all writes.
    pub fn all(&self) -> &[Write] {
        &self.writes
    }

    /// Returns by what these parts of a write are known.
    pub fn signature(&mut self, piece: Piece) -> &Signature {
        let write = &self.writes[usize::from(piece.write)];
        let slot = &mut self.signatures[usize::from(piece.write)][usize::from(piece.parts & 15)];
        slot.get_or_insert_with(|| Box::new(make_signature(write, piece)))
    }
}

/// Returns the numbers of the parts of a mask, in order.
pub fn bits(mask: u8) -> impl Iterator<Item = u8> {
    (0..8).filter(move |bit| mask & (1 << bit) != 0)
}

/// Returns a part's fingerprint. Parts of different writes have the same ones: only with the identity they tell.
pub fn atom(part: u8) -> Atom {
    0xA0 + Atom::from(part)
}

/// Returns the identity of a write at its write time, or at that of its clearing, one microsecond before.
pub fn identity(write: u16, at_clearing: bool) -> ChangeId {
    let number = u64::from(write) * 2 + u64::from(at_clearing);
    ChangeId { high: scramble(number + 1), low: number }
}

/// Returns true if a piece is nothing but the clearing: its own write time is the clearing's.
pub fn is_lone_clearing(write: &Write, piece: Piece) -> bool {
    write.clears && piece.parts == 1
}

fn make_signature(write: &Write, piece: Piece) -> Signature {
    let place = |at_clearing: bool| Place {
        id: identity(piece.write, at_clearing),
        timestamp: write.timestamp - i64::from(at_clearing),
    };
    let is_alone = is_lone_clearing(write, piece);
    let mut places = vec![place(is_alone)];
    let has_clearing = write.clears && piece.parts & 1 == 1;
    if has_clearing {
        places.push(place(!is_alone));
    }
    let parts = bits(piece.parts).map(|part| {
        let atom = atom(part);
        let looked_up = if has_clearing && part == 0 {
            Filings::two((u32::from(!is_alone), atom), (u32::from(is_alone), atom))
        } else {
            Filings::one(0, atom)
        };
        Part { looked_up, filed: (atom, None) }
    });
    let parts = parts.collect();
    Signature { places, parts, range: None }
}
