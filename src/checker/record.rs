//! A record as a consumer gets it.

use std::{fmt::Write as _, sync::Arc};

use serde_json::value::RawValue;

/// A record as a consumer gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumedRecord {
    /// Its topic.
    pub topic: Arc<str>,
    /// Its Kafka partition.
    pub partition: i32,
    /// Its offset in the partition.
    pub offset: i64,
    /// Its time as Kafka has it, in milliseconds since 1970.
    pub timestamp_ms: Option<i64>,
    /// Its key.
    pub key: Option<Box<[u8]>>,
    /// Its value; none for a Kafka tombstone.
    pub value: Option<Box<[u8]>>,
    /// Its headers in their order; a header without a value has no bytes.
    pub headers: Vec<(Box<str>, Box<[u8]>)>,
}

impl ConsumedRecord {
    /// Returns where it is, for messages: `topic/partition@offset`.
    pub fn place_text(&self) -> String {
        format!("{}/{}@{}", self.topic, self.partition, self.offset)
    }

    /// Returns a header's text, if it is there and text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(known, _)| &**known == name)?;
        str::from_utf8(value).ok()
    }

    /// Returns one line of JSON with everything: topic, partition, offset, time, key, headers, value. A key or value that is
    /// no JSON stands as text.
    pub fn envelope(&self) -> String {
        let mut line = String::with_capacity(160 + self.value.as_ref().map_or(0, |value| value.len()));
        line.push_str("{\"topic\":");
        push_text(&self.topic, &mut line);
        let _ = write!(line, ",\"partition\":{},\"offset\":{}", self.partition, self.offset);
        if let Some(timestamp) = self.timestamp_ms {
            let _ = write!(line, ",\"timestamp_ms\":{timestamp}");
        }
        line.push_str(",\"key\":");
        push_json(self.key.as_deref(), &mut line);
        line.push_str(",\"headers\":{");
        for (at, (name, value)) in self.headers.iter().enumerate() {
            if at > 0 {
                line.push(',');
            }
            push_text(name, &mut line);
            line.push(':');
            push_text(&String::from_utf8_lossy(value), &mut line);
        }
        line.push_str("},\"value\":");
        push_json(self.value.as_deref(), &mut line);
        line.push('}');
        line
    }
}

fn push_json(bytes: Option<&[u8]>, line: &mut String) {
    let Some(bytes) = bytes else {
        line.push_str("null");
        return;
    };
    match serde_json::from_slice::<&RawValue>(bytes) {
        Ok(json) if !json.get().contains('\n') => line.push_str(json.get()),
        _ => push_text(&String::from_utf8_lossy(bytes), line),
    }
}

fn push_text(text: &str, line: &mut String) {
    line.push_str(&serde_json::Value::from(text).to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_is_json_whatever_the_bytes_are() {
        let mut record = ConsumedRecord {
            topic: "p.k.t".into(),
            partition: 2,
            offset: 17,
            timestamp_ms: Some(1),
            key: Some(b"{\"a\":1}".as_slice().into()),
            value: Some(b"{\"n\":12345678901234567890123}".as_slice().into()),
            headers: vec![("op".into(), b"insert".as_slice().into())],
        };
        assert_eq!(
            record.envelope(),
            r#"{"topic":"p.k.t","partition":2,"offset":17,"timestamp_ms":1,"key":{"a":1},"headers":{"op":"insert"},"value":{"n":12345678901234567890123}}"#
        );
        record.key = Some(b"\xff\"\n".as_slice().into());
        record.value = None;
        let read: serde_json::Value = serde_json::from_str(&record.envelope()).unwrap();
        assert_eq!(read["key"], "\u{fffd}\"\n");
        assert!(read["value"].is_null());
    }
}
