//! How values of settings are read: typed in TOML, as words in the environment and on the command line.

use std::{net::SocketAddr, path::PathBuf};

/// A value as it was given.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Raw {
    Text(String),
    Integer(i128),
    Float(f64),
    Boolean(bool),
    List(Vec<Self>),
    /// From the environment or the command line: it is what the setting needs it to be.
    Word(String),
    Date,
}

impl Raw {
    /// Returns what the value is, in words and with the value, for a message.
    pub(super) fn described(&self) -> String {
        match self {
            Self::Text(text) | Self::Word(text) => format!("{text:?}"),
            Self::Integer(number) => number.to_string(),
            Self::Float(number) => number.to_string(),
            Self::Boolean(value) => value.to_string(),
            Self::List(_) => "a list".into(),
            Self::Date => "a date".into(),
        }
    }

    /// Returns the value as one word, as librdkafka takes it.
    pub(super) fn as_word(&self) -> Option<String> {
        match self {
            Self::Text(text) | Self::Word(text) => Some(text.clone()),
            Self::Integer(number) => Some(number.to_string()),
            Self::Float(number) => Some(number.to_string()),
            Self::Boolean(value) => Some(value.to_string()),
            Self::List(_) | Self::Date => None,
        }
    }
}

/// A type that a setting can have.
pub(super) trait Setting: Sized {
    /// Reads a value; the error says what the setting takes, as the rest of a sentence that begins with "takes".
    fn read(raw: &Raw) -> Result<Self, String>;
    /// Returns the value as it would stand in the file.
    fn shown(&self) -> String;
}

impl Setting for bool {
    fn read(raw: &Raw) -> Result<Self, String> {
        match raw {
            Raw::Boolean(value) => Ok(*value),
            Raw::Word(word) if word == "true" => Ok(true),
            Raw::Word(word) if word == "false" => Ok(false),
            _ => Err("true or false".into()),
        }
    }

    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Setting for String {
    fn read(raw: &Raw) -> Result<Self, String> {
        match raw {
            Raw::Text(text) | Raw::Word(text) => Ok(text.clone()),
            _ => Err("text in quotes".into()),
        }
    }

    fn shown(&self) -> String {
        format!("{self:?}")
    }
}

impl Setting for PathBuf {
    fn read(raw: &Raw) -> Result<Self, String> {
        match raw {
            Raw::Text(text) | Raw::Word(text) if !text.is_empty() => Ok(Self::from(text)),
            _ => Err("a path in quotes".into()),
        }
    }

    fn shown(&self) -> String {
        format!("{:?}", self.display().to_string())
    }
}

impl Setting for Vec<String> {
    fn read(raw: &Raw) -> Result<Self, String> {
        let refused = || "a list of texts, as in [\"shop.orders\", \"shop.c*\"]".to_owned();
        match raw {
            Raw::List(items) => items.iter().map(|item| String::read(item).map_err(|_| refused())).collect(),
            Raw::Word(words) => Ok(words
                .split(',')
                .map(|word| word.trim().to_owned())
                .filter(|word| !word.is_empty())
                .collect()),
            _ => Err(refused()),
        }
    }

    fn shown(&self) -> String {
        format!("{self:?}")
    }
}

impl Setting for SocketAddr {
    fn read(raw: &Raw) -> Result<Self, String> {
        let refused = "an address and a port, as in \"127.0.0.1:9187\"";
        match raw {
            Raw::Text(text) | Raw::Word(text) => text.parse().map_err(|_| refused.into()),
            _ => Err(refused.into()),
        }
    }

    fn shown(&self) -> String {
        format!("{:?}", self.to_string())
    }
}

impl Setting for uuid::Uuid {
    fn read(raw: &Raw) -> Result<Self, String> {
        let refused = "a host id, as in \"8d5ed9f4-7764-4dbd-bad8-43fddce94b7c\"";
        match raw {
            Raw::Text(text) | Raw::Word(text) => text.parse().map_err(|_| refused.into()),
            _ => Err(refused.into()),
        }
    }

