//! `ringtap quarantine`.

use std::{
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use cassandra_commitlog::{Position, segment::SegmentFileName};
use clap::{Args, Subcommand};

use super::{CliError, ExitStatus, outcome::say};
use crate::quarantine::{Item, ItemKind, items};

#[derive(Debug, Args)]
pub(super) struct QuarantineArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List what is kept, one line for each, without values
    List {
        /// The quarantine's directory
        directory: PathBuf,
        /// Print JSON lines with every field
        #[arg(long)]
        json: bool,
    },
    /// Show everything about what is kept of one position, without values
    Show {
        /// The quarantine's directory
        directory: PathBuf,
        /// Where it stood in the log, as the list says it
        #[arg(value_name = "SEGMENT:POSITION")]
        position: Position,
        /// Print JSON lines
        #[arg(long, conflicts_with = "bytes")]
        json: bool,
        /// Write its bytes, as they are, to stdout: values too
        #[arg(long)]
        bytes: bool,
    },
}

impl QuarantineArgs {
    pub(super) fn run(self) -> Result<ExitStatus, CliError> {
        match self.what {
            What::List { directory, json } => list(&directory, json),
            What::Show { directory, position, json, bytes } => show(&directory, position, json, bytes),
        }
    }
}

fn list(directory: &Path, json: bool) -> Result<ExitStatus, CliError> {
    let kept = items(directory)?;
    let mut text = String::new();
    for (segment, item) in &kept {
        text.push_str(&if json { json_line(*segment, item) } else { line(*segment, item) });
        text.push('\n');
    }
    print(text.as_bytes())?;
    let count = |kind: ItemKind| kept.iter().filter(|(_, item)| item.kind == kind).count();
    let [entries, damaged, records] = [ItemKind::Entry, ItemKind::Damage, ItemKind::Record].map(count);
    say(&format!("{entries} entries, {damaged} damaged places, {records} records"));
    Ok(ExitStatus::Ok)
}

fn show(directory: &Path, position: Position, json: bool, bytes: bool) -> Result<ExitStatus, CliError> {
    let kept = items(directory)?;
    let is_wanted = |(segment, item): &&(SegmentFileName, Item)| {
        segment.id == position.segment && item.position == position.offset
    };
    let mut is_found = false;
    for (segment, item) in kept.iter().filter(is_wanted) {
        is_found = true;
        if bytes {
            print(&content(directory, *segment, item)?)?;
        } else if json {
            print(format!("{}\n", json_line(*segment, item)).as_bytes())?;
        } else {
            print(details(*segment, item).as_bytes())?;
        }
    }
    if !is_found {
        say(&format!("nothing is kept of {position}"));
        return Ok(ExitStatus::Findings);
    }
    Ok(ExitStatus::Ok)
}

fn print(bytes: &[u8]) -> Result<(), CliError> {
    io::stdout().lock().write_all(bytes).map_err(CliError::stdout)
}

fn word(kind: ItemKind) -> &'static str {
    match kind {
        ItemKind::Entry => "entry",
        ItemKind::Damage => "damage",
        ItemKind::Record => "record",
    }
}

fn line(segment: SegmentFileName, item: &Item) -> String {
    let record = item.index.map(|index| format!(":{index}")).unwrap_or_default();
    let place = format!("{}:{}{record}", segment.id, item.position);
    let table = item.table.as_deref().unwrap_or("-");
    let (kind, bytes) = (word(item.kind), item.end - item.start);
    format!("{}  {kind:6}  {place}  {bytes} bytes  table {table}  {}", item.time, item.reason)
}

/// The fields as they are stored, behind the segment's id.
fn json_line(segment: SegmentFileName, item: &Item) -> String {
    let fields = serde_json::to_string(item).unwrap_or_default();
    let rest = fields.strip_prefix('{').unwrap_or_default();
    format!(r#"{{"segment":{},"file":"{}",{rest}"#, segment.id, item.file_name(segment))
}

fn details(segment: SegmentFileName, item: &Item) -> String {
    let mut text = String::new();
    let mut field = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            // Writing to a String does not fail.
            let _ = writeln!(text, "{name:<12}{value}");
        }
    };
    field("kind", Some(word(item.kind).into()));
    field("segment", Some(segment.to_string()));
    field("position", Some(item.position.to_string()));
    field("record", item.index.map(|index| index.to_string()));
    field("file offset", item.file_offset.map(|offset| offset.to_string()));
    field("table", item.table.as_deref().map(Into::into));
    field("schema", item.schema.as_deref().map(Into::into));
    field("reason", Some(item.reason.to_string()));
    field("time", Some(item.time.to_string()));
    field("bytes", Some((item.end - item.start).to_string()));
    field("of them key", item.key_bytes.map(|bytes| bytes.to_string()));
    field("stored in", Some(format!("{} from {}", item.file_name(segment), item.start)));
    text.push('\n');
    text
}

/// Reads the bytes of an item, and checks their CRC.
fn content(directory: &Path, segment: SegmentFileName, item: &Item) -> Result<Vec<u8>, CliError> {
    let path = directory.join(item.file_name(segment));
    let file = fs::read(&path).map_err(|source| CliError::File { path: path.clone(), source })?;
    let bytes = file.get(item.start as usize..item.end as usize).unwrap_or_default();
    if crc32fast::hash(bytes) != item.crc {
        let source = io::Error::new(io::ErrorKind::InvalidData, "the CRC of its bytes does not hold");
        return Err(CliError::File { path, source });
    }
    // An entry stands behind its sync marker and its own head, and before its CRC.
    let bytes = match item.kind {
        ItemKind::Entry => bytes.get(16..bytes.len().saturating_sub(4)).unwrap_or_default(),
        ItemKind::Damage | ItemKind::Record => bytes,
    };
    Ok(bytes.to_vec())
}
