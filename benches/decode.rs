//! Byte throughput of the stages: framing alone, full decode, records to JSON. `cargo bench --bench decode`.
//!
//! Reads the sample in the tree, or the segments in `RINGTAP_BENCH_SEGMENTS` (see `benches/segments`).

use std::{fs, path::PathBuf};

use cassandra_commitlog::{
    decode::{MutationDecoder, Visitor},
    mutation::{Cell, ColumnIndex},
    segment::{DecoderOptions, FileState, Input, Poll, SegmentDecoder},
};
use divan::{Bencher, black_box, counter::BytesCount};
use ringtap::{
    change,
    node_log::{LogEvent, NodeLog},
    record::{JsonRecords, Node, RecordPlace},
    schema::Catalogue,
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

#[divan::bench]
fn records_to_json(bencher: Bencher<'_, '_>) {
    let bench = Bench::load();
    bencher.counter(bench.bytes()).bench_local(|| {
        let mut records = JsonRecords::new(Node::default());
        let (mut key, mut value) = (String::new(), String::new());
        let mut log = NodeLog::new(bench.segments.clone(), None, Catalogue::new());
        let read = log.read(|_, event| {
            let LogEvent::Mutation(logged) = event else { return Ok(()) };
            for (index, change) in (0..).zip(change::changes(&logged.mutation)) {
                key.clear();
                value.clear();
                let place = RecordPlace { position: logged.position, index };
                let _ = records.write(&change, place, &mut key, &mut value);
                black_box(&value);
            }
            Ok::<_, ReadError>(())
        });
        read.expect("the segments to measure can be read");
    });
}
