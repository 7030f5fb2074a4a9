//! How names and values stand in CQL text.

use std::borrow::Cow;

use cassandra_commitlog::types::is_plain_identifier;

/// Returns a name as CQL text: plain when it is made of lower-case letters, digits and `_`, starts with a
/// letter and is no reserved word; else in double quotes.
pub fn quote_name(name: &str) -> Cow<'_, str> {
    if is_plain_identifier(name) {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(format!("\"{}\"", name.replace('"', "\"\"")))
    }
}

/// Returns a text in single quotes.
pub fn quote_text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_when_they_must_be() {
        for plain in ["a", "a_1", "key", "type", "counter"] {
            assert_eq!(quote_name(plain), plain);
        }
        for (name, quoted) in [
            ("A", "\"A\""),
            ("1a", "\"1a\""),
            ("_a", "\"_a\""),
            ("", "\"\""),
            ("select", "\"select\""),
            ("Key Ä", "\"Key Ä\""),
            ("ck\"quote", "\"ck\"\"quote\""),
        ] {
            assert_eq!(quote_name(name), quoted);
        }
    }
}
