//! Records that the agents of a cluster send each other.

use ringtap::{
    cluster::record::{LedgerRecord, OwnersRecord, RelayRecord},
    dedup::{SeenChanges, Verdict},
    record::{JsonRecords, Node},
};

/// Reads the input as a record of the owners topic: what is read is written and read back as the same.
pub fn owners(input: &[u8]) {
    let Ok(record) = OwnersRecord::decode(input) else { return };
    let mut bytes = Vec::new();
    record.encode(&mut bytes);
    assert_eq!(OwnersRecord::decode(&bytes).as_ref(), Ok(&record));
    for part in record.into_parts(200) {
        bytes.clear();
        part.encode(&mut bytes);
        assert_eq!(OwnersRecord::decode(&bytes), Ok(part));
    }
}

/// Reads the input as a record of the ledger, in the same way.
pub fn ledger(input: &[u8]) {
    let Ok(record) = LedgerRecord::decode(input) else { return };
    let mut bytes = Vec::new();
    record.encode(&mut bytes);
    assert_eq!(LedgerRecord::decode(&bytes).as_ref(), Ok(&record));
    for part in record.into_parts(200) {
        bytes.clear();
        part.encode(&mut bytes);
        assert!(bytes.len() <= 200, "a part of {} bytes", bytes.len());
        assert_eq!(LedgerRecord::decode(&bytes), Ok(part));
    }
}

/// Reads the input as a relayed change, and makes of it all that an owner does.
pub fn relay(input: &[u8]) {
    let Ok(record) = RelayRecord::decode(input) else { return };
    let mut bytes = Vec::new();
    record.encode(&mut bytes);
    let again = RelayRecord::decode(&bytes).expect("what was written by us");
    let mut bytes_again = Vec::new();
    again.encode(&mut bytes_again);
    assert_eq!(bytes_again, bytes);
    assert_eq!(again.token(), record.token());
    let [one, other] = [&record, &again].map(|record| {
        let (mut key, mut value) = (String::new(), String::new());
        let written =
            JsonRecords::new(Node::default()).write(&record.change, record.place, &mut key, &mut value);
        (written, key, value)
    });
    assert_eq!(one, other);
    assert!(matches!(SeenChanges::new().note(record.change), Verdict::New(_)));
}
