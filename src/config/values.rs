//! All settings that were given, from where, and which of them somebody asked for.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
    path::PathBuf,
};

use toml::de::{DeTable, DeValue};

use super::{
    Overrides,
    effective::Effective,
    problem::{Origin, Problem},
    secret::{MASK, Secret, world_readable},
    setting::{Raw, Setting, Unit},
};

/// The furthest that a key may be from a known one to be taken for a slip of the pen (normalised Damerau-Levenshtein).
const NEAR: f64 = 0.6;

#[derive(Debug)]
struct Given {
    raw: Raw,
    origin: Origin,
}

/// The settings that were given. Sections take theirs; what nobody took is unknown.
#[derive(Debug)]
pub(super) struct Values {
    given: BTreeMap<String, Given>,
    /// Tables of the file, with their lines: an unknown one is refused even if it is empty.
    tables: Vec<(String, usize)>,
    environment: BTreeMap<String, String>,
    known: BTreeSet<String>,
    known_tables: BTreeSet<&'static str>,
    known_variables: BTreeSet<String>,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
    pub(super) effective: Vec<Effective>,
}

impl Values {
    /// Reads a file's text, and what is laid over it.
    pub(super) fn parse(text: &str, overrides: &Overrides) -> Self {
        let mut values = Self {
            given: BTreeMap::new(),
            tables: Vec::new(),
            environment: overrides.environment.clone(),
            known: BTreeSet::new(),
            known_tables: BTreeSet::new(),
            known_variables: BTreeSet::new(),
            problems: Vec::new(),
            warnings: Vec::new(),
            effective: Vec::new(),
        };
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            // The error's own text shows the line, which may hold a secret in the wrong place: only its message is told.
            let line = error.span().map_or(1, |span| line_of(text, span.start));
            // What follows on the same line mostly follows from that.
            if values.problems.last().is_some_and(|problem| problem.origin == Origin::Line(line)) {
                continue;
            }
            values.problems.push(Problem {
                origin: Origin::Line(line),
                key: String::new(),
                message: format!("not TOML: {}", error.message().replace('\n', ", ")),
            });
        }
        values.flatten(text, "", table.get_ref());
        for (key, word) in &overrides.flags {
            let given = Given { raw: Raw::Word(word.clone()), origin: Origin::Flag };
            values.given.insert(key.clone(), given);
        }
        values
    }

    fn flatten(&mut self, text: &str, prefix: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let name = if prefix.is_empty() {
                key.get_ref().to_string()
            } else {
                format!("{prefix}.{}", key.get_ref())
            };
            let line = line_of(text, key.span().start);
            if let DeValue::Table(inner) = value.get_ref() {
                self.tables.push((name.clone(), line));
                self.flatten(text, &name, inner);
            } else {
                self.given.insert(name, Given { raw: raw(value.get_ref()), origin: Origin::Line(line) });
            }
        }
    }

    /// Returns true if the file could be read as TOML.
    pub(super) fn is_whole(&self) -> bool {
        self.problems.is_empty()
    }

    fn take_given(&mut self, key: &str) -> Option<Given> {
        self.known.insert(key.to_owned());
        let variable = variable_of(key);
        self.known_variables.insert(variable.clone());
        let in_file = self.given.remove(key);
        if let Some(given @ Given { origin: Origin::Flag, .. }) = in_file {
            return Some(given);
        }
        match self.environment.get(&variable) {
            Some(word) => Some(Given { raw: Raw::Word(word.clone()), origin: Origin::Environment(variable) }),
            None => in_file,
        }
    }

    fn refuse(&mut self, key: &str, origin: Origin, message: String) {
        self.problems.push(Problem { origin, key: key.to_owned(), message });
    }

    fn show(&mut self, key: &str, value: Option<String>, origin: Origin) {
        self.effective.push(Effective { key: key.to_owned(), value, origin });
    }

    /// Takes a setting that has a default.
    pub(super) fn take<T: Setting>(&mut self, key: &str, default: T) -> T {
        let (value, origin) = self.read::<T>(key).unwrap_or((default, Origin::Default));
        self.show(key, Some(value.shown()), origin);
        value
    }

    /// Takes a setting that may be left out.
    pub(super) fn take_optional<T: Setting>(&mut self, key: &str) -> Option<T> {
        let read = self.read::<T>(key);
        let origin = read.as_ref().map_or(Origin::Default, |(_, origin)| origin.clone());
        let value = read.map(|(value, _)| value);
        self.show(key, value.as_ref().map(Setting::shown), origin);
        value
    }

    /// Takes a setting without which nothing works; `why` says how to give it.
    pub(super) fn take_required<T: Setting>(&mut self, key: &str, why: &str) -> Option<T> {
        let problems = self.problems.len();
        let value = self.take_optional(key);
        if value.is_none() && self.problems.len() == problems {
            self.refuse(key, Origin::Default, format!("missing: {why}"));
        }
        value
    }

    fn read<T: Setting>(&mut self, key: &str) -> Option<(T, Origin)> {
        let given = self.take_given(key)?;
        match T::read(&given.raw) {
            Ok(value) => Some((value, given.origin)),
            Err(takes) => {
                let message = format!("takes {takes}, not {}", given.raw.described());
                self.refuse(key, given.origin, message);
                None
            }
        }
    }

    /// Takes a number whose unit the key's name tells.
    pub(super) fn take_number(&mut self, key: &str, default: u64, range: RangeInclusive<u64>) -> u64 {
        let value = self.take_optional_number(key, range);
        if value.is_none()
            && let Some(shown) = self.effective.last_mut()
        {
            shown.value = Some(default.to_string());
        }
        value.unwrap_or(default)
    }

    /// Takes a number that may be left out.
    pub(super) fn take_optional_number(&mut self, key: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let Some(given) = self.take_given(key) else {
            self.show(key, None, Origin::Default);
            return None;
        };
        let message = match Unit::of(key).read(&given.raw) {
            Ok(number) if range.contains(&number) => {
                self.show(key, Some(number.to_string()), given.origin);
                return Some(number);
            }
            Ok(number) => {
                format!("takes {} to {}, not {number}", range.start(), range.end())
            }
            Err(takes) => format!("takes {takes}, not {}", given.raw.described()),
        };
        self.refuse(key, given.origin, message);
        self.show(key, None, Origin::Default);
        None
    }

    /// Takes a secret: from the file that `<key>_file` names, or from the environment variable of `<key>`.
    pub(super) fn take_secret(&mut self, key: &str) -> Option<Secret> {
        let file_key = format!("{key}_file");
        let variable = variable_of(key);
        self.known_variables.insert(variable.clone());
        let origin = self.origin_of(&file_key);
        let file: Option<PathBuf> = self.take_optional(&file_key);
        if let Some(given) = self.given.remove(key) {
            let message =
                format!("a secret does not stand in the configuration: give {file_key}, or ${variable}");
            self.refuse(key, given.origin, message);
            return None;
        }
        let word = self.environment.get(&variable).cloned();
        match (file, word) {
            (Some(path), Some(_)) => {
                let message =
                    format!("given twice: by {} and by ${variable}; leave one of them", path.display());
                self.refuse(&file_key, origin, message);
                None
            }
            (Some(path), None) => {
                if let Some(mode) = world_readable(&path) {
                    self.warn(
                        &file_key,
                        format!(
                            "{}: everybody on this machine may read it (mode {mode:04o}); chmod o-r",
                            path.display()
                        ),
                    );
                }
                match Secret::read(&path) {
                    Ok(secret) => Some(secret),
                    Err(error) => {
                        self.refuse(&file_key, origin, format!("{}: {error}", path.display()));
                        None
                    }
                }
            }
            (None, Some(word)) => {
                self.show(key, Some(MASK.into()), Origin::Environment(variable));
                Some(Secret::new(word))
            }
            (None, None) => None,
        }
    }

    /// Takes all settings below a key, whatever their names: another program's own.
    pub(super) fn take_table(&mut self, table: &'static str) -> Vec<(String, String, Origin)> {
        self.known_tables.insert(table);
        let prefix = format!("{table}.");
        let keys: Vec<String> = self.given.keys().filter(|key| key.starts_with(&prefix)).cloned().collect();
        let mut taken = BTreeMap::new();
        for key in keys {
            let Some(given) = self.given.remove(&key) else { continue };
            let name = key.get(prefix.len()..).unwrap_or_default().to_owned();
            match given.raw.as_word() {
                Some(word) => drop(taken.insert(name, (word, given.origin))),
                None => self.refuse(&key, given.origin, "takes a text, a number, true or false".into()),
            }
        }
        // Names of librdkafka and of Kafka's topics have dots where a variable's name has underscores.
        let variable_prefix = format!("{}_", variable_of(table));
        for (variable, word) in &self.environment {
            if let Some(rest) = variable.strip_prefix(&variable_prefix) {
                self.known_variables.insert(variable.clone());
                let name = rest.to_ascii_lowercase().replace('_', ".");
                if !matches!(taken.get(&name), Some((_, Origin::Flag))) {
                    taken.insert(name, (word.clone(), Origin::Environment(variable.clone())));
                }
            }
        }
        taken.into_iter().map(|(name, (word, origin))| (name, word, origin)).collect()
    }

    /// Returns where a key that is still there was given; ask before taking it.
    pub(super) fn origin_of(&self, key: &str) -> Origin {
        let variable = variable_of(key);
        match self.given.get(key) {
            Some(Given { origin: Origin::Flag, .. }) => Origin::Flag,
            _ if self.environment.contains_key(&variable) => Origin::Environment(variable),
            Some(given) => given.origin.clone(),
            None => Origin::Default,
        }
    }

    /// Returns where a key that was taken had been given.
    fn taken_origin(&self, key: &str) -> Origin {
        let shown = self.effective.iter().rev().find(|shown| shown.key == key);
        shown.map_or(Origin::Default, |shown| shown.origin.clone())
    }

    /// Refuses a setting that was read well but does not fit the others.
    pub(super) fn unfit(&mut self, key: &str, message: impl Into<String>) {
        let origin = self.taken_origin(key);
        self.refuse(key, origin, message.into());
    }

    /// Refuses a setting at a known place.
    pub(super) fn unfit_at(&mut self, key: &str, origin: Origin, message: impl Into<String>) {
        self.refuse(key, origin, message.into());
    }

    /// Returns true if a key has been refused already: what follows from that needs no telling.
    pub(super) fn was_refused(&self, key: &str) -> bool {
        self.problems.iter().any(|problem| problem.key == key)
    }

    /// Tells of a setting that a person should look at.
    pub(super) fn warn(&mut self, key: &str, message: impl Into<String>) {
        let origin = self.taken_origin(key);
        self.warnings.push(Problem { origin, key: key.to_owned(), message: message.into() });
    }

    /// Says what a setting came to be that was not given itself.
    pub(super) fn derived(&mut self, key: &str, value: String, origin: Origin) {
        if let Some(shown) = self.effective.iter_mut().rev().find(|shown| shown.key == key) {
            shown.value = Some(value);
            shown.origin = origin;
        }
    }

    /// Adds a setting of another program to those in effect.
    pub(super) fn show_foreign(&mut self, key: &str, value: String, origin: Origin) {
        self.show(key, Some(value), origin);
    }

    /// Refuses what nobody took, with the nearest name that somebody would have.
    pub(super) fn refuse_unknown(&mut self) {
        let unknown: Vec<(String, Origin)> =
            self.given.iter().map(|(key, given)| (key.clone(), given.origin.clone())).collect();
        for (key, origin) in unknown {
            let message = self.unknown_message(&key);
            self.refuse(&key, origin, message);
        }
        for (table, line) in std::mem::take(&mut self.tables) {
            let prefix = format!("{table}.");
            let is_known = self.known.iter().any(|key| key.starts_with(&prefix))
                || self.known_tables.iter().any(|known| *known == table || known.starts_with(&prefix));
            let has_unknown_keys = self.given.keys().any(|key| key.starts_with(&prefix));
            if !is_known && !has_unknown_keys && !self.is_in_known_table(&table) {
                let message = self.unknown_message(&table);
                self.refuse(&table, Origin::Line(line), message);
            }
        }
        let strangers: Vec<String> =
            self.environment.keys().filter(|name| !self.known_variables.contains(*name)).cloned().collect();
        for name in strangers {
            let near = nearest(&name, self.known_variables.iter().map(String::as_str));
            let hint = near.map(|near| format!("; did you mean ${near}?")).unwrap_or_default();
            self.warnings.push(Problem {
                origin: Origin::Environment(name),
                key: String::new(),
                message: format!("no setting has this name{hint}"),
            });
        }
    }

    fn is_in_known_table(&self, key: &str) -> bool {
        self.known_tables.iter().any(|table| key.starts_with(&format!("{table}.")))
    }

    fn unknown_message(&self, key: &str) -> String {
        let prefix = format!("{key}.");
        if self.known.iter().any(|known| known.starts_with(&prefix)) {
            return format!("a section, not a setting: write [{key}] and its settings below");
        }
        let sections = self.known.iter().filter_map(|known| Some(known.rsplit_once('.')?.0));
        let candidates = self.known.iter().map(String::as_str).chain(sections);
        match nearest(key, candidates.chain(self.known_tables.iter().copied())) {
            Some(near) => format!("unknown key; did you mean {near}?"),
            None => "unknown key; `ringtap config example` lists all there are".into(),
        }
    }
}

