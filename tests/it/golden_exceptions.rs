//! Where the dump differs from the lines that Cassandra's reader printed, and the proof of the reason.

use std::{collections::BTreeSet, fmt::Write as _};

use serde_json::Value;

/// Mutations of a log whose lines differ from the reference's.
pub(crate) struct Exception {
    /// Such as `4.1/var-kill9/live/1`.
    pub(crate) log: &'static str,
    segment: i64,
    /// Ends of the entries.
    ends: &'static [u64],
    reason: Reason,
}

/// Why lines differ. Each reason has a proof, which is made for each line.
#[derive(Clone, Copy)]
enum Reason {
    /// An early build of the reference reader printed the first 8 bytes of a counter's context as its
    /// number. Proof: its number is that; with the total of the shards in its place the lines are the same.
    CounterAsLong,
    /// The reference was decoded with a schema in which this column is dropped already: it was noted some
    /// statements later. Proof: the lines are the same but for that column, and the log drops it
    /// after that mutation.
    DroppedLater(&'static str),
    /// The updates of one mutation in another order: Cassandra 3.11 keeps them in a hash map. Proof: the
    /// lines of the mutation are the same ones.
    MutationOrder,
}

/// All that is known to differ; anything else is a failure, and so is one of these that does not differ.
pub(crate) const EXCEPTIONS: &[Exception] = &[
    Exception {
        log: "3.11/ddl",
        segment: 1_795_344_210_027,
        ends: &[39_865, 56_869, 61_802, 62_884, 68_760, 71_860],
        reason: Reason::MutationOrder,
    },
    Exception {
        log: "3.11/ddl",
        segment: 1_795_344_210_027,
        ends: &[55_300, 55_411, 55_522],
        reason: Reason::DroppedLater("aa"),
    },
    Exception {
        log: "3.11/ddl",
        segment: 1_795_344_210_027,
        ends: &[55_876],
        reason: Reason::DroppedLater("b"),
    },
    Exception { log: "3.11/ops", segment: 1_795_344_054_347, ends: &[40_266], reason: Reason::MutationOrder },
    Exception {
        log: "3.11/types",
        segment: 1_795_343_894_442,
        ends: &[39_966, 40_441],
        reason: Reason::MutationOrder,
    },
    Exception {
        log: "3.11/types",
        segment: 1_795_343_894_444,
        ends: &[
            502_532, 502_879, 502_971, 503_058, 503_150, 503_237, 503_370, 503_457, 503_594, 503_681,
            503_781, 503_868, 504_001, 504_088, 504_180, 504_267, 504_404, 504_491, 504_624, 504_711,
            504_803, 504_890, 504_982, 505_069, 505_255, 505_342, 505_434, 505_521, 505_613, 505_700,
            505_833, 505_920, 506_057, 506_144, 506_236, 506_323, 506_456, 506_543, 506_643, 506_730,
            506_867, 506_954, 507_087, 507_182, 507_274, 507_361, 507_461, 507_548, 507_726, 507_821,
            507_913, 508_000, 508_100, 508_187, 508_320, 508_407, 508_552, 508_639, 508_731, 508_818,
            508_906, 509_217, 509_304,
        ],
        reason: Reason::CounterAsLong,
    },
    Exception {
        log: "4.0/ddl",
        segment: 1_795_343_493_844,
        ends: &[59_662, 59_773, 59_884],
        reason: Reason::DroppedLater("aa"),
    },
    Exception {
        log: "4.0/ddl",
        segment: 1_795_343_493_844,
        ends: &[60_238],
        reason: Reason::DroppedLater("b"),
    },
    Exception {
        log: "4.1/ddl",
        segment: 1_795_343_514_132,
        ends: &[69_033, 69_152, 69_263],
        reason: Reason::DroppedLater("aa"),
    },
    Exception {
        log: "4.1/ddl",
        segment: 1_795_343_514_132,
        ends: &[69_641],
        reason: Reason::DroppedLater("b"),
    },
    Exception {
        log: "4.1/var-encrypted",
        segment: 1_795_343_746_448,
        ends: &[120_941, 165_689, 274_635, 274_724, 288_415, 377_163, 604_201, 611_497, 729_501],
        reason: Reason::CounterAsLong,
    },
    Exception {
        log: "4.1/var-kill9",
        segment: 1_795_343_863_843,
        ends: &[121_126, 165_922, 275_013, 275_102, 288_812, 377_618],
        reason: Reason::CounterAsLong,
    },
    Exception {
        log: "4.1/var-kill9/live/1",
        segment: 1_795_343_863_843,
        ends: &[121_126, 165_922, 275_013, 275_102, 288_812],
        reason: Reason::CounterAsLong,
    },
    Exception {
        log: "4.1/var-lz4",
        segment: 1_795_343_596_207,
        ends: &[120_954, 165_702, 274_648, 274_745, 288_428, 377_168, 604_198, 611_494, 729_474],
        reason: Reason::CounterAsLong,
    },
    Exception {
        log: "5.0/ddl",
        segment: 1_795_344_242_622,
        ends: &[82_415, 82_526, 82_645],
        reason: Reason::DroppedLater("aa"),
    },
    Exception {
        log: "5.0/ddl",
        segment: 1_795_344_242_622,
        ends: &[83_007],
        reason: Reason::DroppedLater("b"),
    },
];

/// Segment and end of an entry.
type Position = (i64, u64);

/// What a difference is.
pub(crate) enum Verdict {
    /// A known one, of this mutation, and the proof holds.
    Excepted(Position),
    /// Another.
    Different(String),
}

/// Lines of a log: Cassandra's and ours.
pub(crate) struct Lines<'l> {
    pub(crate) log: &'l str,
    pub(crate) expected: &'l [&'l str],
    pub(crate) found: &'l [&'l str],
}

