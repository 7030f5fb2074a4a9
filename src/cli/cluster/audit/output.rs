//! What is printed: a line for each change that is told of, and the totals.

use std::io::{self, Write as _};

use serde_json::{Value, json};

use super::logs::JudgedLogs;
use crate::{
    cli::CliError,
    cluster::audit::{EntryPlace, FoundChange, LedgerAudit, NotedEntry, Totals, WriteSpan},
    replay::iso_micros,
};

/// A change that is missing.
pub(super) struct Missing {
    pub(super) change: FoundChange,
    /// How many of its parts are missing.
    pub(super) parts: usize,
    /// How many it has.
    pub(super) of: usize,
}

/// Prints to stdout.
pub(super) struct Output {
    is_json: bool,
    /// How many missing changes are still told of.
    left: usize,
}

impl Output {
    pub(super) fn new(is_json: bool, list: usize) -> Self {
        Self { is_json, left: list }
    }

    /// Tells of a missing change, unless enough were told of.
    pub(super) fn missing(&mut self, missing: &Missing) -> Result<(), CliError> {
        if self.left == 0 {
            return Ok(());
        }
        self.left -= 1;
        let Missing { change, parts, of } = missing;
        if self.is_json {
            let mut line = json!({ "finding": "missing", "missing_parts": parts, "parts": of });
            add_change(&mut line, change);
            return print(&line.to_string());
        }
        let part = if parts == of { String::new() } else { format!(", {parts} of {of} parts") };
        print(&format!("missing  {}{part}", text_of(change)))
    }

    /// Tells of what is late or twice, as far as it was noted.
    pub(super) fn noted(&self, audit: &LedgerAudit) -> Result<(), CliError> {
        for entry in audit.late() {
            self.entry("late", entry)?;
        }
        for entry in audit.repeated() {
            self.entry("twice", entry)?;
        }
        Ok(())
    }

    fn entry(&self, what: &str, entry: &NotedEntry) -> Result<(), CliError> {
        let minute_at = i64::from(entry.minute).saturating_mul(60_000_000);
        let id = format!("{:016x}{:016x}", entry.id.high, entry.id.low);
        if self.is_json {
            let places: Vec<Value> = entry.places.iter().map(place_json).collect();
            let mut line =
                json!({ "finding": what, "id": id, "minute": iso_micros(minute_at), "ledger": places });
            if let Some(change) = &entry.change {
                add_change(&mut line, change);
            }
            return print(&line.to_string());
        }
        let change = match &entry.change {
            Some(change) => text_of(change),
            None => format!("of the minute {}, in none of these logs (identity {id})", iso_micros(minute_at)),
        };
        let places: Vec<String> = entry.places.iter().map(place_text).collect();
        print(&format!("{what:<8} {change}; in the ledger at {}", places.join(", ")))
    }

    /// Tells the totals.
    pub(super) fn totals(&self, totals: &Totals, span: WriteSpan, logs: &JudgedLogs) -> Result<(), CliError> {
        let (since, until) = (iso_micros(span.since), iso_micros(span.until));
        let JudgedLogs { segments, not_judged, .. } = logs;
        let Totals {
            published,
            skipped,
            twice,
            late,
            judged,
            missing_copies,
            missing_changes,
            before,
            after,
        } = totals;
        if self.is_json {
            let line = json!({ "totals": {
                "written_since": since, "written_until": until, "segments": segments,
                "judged": judged, "missing_changes": missing_changes, "missing_copies": missing_copies,
                "late": late, "twice": twice, "published": published, "skipped": skipped,
                "before_span": before, "after_span": after, "mutations_not_judged": not_judged,
            }});
            return print(&line.to_string());
        }
        print(&format!(
            "written from {since} to before {until}; {segments} segments\n\
             logs     {judged} copies of changes judged, {before} written before and {after} after; {not_judged} mutations not judged\n\
             ledger   {published} published, {skipped} skipped\n\
             missing  {missing_changes} changes in {missing_copies} copies\n\
             late     {late} entries\n\
             twice    {twice} entries"
        ))
    }
}

fn print(line: &str) -> Result<(), CliError> {
    writeln!(io::stdout().lock(), "{line}").map_err(CliError::stdout)
}

fn text_of(change: &FoundChange) -> String {
    let FoundChange { table, token, written_at, node, place } = change;
    let written_at = iso_micros(*written_at);
    let token = token.map_or(String::new(), |token| format!(" token {token}"));
    format!("{table}{token}, written at {written_at}; {node} has it at {}:{}", place.position, place.index)
}

fn place_text(place: &EntryPlace) -> String {
    let EntryPlace { partition, offset, session, timestamp_ms } = place;
    let at = iso_micros(i64::try_from(*timestamp_ms).unwrap_or(i64::MAX).saturating_mul(1_000));
    format!("{partition}:{offset} (session {session}, {at})")
}

fn place_json(place: &EntryPlace) -> Value {
    let EntryPlace { partition, offset, session, timestamp_ms } = place;
    json!({ "partition": partition, "offset": offset, "session": session.to_string(), "at_ms": timestamp_ms })
}

fn add_change(line: &mut Value, change: &FoundChange) {
    let FoundChange { table, token, written_at, node, place } = change;
    // The token as text: readers of JSON in other languages have no integers of 64 bits.
    let change = json!({
        "table": table, "token": token.map(|token| token.to_string()), "written_at": iso_micros(*written_at), "write_time": written_at,
        "node": node, "segment": place.position.segment, "position": place.position.offset, "index": place.index,
    });
    if let (Value::Object(line), Value::Object(change)) = (line, change) {
        line.extend(change);
    }
}
