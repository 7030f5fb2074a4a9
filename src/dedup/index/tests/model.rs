//! Random work against a plain model, with aborts, crashes and restarts.

use std::collections::{HashMap, HashSet};

use super::*;

/// Numbers that follow from a seed (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) % bound
    }
}

/// Key, write time, column, value.
type Fact = (u64, i64, usize, u64);

const VALUES: [&[u8]; 3] = [b"one", b"two", b"three"];
const COLUMNS: [ColumnIndex; 2] = [A, B];

/// What the index must know: facts by the batch that brought them.
#[derive(Default)]
struct Model {
    known: HashMap<Fact, u64>,
}

impl Model {
    fn forget_after(&mut self, batch: u64) {
        self.known.retain(|_, known_since| *known_since <= batch);
    }
}

struct Work {
    bed: Bed,
    index: DedupIndex,
    model: Model,
    random: Random,
    now: SystemTime,
    /// Batches, counted from 1: the open one, the last committed one, the last durable one.
    open: u64,
    committed: u64,
    durable: u64,
    /// Bytes of the journal that are durable, and which one it is.
    synced: (PathBuf, u64),
    sealed: Vec<(u64, BatchNumber)>,
}

impl Work {
    fn new(seed: u64) -> Self {
        let mut bed = Bed::new();
        // Longer than the work takes: what the window does has a test of its own.
        bed.options.window = Duration::from_secs(24 * 3600);
        let (index, _) = bed.open(start());
        let synced = (bed.journal(), fs::metadata(bed.journal()).unwrap().len());
        let random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let (open, committed, durable) = (1, 0, 0);
        let (model, now, sealed) = (Model::default(), start(), Vec::new());
        Self { bed, index, model, random, now, open, committed, durable, synced, sealed }
    }

    /// Most are new, some come again, some in part.
    fn note(&mut self) {
        let key = self.random.below(3000);
        let timestamp = START_MICROS + self.random.below(4) as i64 * 90_000_000;
        let mut facts: Vec<Fact> = Vec::new();
        for column in 0..COLUMNS.len() {
            if self.random.below(3) > 0 {
                facts.push((key, timestamp, column, self.random.below(VALUES.len() as u64)));
            }
        }
        if facts.is_empty() {
            return;
        }
        let key_bytes = key.to_be_bytes();
        let write = |facts: &[Fact]| {
            let cells: Vec<_> = facts.iter().map(|fact| (COLUMNS[fact.2], VALUES[fact.3 as usize])).collect();
            self.bed.write(&key_bytes, timestamp, &cells)
        };
        let fresh: Vec<Fact> =
            facts.iter().filter(|fact| !self.model.known.contains_key(fact)).copied().collect();
        let expected = match fresh.len() {
            0 => Verdict::Duplicate,
            count if count == facts.len() => Verdict::New(write(&facts)),
            _ => Verdict::Partly(write(&fresh)),
        };
        assert_eq!(self.index.note(write(&facts)).unwrap(), expected, "{facts:?}");
        for fact in fresh {
            self.model.known.insert(fact, self.open);
        }
    }

    fn seal(&mut self) {
        let number = self.index.seal(progress(self.open));
        self.sealed.push((self.open, number));
        self.open += 1;
    }

    fn commit(&mut self) {
        if self.sealed.is_empty() {
            return;
        }
        let count = 1 + self.random.below(self.sealed.len() as u64) as usize;
        let (batch, number) = self.sealed[count - 1];
        self.sealed.drain(..count);
        self.index.commit(number).unwrap();
        self.committed = batch;
        self.note_durable();
    }

    /// A run that was written makes durable what it holds.
    fn note_durable(&mut self) {
        let journal = self.bed.journal();
        if journal != self.synced.0 {
            self.synced = (journal.clone(), 0);
        }
        let batch = |progress: &Progress| {
            progress.newest().map_or(0, |(_, read)| match read {
                crate::checkpoint::SegmentProgress::ReadTo(offset) => offset,
                crate::checkpoint::SegmentProgress::Finished => 0,
            })
        };
        let durable = batch(self.index.durable());
        assert!(durable >= self.durable && durable <= self.committed);
        if durable == self.committed {
            self.synced.1 = fs::metadata(&journal).unwrap().len();
        }
        self.durable = durable;
    }

