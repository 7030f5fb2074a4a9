//! Random work against a plain model, with crashes at any moment.

use super::*;

/// All that was filed, in order, and how much of it each sync had.
#[derive(Default)]
struct Model {
    filed: Vec<(u64, Vec<Atom>)>,
    /// The sync's number is its checkpoint's.
    syncs: Vec<usize>,
    known: BTreeMap<u64, BTreeSet<Atom>>,
}

impl Model {
    fn file(&mut self, number: u64, atoms: Vec<Atom>) {
        self.known.entry(number).or_default().extend(&atoms);
        self.filed.push((number, atoms));
    }

    fn back_to(&mut self, sync: usize) {
        self.syncs.truncate(sync + 1);
        self.filed.truncate(self.syncs[sync]);
        self.known.clear();
        for (number, atoms) in &self.filed {
            self.known.entry(*number).or_default().extend(atoms);
        }
    }
}

struct Work {
    bed: Bed,
    index: LedgerIndex,
    model: Model,
    random: Random,
    now_ms: u64,
    crashes: u64,
}

/// Numbers of changes: each has its write time.
const NUMBERS: u64 = 2000;

/// Most are new, some of any age, before 1970 too.
fn place_of(number: u64) -> Place {
    let timestamp = match number % 50 {
        0 => -(number as i64) * 7_777_777_777,
        1 => START_MICROS - number as i64 * 100_000_000_000,
        2 => i64::MAX - number as i64,
        _ => START_MICROS + number as i64 * 500_000,
    };
    Place { id: id(number), timestamp }
}

/// Another microsecond of the same minute.
fn exact(place: Place, random: &mut Random) -> Place {
    if place.timestamp > TIMESTAMP_MAX {
        return place;
    }
    let minute = place.timestamp.div_euclid(MINUTE_MICROS) * MINUTE_MICROS;
    Place { timestamp: minute + random.below(MINUTE_MICROS as u64) as i64, ..place }
}

impl Work {
    fn new(seed: u64) -> Self {
        let mut bed = Bed::new();
        bed.options.memory_bytes_max = 1 << 16;
        let (index, _) = bed.open();
        let model = Model { syncs: vec![0], ..Model::default() };
        Self { bed, index, model, random: Random::new(seed), now_ms: START_MS, crashes: 0 }
    }

    fn checkpoint(number: usize) -> LedgerCheckpoint {
        if number == 0 { LedgerCheckpoint::default() } else { checkpoint(number as u64) }
    }

    /// A record of the ledger; some say again what another said.
    fn read_record(&mut self) {
        self.now_ms += self.random.below(2000);
        self.index.note_record_time(self.now_ms - self.random.below(60_000));
        for _ in 0..=self.random.below(30) {
            let number = self.random.below(NUMBERS);
            let atoms: BTreeSet<Atom> =
                (0..=self.random.below(4)).map(|_| self.random.below(9) as Atom).collect();
            let atoms: Vec<Atom> = atoms.into_iter().collect();
            file(&mut self.index, place_of(number), &atoms);
            self.model.file(number, atoms);
        }
    }

    fn sync(&mut self) {
        let number = self.model.syncs.len();
        self.index.sync(Self::checkpoint(number)).unwrap();
        self.model.syncs.push(self.model.filed.len());
    }

    fn look_up_some(&mut self) {
        for _ in 0..20 {
            let number = self.random.below(NUMBERS);
            let place = exact(place_of(number), &mut self.random);
            let expected = self.model.known.get(&number).cloned().unwrap_or_default();
            assert_eq!(found(&mut self.index, place), expected, "{number}");
        }
    }

    /// The power fails, perhaps within a sync: of what that appended to the journal, any part is left, perhaps with garbage
    /// behind it.
    fn crash(&mut self) {
        let in_sync = self.random.below(2) == 0;
        let (before, before_length) = (self.bed.journal(), length(&self.bed.journal()));
        if in_sync {
            self.sync();
        }
        let image = self.bed.copy();
        let journal = image.journal();
        let mut bytes = fs::read(&journal).unwrap();
        let whole = bytes.len() as u64;
        let mut last = self.model.syncs.len() - 1;
        if in_sync && journal.file_name() == before.file_name() && self.random.below(3) > 0 {
            let kept = before_length + self.random.below(whole - before_length);
            bytes.truncate(kept as usize);
            last -= 1;
        }
        bytes.extend((0..self.random.below(40)).map(|_| self.random.below(256) as u8));
        fs::write(&journal, bytes).unwrap();
        fs::write(image.options.directory.join("run-424242"), "half a run").unwrap();
        fs::write(image.options.directory.join("journal-424243"), "").unwrap();
        let (index, read) = image.open();
        assert_eq!(read, Self::checkpoint(last), "as of a sync, and of the last one that was durable");
        // The index before the bed: its directory goes with that.
        self.index = index;
        self.bed = image;
        self.model.back_to(last);
        self.crashes += 1;
        self.check_all();
    }

    /// All that was filed is found, and nothing else.
    fn check_all(&mut self) {
        for number in 0..NUMBERS {
            let expected = self.model.known.get(&number).cloned().unwrap_or_default();
            assert_eq!(found(&mut self.index, place_of(number)), expected, "{number}");
        }
    }
}

#[test]
fn random_work_with_crashes_is_as_the_model_says() {
    let (mut runs, mut crashes) = (0, 0);
    for seed in 1..=12 {
        println!("seed {seed}");
        let mut work = Work::new(seed);
        for _ in 0..1000 {
            match work.random.below(200) {
                0..=14 => work.sync(),
                15..=16 => work.crash(),
                17..=19 => work.index.store.settle().unwrap(),
                20..=40 => work.look_up_some(),
                _ => work.read_record(),
            }
        }
        work.check_all();
        runs += work.index.stats().runs;
        crashes += work.crashes;
    }
    assert!(runs > 50 && crashes > 80, "{runs} runs, {crashes} crashes: too few to show anything");
}