impl Lines<'_> {
    /// Returns the positions in the table of exceptions, in order.
    pub(crate) fn listed(&self) -> Vec<Position> {
        let of_log = EXCEPTIONS.iter().filter(|exception| exception.log == self.log);
        let mut listed: Vec<Position> =
            of_log.flat_map(|exception| exception.ends.iter().map(|end| (exception.segment, *end))).collect();
        listed.sort_unstable();
        listed
    }

    /// Judges lines that differ.
    pub(crate) fn excepted(&self, at: usize) -> Verdict {
        let (Some(expected), Some(found)) = (self.expected.get(at), self.found.get(at)) else {
            return Verdict::Different("one of them ends".into());
        };
        let position = position(expected);
        let exception = EXCEPTIONS.iter().find(|exception| {
            exception.log == self.log
                && exception.segment == position.0
                && exception.ends.contains(&position.1)
        });
        let Some(exception) = exception else {
            return Verdict::Different("not a known difference".into());
        };
        let proof = match exception.reason {
            Reason::CounterAsLong => prove_counter_as_long(expected, found),
            Reason::DroppedLater(column) => self.prove_dropped_later(at, column),
            Reason::MutationOrder => self.prove_mutation_order(at),
        };
        match proof {
            Ok(()) => Verdict::Excepted(position),
            Err(why) => Verdict::Different(why.into()),
        }
    }

    /// Describes a difference: both lines from a little before the first character that differs.
    pub(crate) fn describe(&self, at: usize, why: &str) -> String {
        let line = |lines: &[&str]| lines.get(at).copied().unwrap_or("(no line)").to_owned();
        let (expected, found) = (line(self.expected), line(self.found));
        let same = expected.chars().zip(found.chars()).take_while(|(a, b)| a == b).count();
        let cut = |text: &str| text.chars().skip(same.saturating_sub(200)).take(600).collect::<String>();
        let mut text = format!("{}, line {}: {why}\n", self.log, at + 1);
        let _ = writeln!(text, "the lines begin, and differ from character {same} on");
        let _ = writeln!(text, "  expected {}", expected.chars().take(200).collect::<String>());
        let _ = writeln!(text, "  found    {}", found.chars().take(200).collect::<String>());
        let _ = write!(text, "there:\n  expected …{}\n  found    …{}", cut(&expected), cut(&found));
        text
    }

    fn prove_dropped_later(&self, at: usize, column: &str) -> Result<(), &'static str> {
        let (expected, mut found) = (parse(self.expected[at]), parse(self.found[at]));
        let written = remove_column(&mut found, column);
        if written.is_empty() || expected != found {
            return Err("differs in more than the column dropped later");
        }
        let (keyspace, table) = (quoted(&expected["keyspace"]), quoted(&expected["table"]));
        let later = self.expected[at..].iter().filter(|line| line.contains(r#""table":"dropped_columns""#));
        let dropped_at = later.map(|line| parse(line)).find_map(|line| {
            let is_of_keyspace = line["keyspace"] == "system_schema" && line["key_json"][0] == *keyspace;
            if is_of_keyspace { drop_time(&line, &table, column) } else { None }
        });
        match dropped_at {
            Some(ms) if written.iter().all(|ts| *ts < (ms + 1) * 1000) => Ok(()),
            Some(_) => Err("the column was dropped before that write"),
            None => Err("the column is not dropped later"),
        }
    }

    fn prove_mutation_order(&self, at: usize) -> Result<(), &'static str> {
        let here = position(self.expected[at]);
        let of_mutation = |lines: &[&str]| {
            let mut same: Vec<String> =
                lines.iter().filter(|line| position(line) == here).map(|&line| line.into()).collect();
            same.sort_unstable();
            same
        };
        let (expected, found) = (of_mutation(self.expected), of_mutation(self.found));
        if expected.len() < 2 || expected != found {
            return Err("differs in more than the order of a mutation's updates");
        }
        Ok(())
    }
}

