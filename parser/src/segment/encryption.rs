//! Decryption of a section's payload (Cassandra's `EncryptedSegment`, `EncryptionUtils`).
//!
//! The payload is a chain of blocks: cipher text length, compressed length, cipher text. Each is encrypted from the
//! same initialization vector and holds its plain length and LZ4 data. No checksum covers them; the entries inside have
//! their own.

mod framing;

use std::{fmt, ops::Range};

use aes::{Aes128, Aes192, Aes256};
use cbc::{
    Decryptor,
    cipher::{BlockCipherDecrypt, BlockModeDecrypt, InnerIvInit, KeyInit, block_padding::NoPadding},
};

use self::framing::{Frame, next_frame};
use super::compression::{LZ4_RATIO_MAX, lz4, salvage_lz4_block};
use crate::keystore::SecretKey;

/// The cipher's block and the initialization vector, in bytes.
const CIPHER_BLOCK_BYTES: usize = 16;

/// Why sections of a segment cannot be decrypted at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CipherError {
    /// The transformation is another than AES in CBC mode with PKCS#5 padding.
    #[error("unsupported commit log cipher {cipher:?}; AES/CBC/PKCS5Padding is known")]
    Unsupported {
        /// `encCipher` of the segment's header.
        cipher: String,
    },
    /// The key is no AES key.
    #[error("a key of {bytes} bytes ({algorithm}) does not fit AES")]
    KeyLength {
        /// The key's length.
        bytes: usize,
        /// The key's algorithm.
        algorithm: String,
    },
    /// The initialization vector is not 16 bytes long.
    #[error("an initialization vector of {bytes} bytes does not fit AES")]
    IvLength {
        /// Its length.
        bytes: usize,
    },
}

/// What is wrong with a block of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LostBlockKind {
    /// Its lengths cannot be, and the next block was not found by them: all the rest is lost.
    Header,
    /// Its padding is not what the cipher wrote: damaged cipher text or, if it is so for all blocks, a wrong key.
    Padding,
    /// Padding is right, but the plain length inside cannot be.
    PlainLength,
    /// The LZ4 data is broken.
    Corrupt,
    /// The blocks end before the section's plain length is reached.
    Missing,
    /// The blocks have more plain data than the section declares; what is too much is dropped.
    Excess,
    /// There is no memory for the section.
    OutOfMemory,
}

/// A block that did not decrypt, and where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostBlock {
    /// What is wrong with it.
    pub kind: LostBlockKind,
    /// Where its plain data lies in the section's plain data. It is zeros there but for the good prefix.
    pub plain: Range<usize>,
    /// How many bytes at the start of `plain` came out before the damage showed: possibly good.
    pub good_prefix: usize,
    /// Where the block with its header lies in the section's blocks.
    pub cipher: Range<usize>,
}

/// A section that did not decrypt in full. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} encrypted blocks lost, the first ({:?}) at cipher offset {}", .lost.len(), .lost.first().map(|lost| lost.kind), .lost.first().map_or(0, |lost| lost.cipher.start))]
pub struct SectionError {
    /// The lost blocks in the order of the section.
    pub lost: Vec<LostBlock>,
    /// The blocks' plain length together, where it is not what the section declares and all of them could be decrypted:
    /// then the declared one is damaged, or blocks are missing at the end.
    pub plain_length: Option<usize>,
}

enum BlockCipher {
    Aes128(Box<Aes128>),
    Aes192(Box<Aes192>),
    Aes256(Box<Aes256>),
}

/// Decrypts the sections of one segment. Key bytes are overwritten when it is dropped.
pub struct SectionCipher {
    cipher: BlockCipher,
    iv: [u8; CIPHER_BLOCK_BYTES],
    /// One decrypted block; kept for its memory.
    decrypted: Vec<u8>,
}

