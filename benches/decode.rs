//! Byte throughput of the stages: framing alone, full decode, to changes, to records. `cargo bench --bench decode`.
//!
//! Reads the sample in the tree, or the segments in `RINGTAP_BENCH_SEGMENTS` (see `benches/segments`).

use std::{fs, path::PathBuf};

use cassandra_commitlog::{
    Position,
    decode::{MutationDecoder, Visitor},
    mutation::{Cell, ColumnIndex},
    segment::{DecoderOptions, FileState, Input, Poll, SegmentDecoder},
};
use divan::{
    Bencher, black_box,
    counter::{BytesCount, ItemsCount},
};
use ringtap::{
    change,
    dedup::{SeenChanges, Verdict},
    node_log::NodeLog,
    record::{BatchWriter, Deletes, Node, PartitionBy, RecordPlace, TopicNames},
    schema::Catalogue,
    sink::{RecordBatch, RecordMarks},
    source::{ReadError, SegmentFile, find_segments},
};

fn main() {
    divan::main();
}

/// Segments in memory, with the schema that their log tells.
struct Bench {
    segments: Vec<SegmentFile>,
    files: Vec<Vec<u8>>,
    catalogue: Catalogue,
}

impl Bench {
    fn load() -> Self {
        let sample = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/sample/cdc_raw");
        let path = std::env::var_os("RINGTAP_BENCH_SEGMENTS").map_or(sample, PathBuf::from);
        let segments = find_segments([path]).expect("the segments to measure can be found");
        let mut log = NodeLog::new(segments.clone(), None, Catalogue::new());
        log.read(|_, _| Ok::<_, ReadError>(())).expect("the segments to measure can be read");
        let files =
            segments.iter().map(|segment| fs::read(&segment.path).expect("a segment can be read")).collect();
        Self { segments, files, catalogue: log.catalogue().clone() }
    }

    fn bytes(&self) -> BytesCount {
        BytesCount::new(self.files.iter().map(Vec::len).sum::<usize>())
    }

    /// Returns how many changes there are.
    fn changes(&self) -> usize {
        let mut count = 0;
        self.entries(|decoder, mutation| {
            let mutation = decoder.as_mut().and_then(|it| it.decode(mutation, &self.catalogue).ok());
            count += mutation.map_or(0, |mutation| change::into_changes(mutation).len());
        });
        count
    }

    /// Gives each entry of each segment.
    fn entries(&self, mut give: impl FnMut(&mut Option<MutationDecoder>, &[u8])) {
        let mut decoder = SegmentDecoder::new(DecoderOptions::default());
        for (segment, file) in self.segments.iter().zip(&self.files) {
            decoder.reset(Some(segment.name));
            let mut mutations = None;
            let input = Input {
                file_length: file.len() as u64,
                file_state: FileState::Final,
                window_offset: 0,
                window: file,
            };
            loop {
                match decoder.poll(input).expect("the segments to measure are whole") {
                    Poll::Header(header) => mutations = Some(MutationDecoder::new(header.version)),
                    Poll::Entry(entry) => give(&mut mutations, entry.mutation),
                    Poll::Damage(_) => {}
                    Poll::End(_) | Poll::Need(_) | Poll::Wait => break,
                }
            }
        }
    }
}

/// Looks at every field of every cell.
#[derive(Default)]
struct Sum(u64);

impl<'a> Visitor<'a> for Sum {
    fn clustering_value(&mut self, value: Option<&'a [u8]>) {
        self.0 += value.unwrap_or_default().len() as u64;
    }

    fn cell(&mut self, _: ColumnIndex, cell: &Cell<'a>) {
        self.0 += cell.timestamp as u64;
        self.0 += (cell.path.unwrap_or_default().len() + cell.value().unwrap_or_default().len()) as u64;
    }
}

#[divan::bench]
fn crc_of_the_files(bencher: Bencher<'_, '_>) {
    let bench = Bench::load();
    bencher.counter(bench.bytes()).bench_local(|| {
        for file in &bench.files {
            black_box(crc32fast::hash(file));
        }
    });
}

#[divan::bench]
fn framing(bencher: Bencher<'_, '_>) {
    let bench = Bench::load();
    bencher.counter(bench.bytes()).bench_local(|| {
        bench.entries(|_, mutation| {
            black_box(mutation);
        });
    });
}

#[divan::bench]
fn full_decode(bencher: Bencher<'_, '_>) {
    let bench = Bench::load();
    bencher.counter(bench.bytes()).bench_local(|| {
        let mut sum = Sum::default();
        bench.entries(|decoder, mutation| {
            if let Some(decoder) = decoder {
                let _ = decoder.visit(mutation, &bench.catalogue, &mut sum);
            }
        });
        black_box(sum.0)
    });
}

/// What is done with each mutation, each step after the ones before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Tree,
    Changes,
    Dedup,
    Records,
}

#[divan::bench]
fn tree(bencher: Bencher<'_, '_>) {
    up_to(Step::Tree, bencher);
}

#[divan::bench]
fn changes(bencher: Bencher<'_, '_>) {
    up_to(Step::Changes, bencher);
}

#[divan::bench]
fn dedup(bencher: Bencher<'_, '_>) {
    up_to(Step::Dedup, bencher);
}

#[divan::bench]
fn records(bencher: Bencher<'_, '_>) {
    up_to(Step::Records, bencher);
}

fn up_to(last: Step, bencher: Bencher<'_, '_>) {
    let bench = Bench::load();
    let writer = || {
        let names = TopicNames::new("cdc");
        BatchWriter::new(Node::default(), names, Deletes::default(), PartitionBy::default())
    };
    bencher
        .counter(bench.bytes())
        .counter(ItemsCount::new(bench.changes()))
        .with_inputs(|| (SeenChanges::new(), writer(), RecordBatch::default()))
        .bench_local_values(|(mut seen, mut writer, mut batch)| {
            measured(&bench, last, &mut seen, &mut writer, &mut batch);
        });
}

/// Has a name of its own so that a profiler can be told to count this alone:
/// `valgrind --tool=callgrind --toggle-collect='decode::measured*' target/release/deps/decode-… --test records`.
#[inline(never)]
fn measured(
    bench: &Bench,
    last: Step,
    seen: &mut SeenChanges,
    writer: &mut BatchWriter,
    batch: &mut RecordBatch,
) {
    const RECORDS_MAX: usize = 1000;
    let mut place = RecordPlace { position: Position::START, index: 0 };
    bench.entries(|decoder, mutation| {
        let Some(Ok(mutation)) = decoder.as_mut().map(|it| it.decode(mutation, &bench.catalogue)) else {
            return;
        };
        if last < Step::Changes {
            black_box(&mutation);
            return;
        }
        place.position.offset += 1;
        for change in change::into_changes(mutation) {
            if last < Step::Dedup {
                black_box(&change);
                continue;
            }
            let Verdict::New(change) = seen.note(change) else { continue };
            if last == Step::Records {
                let _ = writer.write(&change, place, RecordMarks::default(), batch);
            }
        }
        if batch.records().len() >= RECORDS_MAX {
            black_box(&*batch);
            batch.clear();
        }
    });
}
