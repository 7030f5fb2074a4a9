//! Headers of records, as text.

use std::io::Write as _;

use rdkafka::message::{Header, OwnedHeaders};

use crate::sink::RecordHeaders;

/// Makes headers in buffers that are used again.
#[derive(Debug, Default)]
pub(super) struct HeaderText {
    text: Vec<u8>,
}

impl HeaderText {
    /// Returns the headers `op`, `ts`, `schema`, `position`, and of `early` and `late` those that are true.
    pub(super) fn headers(&mut self, of: &RecordHeaders) -> OwnedHeaders {
        let mut headers = OwnedHeaders::new_with_capacity(6).insert(Header { key: "op", value: Some(of.op) });
        headers = headers.insert(Header { key: "ts", value: Some(itoa::Buffer::new().format(of.timestamp)) });
        if let Some(schema) = &of.schema {
            headers = headers.insert(Header { key: "schema", value: Some(&**schema) });
        }
        headers = headers.insert(Header { key: "position", value: Some(self.position(of)) });
        for (key, is_so) in [("early", of.marks.early), ("late", of.marks.late)] {
            if is_so {
                headers = headers.insert(Header { key, value: Some("true") });
            }
        }
        headers
    }

    /// Returns the bytes of the headers' names and values, and what the format needs for their lengths.
    pub(super) fn size(&mut self, of: &RecordHeaders) -> usize {
        const NAMES_AND_LENGTHS: usize = 58;
        let schema = of.schema.as_ref().map_or(0, |schema| schema.len());
        NAMES_AND_LENGTHS + of.op.len() + 20 + schema + self.position(of).len()
    }

    fn position(&mut self, of: &RecordHeaders) -> &[u8] {
        self.text.clear();
        let mut number = itoa::Buffer::new();
        self.text.extend_from_slice(number.format(of.place.position.segment).as_bytes());
        self.text.push(b':');
        self.text.extend_from_slice(number.format(of.place.position.offset).as_bytes());
        self.text.push(b':');
        self.text.extend_from_slice(number.format(of.place.index).as_bytes());
        &self.text
    }
}

/// Returns the value of a record that is published without what its change wrote. `key` is its JSON.
pub(super) fn value_without_content(
    of: &RecordHeaders,
    key: &[u8],
    bytes: usize,
) -> std::io::Result<Vec<u8>> {
    let place = of.place;
    let mut value = Vec::with_capacity(key.len() + 160);
    write!(value, r#"{{"op":"{}","ts":{},"key":"#, of.op, of.timestamp)?;
    value.extend_from_slice(key);
    write!(
        value,
        r#","too_large":{{"bytes":{bytes}}},"source":{{"segment":{},"position":{},"index":{}}}}}"#,
        place.position.segment, place.position.offset, place.index
    )?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use cassandra_commitlog::Position;
    use rdkafka::message::Headers as _;

    use super::*;
    use crate::{record::RecordPlace, sink::RecordMarks};

    fn headers(early: bool, schema: Option<&str>) -> RecordHeaders {
        let place = RecordPlace { position: Position { segment: 17, offset: 99 }, index: 3 };
        RecordHeaders {
            op: "insert",
            timestamp: -5,
            schema: schema.map(Into::into),
            place,
            marks: RecordMarks { early, late: false },
        }
    }

    fn texts(of: &RecordHeaders) -> Vec<(String, String)> {
        let made = HeaderText::default().headers(of);
        let text = |value: Option<&[u8]>| String::from_utf8(value.unwrap().to_vec()).unwrap();
        made.iter().map(|header| (header.key.to_owned(), text(header.value))).collect()
    }

    #[test]
    fn headers_are_text_and_early_stands_only_where_it_is() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let common =
            [pair("op", "insert"), pair("ts", "-5"), pair("schema", "ab"), pair("position", "17:99:3")];
        assert_eq!(texts(&headers(false, Some("ab"))), common);
        let early = [&common[..], &[pair("early", "true")]].concat();
        assert_eq!(texts(&headers(true, Some("ab"))), early);
        assert_eq!(texts(&headers(false, None)).len(), 3);
        let late = RecordHeaders { marks: RecordMarks { early: false, late: true }, ..headers(false, None) };
        assert_eq!(texts(&late).last(), Some(&pair("late", "true")));
    }

    #[test]
    fn a_record_without_content_is_json_and_no_tombstone() {
        let of = headers(false, None);
        let value = value_without_content(&of, br#"{"pk":1}"#, 7).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&value).unwrap();
        let expected = r#"{"op":"insert","ts":-5,"key":{"pk":1},"too_large":{"bytes":7},"source":{"segment":17,"position":99,"index":3}}"#;
        assert_eq!(value, serde_json::from_str::<serde_json::Value>(expected).unwrap());
    }
}
