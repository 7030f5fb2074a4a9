//! A plain segment, taken apart and put together again.

use anyhow::{Context as _, Result, bail, ensure};
use crc32fast::Hasher;

/// Bytes of a sync marker.
const MARKER_BYTES: usize = 8;
/// Bytes of the header before its parameters, and of its CRC.
const HEADER_BYTES: usize = 14;
const CRC_BYTES: usize = 4;

/// A plain segment.
#[derive(Debug)]
pub(super) struct Segment {
    version: u32,
    parameters: Vec<u8>,
    /// The sections' entries: logical end of each, with its mutation.
    sections: Vec<Vec<(u64, Vec<u8>)>>,
    file_bytes: usize,
}

/// A segment's file.
#[derive(Debug)]
pub(super) struct Rewritten {
    pub(super) version: u32,
    pub(super) bytes: Vec<u8>,
    /// Where the last entry ends: what the index says.
    pub(super) end: u64,
}

impl Segment {
    /// Takes a file apart; every CRC must hold.
    pub(super) fn parse(file: &[u8]) -> Result<Self> {
        let version = word(file, 0)?;
        ensure!((6..=8).contains(&version), "version {version} is not one of 6 to 8");
        let id = (u64::from(word(file, 4)?) << 32) | u64::from(word(file, 8)?);
        let length = file.get(12..HEADER_BYTES).context("no header")?;
        let length = usize::from(length[0]) << 8 | usize::from(length[1]);
        let parameters = file.get(HEADER_BYTES..HEADER_BYTES + length).context("no header")?.to_vec();
        ensure!(
            word(file, HEADER_BYTES + length)? == header_crc(version, id, &parameters),
            "the header's CRC does not hold"
        );
        let text = String::from_utf8_lossy(&parameters);
        ensure!(
            !text.contains("compressionClass") && !text.contains("encCipher"),
            "not a plain segment: {text}"
        );

        let mut at = HEADER_BYTES + length + CRC_BYTES;
        let mut sections = Vec::new();
        while at + MARKER_BYTES <= file.len() {
            let (end, crc) = (word(file, at)? as usize, word(file, at + 4)?);
            if end == 0 && crc == 0 {
                break;
            }
            ensure!(crc == marker_crc(id, at), "the marker's CRC at {at} does not hold");
            let section =
                file.get(at + MARKER_BYTES..end).with_context(|| format!("section {at} to {end}"))?;
            sections.push(entries(section, at + MARKER_BYTES)?);
            at = end;
        }
        Ok(Self { version, parameters, sections, file_bytes: file.len() })
    }

    /// Puts it together with another id. `change` gets each entry's logical end and mutation; what it returns false for is
    /// left out.
    pub(super) fn rewrite(
        &self,
        id: i64,
        mut change: impl FnMut(u64, &mut [u8]) -> bool,
    ) -> Result<Rewritten> {
        let id = id.cast_unsigned();
        let mut out = Vec::with_capacity(self.file_bytes);
        out.extend_from_slice(&self.version.to_be_bytes());
        out.extend_from_slice(&id.to_be_bytes());
        out.extend_from_slice(&u16::try_from(self.parameters.len())?.to_be_bytes());
        out.extend_from_slice(&self.parameters);
        out.extend_from_slice(&header_crc(self.version, id, &self.parameters).to_be_bytes());
        for section in &self.sections {
            let marker = out.len();
            out.extend_from_slice(&[0; MARKER_BYTES]);
            for (end, mutation) in section {
                let start = out.len();
                out.extend_from_slice(&[0; 8]);
                out.extend_from_slice(mutation);
                let Some(copy) = out.get_mut(start + 8..) else { bail!("no room") };
                if change(*end, copy) {
                    finish_entry(&mut out, start);
                } else {
                    out.truncate(start);
                }
            }
            let next = u32::try_from(out.len())?.to_be_bytes();
            let crc = marker_crc(id, marker).to_be_bytes();
            if let Some(words) = out.get_mut(marker..marker + MARKER_BYTES) {
                words[..4].copy_from_slice(&next);
                words[4..].copy_from_slice(&crc);
            }
        }
        let end = out.len() as u64;
        // A plain segment has its whole size from its creation on, zero behind its end.
        out.resize(self.file_bytes.max(out.len()), 0);
        Ok(Rewritten { version: self.version, bytes: out, end })
    }
}

fn entries(section: &[u8], start: usize) -> Result<Vec<(u64, Vec<u8>)>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < section.len() {
        let size = word(section, at)?;
        let mutation = section
            .get(at + 8..at + 8 + size as usize)
            .with_context(|| format!("entry at {}", start + at))?;
        let (size_crc, entry_crc) = entry_crcs(mutation);
        ensure!(word(section, at + 4)? == size_crc, "the size's CRC at {} does not hold", start + at);
        let end = at + 8 + mutation.len() + CRC_BYTES;
        ensure!(
            word(section, end - CRC_BYTES)? == entry_crc,
            "the entry's CRC at {} does not hold",
            start + at
        );
        found.push(((start + end) as u64, mutation.to_vec()));
        at = end;
    }
    Ok(found)
}

/// Writes the size and the CRCs of an entry whose mutation begins 8 bytes behind `start` and ends with the buffer.
fn finish_entry(out: &mut Vec<u8>, start: usize) {
    let mutation = out.get(start + 8..).unwrap_or_default();
    let size = mutation.len() as u32;
    let (size_crc, entry_crc) = entry_crcs(mutation);
    if let Some(words) = out.get_mut(start..start + 8) {
        words[..4].copy_from_slice(&size.to_be_bytes());
        words[4..].copy_from_slice(&size_crc.to_be_bytes());
    }
    out.extend_from_slice(&entry_crc.to_be_bytes());
}

/// Returns the CRC of the size, and that of the entry, which runs on from it.
fn entry_crcs(mutation: &[u8]) -> (u32, u32) {
    let mut crc = Hasher::new();
    crc.update(&(mutation.len() as u32).to_be_bytes());
    let of_size = crc.clone().finalize();
    crc.update(mutation);
    (of_size, crc.finalize())
}

fn header_crc(version: u32, id: u64, parameters: &[u8]) -> u32 {
    let mut crc = Hasher::new();
    crc.update(&version.to_be_bytes());
    add_id(&mut crc, id);
    crc.update(&(parameters.len() as u32).to_be_bytes());
    crc.update(parameters);
    crc.finalize()
}

fn marker_crc(id: u64, at: usize) -> u32 {
    let mut crc = Hasher::new();
    add_id(&mut crc, id);
    crc.update(&(at as u32).to_be_bytes());
    crc.finalize()
}

/// The low half comes first, although the file has the high half first.
fn add_id(crc: &mut Hasher, id: u64) {
    crc.update(&(id as u32).to_be_bytes());
    crc.update(&((id >> 32) as u32).to_be_bytes());
}

fn word(bytes: &[u8], at: usize) -> Result<u32> {
    let word = bytes.get(at..at + 4).with_context(|| format!("the file ends before {at}"))?;
    Ok(u32::from_be_bytes(word.try_into()?))
}
