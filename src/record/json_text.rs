//! JSON strings in records.

/// Appends a JSON string with no more escapes than JSON demands.
pub(super) fn push_string(text: &str, out: &mut String) {
    out.push('"');
    let mut plain_from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..0x20 => "",
            _ => continue,
        };
        out.push_str(&text[plain_from..at]);
        plain_from = at + 1;
        if escape.is_empty() {
            out.push_str("\\u00");
            for digit in [byte >> 4, byte & 0xf] {
                out.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
            }
        } else {
            out.push_str(escape);
        }
    }
    out.push_str(&text[plain_from..]);
    out.push('"');
}

/// Appends a string, or null.
pub(super) fn push_optional(text: Option<&str>, out: &mut String) {
    match text {
        Some(text) => push_string(text, out),
        None => out.push_str("null"),
    }
}

/// Appends an integer.
pub(super) fn push_integer(number: impl itoa::Integer, out: &mut String) {
    out.push_str(itoa::Buffer::new().format(number));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_read_back() {
        let text = "a\"\\\n\r\t\u{1}\u{1f}\u{7f}ü漢🎉";
        let mut out = String::new();
        push_string(text, &mut out);
        assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
    }
}