/// Returns where a line's mutation stands, from the text: `{"segment":"CommitLog-7-1.log","pos":2,…`.
fn position(line: &str) -> Position {
    let after = |text: &'static str| line.split_once(text).map_or("", |(_, rest)| rest);
    let segment = after("CommitLog-").split_once('-').map_or("", |(_, rest)| rest);
    let segment = segment.split_once('.').map_or("", |(id, _)| id);
    let end = after(r#","pos":"#).split(',').next().unwrap_or_default();
    (segment.parse().expect("a segment's id"), end.parse().expect("a position"))
}

fn parse(line: &str) -> Value {
    serde_json::from_str(line).expect("lines are JSON")
}

/// Returns the text that the dump's lines have for a name: JSON within JSON.
fn quoted(name: &Value) -> String {
    name.to_string()
}

/// Returns the rows of an update, the static one too.
fn rows_of(line: &mut Value) -> Vec<&mut Value> {
    let line = line.as_object_mut().expect("a line is an object");
    let mut rows = vec![];
    for (name, value) in line {
        match name.as_str() {
            "static" => rows.push(value),
            "rows" => rows.extend(value.as_array_mut().expect("rows are a list")),
            _ => {}
        }
    }
    rows
}

/// Removes a column from the rows of an update, and returns the write times of what it had.
fn remove_column(line: &mut Value, column: &str) -> Vec<i64> {
    let mut times = vec![];
    for row in rows_of(line) {
        for part in ["cells", "complex_deletions"] {
            let Some(items) = row.get_mut(part).and_then(Value::as_array_mut) else {
                continue;
            };
            items.retain(|item| {
                let keeps = item["col"] != column;
                if !keeps {
                    times.push(item["ts"].as_i64().expect("a write time"));
                }
                keeps
            });
        }
    }
    times
}

/// Returns when a mutation of `system_schema.dropped_columns` says that a column was dropped, in milliseconds.
fn drop_time(line: &Value, table: &str, column: &str) -> Option<i64> {
    let column = Value::from(column).to_string();
    for row in line["rows"].as_array()? {
        if row["clustering_json"][0] != table || row["clustering_json"][1] != column.as_str() {
            continue;
        }
        let cell = row["cells"].as_array()?.iter().find(|cell| cell["col"] == "dropped_time")?;
        return i64::from_str_radix(cell["value"].as_str()?, 16).ok();
    }
    None
}

/// Puts totals in the place of the numbers that the reference has for counters.
fn prove_counter_as_long(expected: &str, found: &str) -> Result<(), &'static str> {
    let mut contexts = BTreeSet::new();
    for row in rows_of(&mut parse(expected)) {
        let cells = row["cells"].as_array().expect("cells are a list");
        contexts.extend(cells.iter().filter_map(|cell| cell["value"].as_str()).map(String::from));
    }
    let mut mended = expected.to_owned();
    for context in contexts {
        let bytes = unhex(&context);
        let (Some(first), Some(total)) = (bytes.first_chunk(), counter_total(&bytes)) else {
            return Err("not a counter's context");
        };
        let text = |number: i64| format!(r#""value":"{context}","json":"{number}","cql":"{number}""#);
        let as_long = text(i64::from_be_bytes(*first));
        if !mended.contains(&as_long) {
            return Err("the reference's number is not the context's first 8 bytes");
        }
        mended = mended.replace(&as_long, &text(total));
    }
    if mended == found { Ok(()) } else { Err("differs in more than the counter's number") }
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("hex"));
    digits.map(|pair| u8::from_str_radix(pair, 16).expect("hex")).collect()
}

/// Returns the sum of the counts in a context: a number of header entries of 2 bytes, those, and shards of id
/// (16 bytes), clock (8) and count (8) (`CounterContext`).
fn counter_total(context: &[u8]) -> Option<i64> {
    let (entries, rest) = context.split_first_chunk()?;
    let (_, shards) = rest.split_at_checked(2 * usize::from(u16::from_be_bytes(*entries)))?;
    let (shards, rest) = shards.as_chunks::<32>();
    let counts = shards.iter().filter_map(|shard| shard.last_chunk()).map(|count| i64::from_be_bytes(*count));
    (rest.is_empty() && !shards.is_empty()).then(|| counts.sum())
}