    fn shown(&self) -> String {
        format!("{:?}", self.to_string())
    }
}

/// Makes an enumeration of words a [`Setting`], and gives it the words as `as_str`.
macro_rules! word_setting {
    ($visibility:vis $type:ty { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $type {
            /// Returns the word that stands for it in the configuration.
            $visibility fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::config::setting::Setting for $type {
            fn read(raw: &$crate::config::setting::Raw) -> Result<Self, String> {
                use $crate::config::setting::Raw;
                if let Raw::Text(word) | Raw::Word(word) = raw {
                    $(if word == $word { return Ok(Self::$variant); })+
                }
                Err($crate::config::setting::one_of(&[$($word),+]))
            }

            fn shown(&self) -> String {
                format!("{:?}", self.as_str())
            }
        }
    };
}
pub(super) use word_setting;

/// Returns `"a", "b" or "c"`.
pub(super) fn one_of(words: &[&str]) -> String {
    let mut text = String::new();
    for (index, word) in words.iter().enumerate() {
        if index > 0 {
            text.push_str(if index + 1 == words.len() { " or " } else { ", " });
        }
        text.push('"');
        text.push_str(word);
        text.push('"');
    }
    text
}

/// The unit that the end of a key's name tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Milliseconds,
    Bytes,
    Percent,
    Count,
}

impl Unit {
    pub(super) fn of(key: &str) -> Self {
        if key.ends_with("_ms") {
            Self::Milliseconds
        } else if key.contains("_bytes") {
            Self::Bytes
        } else if key.ends_with("_percent") {
            Self::Percent
        } else {
            Self::Count
        }
    }

    /// Reads a whole number; says in the error what the unit is, and what a text with another unit would be in it.
    pub(super) fn read(self, raw: &Raw) -> Result<u64, String> {
        let takes = match self {
            Self::Milliseconds => "a whole number of milliseconds",
            Self::Bytes => "a whole number of bytes",
            Self::Percent => "a whole number of percent",
            Self::Count => "a whole number",
        };
        let text = match raw {
            Raw::Integer(number) => return u64::try_from(*number).map_err(|_| takes.to_owned()),
            Raw::Text(text) => text,
            Raw::Word(word) => match word.replace('_', "").parse() {
                Ok(number) => return Ok(number),
                Err(_) => word,
            },
            _ => return Err(takes.to_owned()),
        };
        match self.convert(text) {
            Some(number) => Err(format!("{takes} (the unit is in the key's name; {text:?} is {number})")),
            None => Err(takes.to_owned()),
        }
    }

    fn convert(self, text: &str) -> Option<u64> {
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let number: u64 = text.get(..digits)?.parse().ok()?;
        let factor = match (self, text.get(digits..)?.trim()) {
            (Self::Milliseconds, "ms") | (Self::Bytes, "B") | (Self::Percent, "%") | (_, "") => 1,
            (Self::Milliseconds, "s") | (Self::Bytes, "KB" | "kB") => 1_000,
            (Self::Milliseconds, "m" | "min") => 60_000,
            (Self::Milliseconds, "h") => 3_600_000,
            (Self::Milliseconds, "d") => 86_400_000,
            (Self::Bytes, "KiB" | "K" | "k") => 1 << 10,
            (Self::Bytes, "MiB" | "M") => 1 << 20,
            (Self::Bytes, "GiB" | "G") => 1 << 30,
            (Self::Bytes, "MB") => 1_000_000,
            (Self::Bytes, "GB") => 1_000_000_000,
            _ => return None,
        };
        number.checked_mul(factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_with_a_unit_is_refused_with_the_number_it_should_be() {
        let error = Unit::of("kafka.commit_interval_ms").read(&Raw::Text("2 s".into())).unwrap_err();
        assert_eq!(error, "a whole number of milliseconds (the unit is in the key's name; \"2 s\" is 2000)");
        let error = Unit::of("limits.memory_bytes_max").read(&Raw::Text("64MiB".into())).unwrap_err();
        assert_eq!(error, "a whole number of bytes (the unit is in the key's name; \"64MiB\" is 67108864)");
        assert_eq!(Unit::Bytes.read(&Raw::Text("lots".into())).unwrap_err(), "a whole number of bytes");
        assert_eq!(Unit::Bytes.read(&Raw::Integer(-1)).unwrap_err(), "a whole number of bytes");
    }

    #[test]
    fn words_are_what_the_setting_needs() {
        assert_eq!(Unit::Bytes.read(&Raw::Word("1_000".into())), Ok(1000));
        assert_eq!(bool::read(&Raw::Word("true".into())), Ok(true));
        assert_eq!(
            Vec::<String>::read(&Raw::Word("a.b, c.*".into())),
            Ok(vec!["a.b".to_owned(), "c.*".to_owned()])
        );
        assert!(bool::read(&Raw::Text("true".into())).is_err());
    }

    #[test]
    fn alternatives_read_as_a_sentence() {
        assert_eq!(one_of(&["a", "b", "c"]), "\"a\", \"b\" or \"c\"");
    }
}