impl SectionCipher {
    /// Returns the cipher that a segment's header names (`encCipher`, `encIV`), with its key.
    ///
    /// Only `AES/CBC/PKCS5Padding` (in any case, or called `PKCS7Padding`) is known: without padding Cassandra could
    /// not write blocks of any length, and other modes do not work with one initialization vector for all blocks.
    pub fn new(cipher: &str, key: &SecretKey, iv: &[u8]) -> Result<Self, CipherError> {
        let normalised = cipher.to_ascii_uppercase();
        if !matches!(normalised.as_str(), "AES/CBC/PKCS5PADDING" | "AES/CBC/PKCS7PADDING") {
            return Err(CipherError::Unsupported { cipher: cipher.to_owned() });
        }
        let iv = iv.try_into().map_err(|_| CipherError::IvLength { bytes: iv.len() })?;
        let bytes = key.expose_bytes();
        let wrong_length =
            |_| CipherError::KeyLength { bytes: bytes.len(), algorithm: key.algorithm().to_owned() };
        let cipher = match bytes.len() {
            16 => BlockCipher::Aes128(Box::new(Aes128::new_from_slice(bytes).map_err(wrong_length)?)),
            24 if key.algorithm() == "AES" => {
                BlockCipher::Aes192(Box::new(Aes192::new_from_slice(bytes).map_err(wrong_length)?))
            }
            _ => BlockCipher::Aes256(Box::new(Aes256::new_from_slice(bytes).map_err(wrong_length)?)),
        };
        Ok(Self { cipher, iv, decrypted: Vec::new() })
    }

    /// Fills `out` with the plain data of a section's `blocks`, `declared_plain_length` bytes by its header.
    ///
    /// The caller has checked the total against its limit; `block_bytes_max` bounds the plain length of one block
    /// (Cassandra's `chunk_length_kb`, which the file does not tell). The old content of `out` is dropped, its memory
    /// used again.
    ///
    /// On failure `out` has `declared_plain_length` bytes all the same (except for [`LostBlockKind::OutOfMemory`], and for a
    /// total that so many blocks cannot have): lost blocks are zeros behind what came out of them, and the blocks after a lost one stay where they belong as far as
    /// its length is known or can be concluded from the total and from the other blocks, which all but the last have
    /// one length.
    pub fn decrypt_section(
        &mut self,
        blocks: &[u8],
        declared_plain_length: usize,
        block_bytes_max: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), SectionError> {
        out.clear();
        let lost_all = |kind| LostBlock { kind, plain: 0..0, good_prefix: 0, cipher: 0..blocks.len() };
        // LZ4 bounds what the blocks can hold: a longer total is a damaged one.
        let total_plain_length = declared_plain_length.min(blocks.len().saturating_mul(LZ4_RATIO_MAX));
        if out.try_reserve(total_plain_length).is_err() {
            return Err(SectionError {
                lost: vec![lost_all(LostBlockKind::OutOfMemory)],
                plain_length: None,
            });
        }
        let mut losses = Losses::default();
        let mut at = 0;
        // Where the declared total is exceeded first; what follows is only counted.
        let mut excess = None;
        let mut counts_all = true;
        while at < blocks.len() {
            let start = out.len();
            let frame = next_frame(blocks, at, block_bytes_max);
            if excess.is_some() && (frame.is_none() || start > block_bytes_max) {
                counts_all = false;
                break;
            }
            let Some(frame) = frame else {
                losses.add_gap(LostBlockKind::Header, start, at..blocks.len());
                break;
            };
            let cipher = at..frame.end;
            at = frame.end;
            match self.decrypt_block(&frame, block_bytes_max, out) {
                Ok(()) if at < blocks.len() => losses.note_block_bytes(out.len() - start),
                Ok(()) => {}
                Err(_) if excess.is_some() => {
                    counts_all = false;
                    break;
                }
                Err(Damage { kind, good_prefix: None }) => losses.add_gap(kind, start, cipher.clone()),
                Err(Damage { kind, good_prefix: Some(good_prefix) }) => {
                    losses.add(LostBlock {
                        kind,
                        plain: start..out.len(),
                        good_prefix,
                        cipher: cipher.clone(),
                    });
                }
            }
            if out.len() > total_plain_length {
                excess.get_or_insert(cipher.start);
            }
        }
        let counted = (counts_all && losses.is_empty()).then_some(out.len());
        let plain_length = counted.filter(|counted| *counted != declared_plain_length);
        if let Some(cipher_start) = excess {
            out.truncate(total_plain_length);
            losses.add_excess(total_plain_length, cipher_start..blocks.len());
        } else if losses.is_empty() && out.len() < declared_plain_length {
            losses.add_gap(LostBlockKind::Missing, out.len(), blocks.len()..blocks.len());
        }
        let placed = losses.place(total_plain_length, out);
        placed.map_err(|error| SectionError { plain_length, ..error })
    }