    fn sync(&mut self) {
        self.now += Duration::from_secs(self.random.below(1000));
        assert_eq!(self.index.sync(self.now).unwrap(), progress(self.committed));
        self.note_durable();
        assert_eq!(self.durable, self.committed);
    }

    fn abort(&mut self) {
        self.index.abort();
        self.model.forget_after(self.committed);
        self.sealed.clear();
    }

    /// The process dies, or the power: of the journal, what is durable is left, and any part of the rest, perhaps with
    /// garbage behind it.
    fn crash(&mut self) {
        let copy = self.bed.copy();
        let journal = copy.journal();
        let length = fs::metadata(&journal).unwrap().len();
        let kept = self.synced.1 + self.random.below(length - self.synced.1 + 1);
        let mut bytes = fs::read(&journal).unwrap();
        bytes.truncate(kept as usize);
        bytes.extend((0..self.random.below(40)).map(|_| self.random.below(256) as u8));
        fs::write(&journal, bytes).unwrap();
        fs::write(copy.options.directory.join("run-4242"), "half a run").unwrap();
        fs::write(copy.options.directory.join("journal-4243"), "").unwrap();
        let (index, read) = copy.open(self.now);
        let survived = (self.durable..=self.committed).find(|batch| progress(*batch) == read);
        let survived = survived.unwrap_or_else(|| {
            panic!("{read} is not between batches {} and {}", self.durable, self.committed)
        });
        assert!(!copy.options.directory.join("run-4242").exists());
        self.synced = (journal.clone(), fs::metadata(&journal).unwrap().len());
        (self.bed, self.index) = (copy, index);
        self.model.forget_after(survived);
        self.sealed.clear();
        (self.committed, self.durable) = (survived, survived);
        self.open = self.open.max(survived + 1);
    }
}

#[test]
fn random_work_with_aborts_and_crashes_is_as_the_model_says() {
    let mut runs = 0;
    for seed in 1..=30 {
        println!("seed {seed}");
        let mut work = Work::new(seed);
        for _ in 0..6000 {
            match work.random.below(1000) {
                0..=24 => work.seal(),
                25..=44 => work.commit(),
                45..=52 => work.sync(),
                53..=54 => work.abort(),
                55..=56 => work.crash(),
                _ => work.note(),
            }
        }
        runs += work.index.stats().runs;
    }
    assert!(runs > 60, "{runs} runs: too few to show anything");
}

#[test]
fn within_the_window_nothing_is_forgotten_and_what_never_was_is_never_known() {
    for seed in 1..=4 {
        println!("seed {seed}");
        let mut bed = Bed::new();
        bed.options.window = Duration::from_secs(3600);
        let mut random = Random(seed | 1);
        let mut now = start();
        let (mut index, _) = bed.open(now);
        let mut published: HashMap<u64, SystemTime> = HashMap::new();
        let mut forgotten = 0;
        for batch in 1..600 {
            let mut noted = HashSet::new();
            for _ in 0..40 {
                let number = random.below(batch * 50);
                let is_new = bed.note(&mut index, number);
                let last = published.get(&number);
                match last {
                    _ if noted.contains(&number) => assert!(!is_new),
                    None => assert!(is_new, "{number} never was"),
                    Some(at) if *at + bed.options.window >= now => assert!(!is_new, "{number} of {at:?}"),
                    Some(_) => forgotten += u64::from(is_new),
                }
                if is_new {
                    noted.insert(number);
                }
            }
            let sealed = index.seal(progress(batch));
            if random.below(10) == 0 {
                index.abort();
                continue;
            }
            index.commit(sealed).unwrap();
            published.extend(noted.iter().map(|number| (*number, now)));
            now += Duration::from_secs(random.below(120));
            index.sync(now).unwrap();
            if random.below(50) == 0 {
                drop(index);
                index = bed.open(now).0;
            }
        }
        assert!(forgotten > 100, "{forgotten}");
    }
}
