//! How names and values stand in CQL text.

use std::borrow::Cow;

/// Words that Cassandra refuses as unquoted names (`ReservedKeywords` of 3.11 to 5.0), sorted.
const RESERVED: &[&str] = &[
    "add",
    "allow",
    "alter",
    "and",
    "apply",
    "asc",
    "authorize",
    "batch",
    "begin",
    "by",
    "columnfamily",
    "create",
    "default",
    "delete",
    "desc",
    "describe",
    "drop",
    "entries",
    "execute",
    "from",
    "full",
    "grant",
    "if",
    "in",
    "index",
    "infinity",
    "insert",
    "into",
    "is",
    "keyspace",
    "limit",
    "materialized",
    "mbean",
    "mbeans",
    "modify",
    "nan",
    "norecursive",
    "not",
    "null",
    "of",
    "on",
    "or",
    "order",
    "primary",
    "rename",
    "replace",
    "revoke",
    "schema",
    "select",
    "set",
    "table",
    "to",
    "token",
    "truncate",
    "unlogged",
    "unset",
    "update",
    "use",
    "using",
    "view",
    "where",
    "with",
];

/// Returns a name as CQL text: plain when it is made of lower-case letters, digits and `_`, starts with a
/// letter and is no reserved word; else in double quotes.
pub fn quote_name(name: &str) -> Cow<'_, str> {
    let mut characters = name.chars();
    let plain = characters.next().is_some_and(|first| first.is_ascii_lowercase())
        && characters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && RESERVED.binary_search(&name).is_err();
    if plain { Cow::Borrowed(name) } else { Cow::Owned(format!("\"{}\"", name.replace('"', "\"\""))) }
}

/// Returns a text in single quotes.
pub fn quote_text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserved_words_are_sorted() {
        assert!(RESERVED.is_sorted());
    }

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