    /// Appends the plain data of a block. On failure it appends as many bytes as the block has, if that is known
    /// (there is a good prefix then, maybe of no bytes), or nothing.
    fn decrypt_block(
        &mut self,
        frame: &Frame<'_>,
        block_bytes_max: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), Damage> {
        self.decrypted.clear();
        self.decrypted.extend_from_slice(frame.cipher_text);
        let start = out.len();
        let header_damage = Damage { kind: LostBlockKind::Header, good_prefix: None };
        self.cipher.decrypt(&self.iv, &mut self.decrypted).ok_or(header_damage)?;
        let unpadded = unpadded(&self.decrypted);
        let declared = match frame.compressed_length {
            Some(length) => self.decrypted.get(..length).unwrap_or_default(),
            None => unpadded,
        };
        let Err(damage) = append_plain(declared, block_bytes_max, out) else {
            return Ok(());
        };
        if unpadded.len() == declared.len() && !unpadded.is_empty() {
            return Err(damage);
        }
        // The padding says otherwise, or is none: the declared length may be wrong by less than a cipher block.
        out.truncate(start);
        if append_plain(unpadded, block_bytes_max, out).is_ok() {
            return Ok(());
        }
        out.truncate(start);
        let damage = append_plain(declared, block_bytes_max, out).err().unwrap_or(damage);
        Err(Damage { kind: LostBlockKind::Padding, ..damage })
    }
}

/// Appends what a decrypted block without its padding holds: its plain length and `LZ4Compressor`'s data. On failure
/// as [`SectionCipher::decrypt_block`].
fn append_plain(content: &[u8], block_bytes_max: usize, out: &mut Vec<u8>) -> Result<(), Damage> {
    let unknown = || Damage { kind: LostBlockKind::PlainLength, good_prefix: None };
    let (length, lz4_data) = content.split_first_chunk::<4>().ok_or_else(unknown)?;
    let (again, block) = lz4_data.split_first_chunk::<4>().ok_or_else(unknown)?;
    let plain_length = usize::try_from(i32::from_be_bytes(*length))
        .ok()
        .filter(|plain| length.iter().eq(again.iter().rev()) && *plain <= block_bytes_max)
        .filter(|plain| *plain <= block.len().saturating_mul(LZ4_RATIO_MAX))
        .ok_or_else(unknown)?;

    let start = out.len();
    out.resize(start + plain_length, 0);
    if out.get_mut(start..).is_some_and(|plain| lz4(lz4_data, plain).is_ok()) {
        return Ok(());
    }
    let mut salvaged = Vec::new();
    salvage_lz4_block(block, plain_length, &mut salvaged);
    out.truncate(start);
    out.extend_from_slice(&salvaged);
    out.resize(start + plain_length, 0);
    Err(Damage { kind: LostBlockKind::Corrupt, good_prefix: Some(salvaged.len()) })
}

impl fmt::Debug for SectionCipher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key_bits = match self.cipher {
            BlockCipher::Aes128(_) => 128,
            BlockCipher::Aes192(_) => 192,
            BlockCipher::Aes256(_) => 256,
        };
        formatter.debug_struct("SectionCipher").field("key_bits", &key_bits).finish_non_exhaustive()
    }
}

