//! JSON strings as the dump's lines have them.

/// Appends a JSON string: control characters, DEL and what Java stores as surrogates are escaped, in
/// UTF-16 units and lower-case digits.
pub(super) fn push_string(text: &str, out: &mut String) {
    out.push('"');
    let mut plain_from = 0;
    for (at, character) in text.char_indices() {
        if character >= ' ' && !matches!(character, '"' | '\\' | '\u{7f}') && character <= '\u{ffff}' {
            continue;
        }
        out.push_str(&text[plain_from..at]);
        plain_from = at + character.len_utf8();
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    push_unit(*unit, out);
                }
            }
        }
    }
    out.push_str(&text[plain_from..]);
    out.push('"');
}

fn push_unit(unit: u16, out: &mut String) {
    out.push_str("\\u");
    for shift in [12, 8, 4, 0] {
        out.push(char::from_digit(u32::from(unit >> shift & 0xf), 16).unwrap_or('0'));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_those_of_the_reference_lines() {
        let mut out = String::new();
        push_string("a\"\\\n\u{1}\u{7f}ü漢🎉", &mut out);
        assert_eq!(out, r#""a\"\\\n\u0001\u007fü漢\ud83c\udf89""#);
    }
}
