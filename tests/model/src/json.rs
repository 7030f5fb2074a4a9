//! A small JSON reader that keeps what a comparison to the byte needs: the text of numbers, the order of members, members
//! that stand twice. (`serde_json` gives that only with features that, in one workspace, it would have for every crate.)

use anyhow::{Result, anyhow, bail, ensure};

/// Deepest nesting that is read.
const DEPTH_MAX: usize = 200;

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number as it stands in the text, so that no digit is lost.
    Number(String),
    /// A string without its escapes.
    String(String),
    /// An array.
    Array(Vec<Json>),
    /// An object: its members in their order.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Returns the value that `text` holds, which must be all that it holds.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut reader = Reader { text, bytes: text.as_bytes(), at: 0 };
        let value = reader.value(0)?;
        reader.blanks();
        ensure!(reader.at == text.len(), "text after the JSON value at byte {}", reader.at);
        Ok(value)
    }

    /// Returns an object's member of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().find(|(n, _)| n == name).map(|(_, v)| v)
    }

    /// Returns an object's member of that name, an error if there is none.
    pub(crate) fn need(&self, name: &str) -> Result<&Self> {
        self.get(name).ok_or_else(|| anyhow!("no member {name:?} in {}", self.brief()))
    }

    /// Returns the string.
    pub(crate) fn str(&self) -> Result<&str> {
        let Self::String(text) = self else { bail!("not a string: {}", self.brief()) };
        Ok(text)
    }

    /// Returns the integer.
    pub(crate) fn i64(&self) -> Result<i64> {
        let Self::Number(text) = self else { bail!("not a number: {}", self.brief()) };
        text.parse().map_err(|_| anyhow!("not a 64-bit integer: {text}"))
    }

    /// Returns the array's elements.
    pub(crate) fn array(&self) -> Result<&[Self]> {
        let Self::Array(elements) = self else { bail!("not an array: {}", self.brief()) };
        Ok(elements)
    }

    /// Returns the object's members.
    pub(crate) fn object(&self) -> Result<&[(String, Self)]> {
        let Self::Object(members) = self else { bail!("not an object: {}", self.brief()) };
        Ok(members)
    }

    /// Refuses an object that has members of other names.
    pub(crate) fn only(&self, names: &[&str]) -> Result<()> {
        for (name, _) in self.object()? {
            ensure!(names.contains(&name.as_str()), "unknown {name:?}; only {names:?} are known here");
        }
        Ok(())
    }

    /// Returns the beginning of the value's debug text, for messages.
    pub(crate) fn brief(&self) -> String {
        format!("{self:?}").chars().take(160).collect()
    }
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<()> {
        ensure!(self.peek() == Some(byte), "expected {:?} at byte {}", char::from(byte), self.at);
        self.at += 1;
        Ok(())
    }

    fn word(&mut self, word: &str, value: Json) -> Result<Json> {
        ensure!(self.bytes[self.at..].starts_with(word.as_bytes()), "unknown word at byte {}", self.at);
        self.at += word.len();
        Ok(value)
    }

    fn value(&mut self, depth: usize) -> Result<Json> {
        ensure!(depth < DEPTH_MAX, "JSON nested too deep");
        self.blanks();
        match self.peek() {
            Some(b'n') => self.word("null", Json::Null),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'"') => Ok(Json::String(self.string()?)),
            Some(b'[') => self.array(depth),
            Some(b'{') => self.object(depth),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => bail!("no JSON value at byte {}", self.at),
        }
    }

    fn array(&mut self, depth: usize) -> Result<Json> {
        self.expect(b'[')?;
        let mut elements = Vec::new();
        self.blanks();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Json::Array(elements));
        }
        loop {
            elements.push(self.value(depth + 1)?);
            self.blanks();
            if self.peek() == Some(b',') {
                self.at += 1;
                continue;
            }
            self.expect(b']')?;
            return Ok(Json::Array(elements));
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json> {
        self.expect(b'{')?;
        let mut members = Vec::new();
        self.blanks();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Json::Object(members));
        }
        loop {
            self.blanks();
            let name = self.string()?;
            self.blanks();
            self.expect(b':')?;
            members.push((name, self.value(depth + 1)?));
            self.blanks();
            if self.peek() == Some(b',') {
                self.at += 1;
                continue;
            }
            self.expect(b'}')?;
            return Ok(Json::Object(members));
        }
    }

    fn digits(&mut self) -> Result<()> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        ensure!(self.at > start, "digits expected at byte {start}");
        Ok(())
    }

    fn number(&mut self) -> Result<Json> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let first = self.at;
        self.digits()?;
        ensure!(
            self.bytes[first] != b'0' || self.at == first + 1,
            "number with a leading zero at byte {start}"
        );
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(Json::Number(self.text[start..self.at].to_owned()))
    }

    fn string(&mut self) -> Result<String> {
        self.expect(b'"')?;
        let mut out = String::new();
        loop {
            let start = self.at;
            while matches!(self.peek(), Some(byte) if byte != b'"' && byte != b'\\' && byte >= 0x20) {
                self.at += 1;
            }
            out.push_str(&self.text[start..self.at]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    self.at += 1;
                    out.push(self.escape()?);
                }
                _ => bail!("unfinished string or raw control character at byte {}", self.at),
            }
        }
    }

    fn escape(&mut self) -> Result<char> {
        let byte = self.peek().ok_or_else(|| anyhow!("unfinished escape"))?;
        self.at += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => bail!("unknown escape at byte {}", self.at),
        })
    }

    fn hex4(&mut self) -> Result<u32> {
        let digits = self.text.get(self.at..self.at + 4).ok_or_else(|| anyhow!("unfinished escape"))?;
        self.at += 4;
        Ok(u32::from_str_radix(digits, 16)?)
    }

    fn unicode(&mut self) -> Result<char> {
        let high = self.hex4()?;
        if !(0xD800..0xDC00).contains(&high) {
            return char::from_u32(high).ok_or_else(|| anyhow!("lone surrogate in a string"));
        }
        self.expect(b'\\')?;
        self.expect(b'u')?;
        let low = self.hex4()?;
        ensure!((0xDC00..0xE000).contains(&low), "lone surrogate in a string");
        let code = 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00);
        char::from_u32(code).ok_or_else(|| anyhow!("no such character"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_text_and_members_their_order() {
        let value = Json::parse(r#" {"b":1.00,"a":[-0.0, 1E+10, null],"b":true} "#).unwrap();
        let members = value.object().unwrap();
        assert_eq!(members.len(), 3);
        assert_eq!(members[0], ("b".to_owned(), Json::Number("1.00".to_owned())));
        assert_eq!(members[1].1.array().unwrap()[1], Json::Number("1E+10".to_owned()));
    }

    #[test]
    fn escapes_are_undone() {
        assert_eq!(
            Json::parse(r#""\u00e9\ud83c\udf89\n\"\/""#).unwrap(),
            Json::String("é🎉\n\"/".to_owned())
        );
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in ["", "{", "[1,]", "01", "1.", "NaN", "\"\\ud800\"", "1 2", "{\"a\" 1}", "\"\n\"", "nul"] {
            assert!(Json::parse(text).is_err(), "{text:?}");
        }
    }
}