fn nearest<'k>(key: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let mut best = None;
    for candidate in known {
        // A key in the wrong section is near, too.
        let whole = strsim::normalized_damerau_levenshtein(key, candidate);
        let part = 0.9 * strsim::normalized_damerau_levenshtein(&last(key), &last(candidate));
        let score = whole.max(part);
        if score >= NEAR && best.is_none_or(|(most, _)| score > most) {
            best = Some((score, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Returns the environment variable that overrides a key: `kafka.brokers` has `RINGTAP_KAFKA_BROKERS`.
pub(super) fn variable_of(key: &str) -> String {
    format!("RINGTAP_{}", key.to_ascii_uppercase().replace('.', "_"))
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
}

fn raw(value: &DeValue<'_>) -> Raw {
    match value {
        DeValue::String(text) => Raw::Text(text.to_string()),
        DeValue::Integer(number) => {
            let parsed = i128::from_str_radix(number.as_str(), number.radix());
            parsed.map_or(Raw::Float(f64::INFINITY), Raw::Integer)
        }
        DeValue::Float(number) => Raw::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(value) => Raw::Boolean(*value),
        DeValue::Datetime(_) | DeValue::Table(_) => Raw::Date,
        DeValue::Array(items) => Raw::List(items.iter().map(|item| raw(item.get_ref())).collect()),
    }
}
