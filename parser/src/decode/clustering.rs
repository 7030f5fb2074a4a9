//! Clustering values (`ClusteringPrefix.Serializer.serializeValuesWithoutSize`; format.md §8.3).

use super::{
    columns::ReadTable,
    wire::{Wire, WireError},
};

/// Values that share one header.
const BATCH: usize = 32;

/// Reads the values of the first `count` clustering columns and tells of each: its bytes, or `None` for null.
#[inline(always)]
pub(super) fn read<'a>(
    wire: &mut Wire<'a>,
    table: &ReadTable,
    count: usize,
    mut tell: impl FnMut(Option<&'a [u8]>),
) -> Result<(), WireError> {
    let mut header = 0;
    for at in 0..count {
        if at % BATCH == 0 {
            header = wire.unsigned_vint()?;
        }
        // Two bits a value: empty, null.
        let bits = header >> (2 * (at % BATCH)) & 0b11;
        let value = match bits {
            0 => Some(match table.clustering_length(at) {
                Some(length) => wire.bytes(length)?,
                None => wire.vbytes()?,
            }),
            0b01 => Some(&[][..]),
            _ => None,
        };
        tell(value);
    }
    Ok(())
}