impl BlockCipher {
    /// Decrypts in place, padding included. `None` unless the length is one of whole cipher blocks.
    fn decrypt(&self, iv: &[u8; CIPHER_BLOCK_BYTES], buffer: &mut [u8]) -> Option<()> {
        fn run<C>(cipher: &C, iv: &[u8; CIPHER_BLOCK_BYTES], buffer: &mut [u8]) -> Option<()>
        where
            C: BlockCipherDecrypt + Clone,
        {
            // The key is expanded once; each block of the segment starts from the same vector.
            let decryptor = Decryptor::<C>::inner_iv_slice_init(cipher.clone(), iv).ok()?;
            decryptor.decrypt_padded::<NoPadding>(buffer).ok().map(|_| ())
        }
        match self {
            Self::Aes128(cipher) => run(cipher.as_ref(), iv, buffer),
            Self::Aes192(cipher) => run(cipher.as_ref(), iv, buffer),
            Self::Aes256(cipher) => run(cipher.as_ref(), iv, buffer),
        }
    }
}

/// Returns the bytes before the PKCS#5 padding (1 to 16 bytes of the value of their number), none if there is none.
fn unpadded(decrypted: &[u8]) -> &[u8] {
    let count = usize::from(decrypted.last().copied().unwrap_or(0));
    let parts = decrypted.len().checked_sub(count).and_then(|length| decrypted.split_at_checked(length));
    match parts {
        Some((content, padding))
            if (1..=CIPHER_BLOCK_BYTES).contains(&count)
                && padding.iter().all(|byte| usize::from(*byte) == count) =>
        {
            content
        }
        _ => &[],
    }
}

/// Why a block was not appended whole.
#[derive(Clone, Copy)]
struct Damage {
    kind: LostBlockKind,
    /// How much came out, if as many bytes as the block has were appended; `None`: that number is unknown.
    good_prefix: Option<usize>,
}

/// The lost blocks of a section while it is decrypted.
#[derive(Default)]
struct Losses {
    /// With `true` for those of unknown length, of which nothing was appended yet.
    blocks: Vec<(LostBlock, bool)>,
    /// The plain length of the first good block before the last, which is that of every block before the last.
    block_bytes: Option<usize>,
}

impl Losses {
    fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    fn note_block_bytes(&mut self, length: usize) {
        self.block_bytes.get_or_insert(length);
    }

    fn add(&mut self, block: LostBlock) {
        self.blocks.push((block, false));
    }

    fn add_gap(&mut self, kind: LostBlockKind, start: usize, cipher: Range<usize>) {
        self.blocks.push((LostBlock { kind, plain: start..start, good_prefix: 0, cipher }, true));
    }

    fn add_excess(&mut self, total: usize, cipher: Range<usize>) {
        for (block, _) in &mut self.blocks {
            block.plain.end = block.plain.end.min(total);
            block.good_prefix = block.good_prefix.min(block.plain.len());
        }
        self.add(LostBlock { kind: LostBlockKind::Excess, plain: total..total, good_prefix: 0, cipher });
    }

    /// Fills the gaps with zeros until `out` has `total` bytes.
    fn place(mut self, total: usize, out: &mut Vec<u8>) -> Result<(), SectionError> {
        if self.is_empty() {
            return Ok(());
        }
        let mut missing = total.saturating_sub(out.len());
        let mut gaps = self.blocks.iter().filter(|(_, is_gap)| *is_gap).count();
        if missing > 0 && gaps == 0 {
            let end = self.blocks.last().map_or(0, |(block, _)| block.cipher.end);
            self.add_gap(LostBlockKind::Missing, out.len(), end..end);
            gaps = 1;
        }
        let decrypted = std::mem::take(out);
        let (mut copied, mut shift) = (0, 0);
        for (block, is_gap) in &mut self.blocks {
            let start = block.plain.start;
            if *is_gap {
                gaps -= 1;
                let usual = self.block_bytes.unwrap_or(missing);
                let length = if gaps == 0 { missing } else { usual.min(missing) };
                out.extend_from_slice(decrypted.get(copied..start).unwrap_or_default());
                out.resize(out.len() + length, 0);
                copied = start;
                block.plain = start + shift..start + shift + length;
                shift += length;
                missing -= length;
            } else {
                block.plain = start + shift..block.plain.end + shift;
            }
        }
        out.extend_from_slice(decrypted.get(copied..).unwrap_or_default());
        Err(SectionError {
            lost: self.blocks.into_iter().map(|(block, _)| block).collect(),
            plain_length: None,
        })
    }
}
