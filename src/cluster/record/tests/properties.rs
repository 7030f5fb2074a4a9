//! Any record is read back as it was written, and any bytes are a record or none.

use std::{collections::HashMap, sync::Arc};

use cassandra_commitlog::schema::{TableDefinition, TableFlags, TableId, TableSchema};
use proptest::{collection::vec, prelude::*, sample::select};
use uuid::Uuid;

use super::{
    super::*,
    golden::assert_same_change,
    samples::{Record, samples},
    strategies::{ledger_record, owners_record, relay_record},
};

proptest! {
    #[test]
    fn records_of_owners_read_back(record in owners_record()) {
        let mut bytes = Vec::new();
        record.encode(&mut bytes);
        prop_assert_eq!(OwnersRecord::decode(&bytes), Ok(record));
    }

    #[test]
    fn records_of_the_ledger_read_back(record in ledger_record(), bytes_max in 0_usize..2_000) {
        let mut bytes = Vec::new();
        record.encode(&mut bytes);
        prop_assert_eq!(LedgerRecord::decode(&bytes), Ok(record.clone()));
        for part in record.into_parts(bytes_max) {
            bytes.clear();
            part.encode(&mut bytes);
            prop_assert_eq!(LedgerRecord::decode(&bytes), Ok(part));
        }
    }

    #[test]
    fn relayed_changes_read_back(record in relay_record()) {
        let mut bytes = Vec::new();
        record.encode(&mut bytes);
        let read = RelayRecord::decode(&bytes).map_err(|error| TestCaseError::fail(format!("{error:?}")))?;
        assert_same_change(&record, &read);
        let mut again = Vec::new();
        read.encode(&mut again);
        prop_assert_eq!(again, bytes);
    }

    #[test]
    fn any_bytes_are_a_record_or_none(
        sample in select(samples()),
        body in vec(any::<u8>(), 0..200),
        from in any::<prop::sample::Index>(),
    ) {
        // A true record up to some byte, then anything.
        let mut bytes = sample.1.encode();
        bytes.truncate(from.index(bytes.len()));
        bytes.extend(body);
        if let Ok(record) = sample.1.decode_alike(&bytes) {
            let again = record.encode();
            prop_assert_eq!(record.decode_alike(&again).map(|record| record.encode()), Ok(again.clone()));
        }
    }
}

#[test]
fn a_decoder_remembers_definitions_by_their_bytes() {
    let mut decoder = RelayDecoder::new();
    let mut bytes = Vec::new();
    let mut tables: HashMap<Box<str>, Arc<TableSchema>> = HashMap::new();
    for (_, sample) in samples() {
        let Record::Relay(record) = sample else { continue };
        bytes.clear();
        record.encode(&mut bytes);
        let read = decoder.decode(&bytes).unwrap();
        assert_same_change(&record, &read);
        // One of the samples writes to a dropped column, which makes it another definition.
        if read.change.table.dropped().is_empty() {
            let table = Arc::clone(&read.change.table);
            let first = tables.entry(table.name().into()).or_insert_with(|| Arc::clone(&table));
            assert!(Arc::ptr_eq(first, &table));
        }
    }
    assert_eq!(tables.len(), 2);
}

#[test]
fn a_decoder_forgets_when_there_are_very_many_definitions() {
    let mut decoder = RelayDecoder::new();
    let Some((_, Record::Relay(mut record))) = samples().pop() else { panic!("the last sample is relayed") };
    for number in 0..2_000_u128 {
        record.change.table = Arc::new(TableSchema::new(TableDefinition {
            id: TableId(Uuid::from_u128(number)),
            keyspace: "ks".into(),
            name: "t".into(),
            cdc: true,
            is_view: false,
            flags: TableFlags::CQL,
            columns: vec![],
            dropped: vec![],
        }));
        let mut bytes = Vec::new();
        record.encode(&mut bytes);
        let read = decoder.decode(&bytes).unwrap();
        assert_eq!(read.change.table.id(), TableId(Uuid::from_u128(number)));
    }
    assert!(format!("{decoder:?}").matches("TableSchema {").count() <= 256);
}
