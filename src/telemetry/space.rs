//! The room in `cdc_raw`: how much is taken, and when it will be full.

use std::{
    collections::VecDeque,
    fs, io,
    path::Path,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};

use crate::config::SpaceThresholds;

/// What lies in `cdc_raw`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SpaceUse {
    /// Bytes of all files.
    pub bytes: u64,
    /// Segments.
    pub segments: u64,
    /// Age of the oldest segment.
    pub oldest: Option<Duration>,
}

impl SpaceUse {
    /// Looks at the directory. Files that vanish meanwhile are not counted.
    pub fn measure(directory: &Path) -> io::Result<Self> {
        let now = SystemTime::now();
        let mut taken = Self::default();
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let Ok(metadata) = entry.metadata() else { continue };
            if !metadata.is_file() {
                continue;
            }
            taken.bytes += metadata.len();
            let name = entry.file_name();
            let is_log = Path::new(&name).extension().is_some_and(|extension| extension == "log");
            let is_segment = is_log && name.to_str().is_some_and(|name| name.starts_with("CommitLog-"));
            if !is_segment {
                continue;
            }
            taken.segments += 1;
            let age = metadata.modified().ok().and_then(|modified| now.duration_since(modified).ok());
            taken.oldest = taken.oldest.max(age);
        }
        Ok(taken)
    }
}

/// How full `cdc_raw` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpaceLevel {
    /// There is room.
    #[default]
    Fine,
    /// Above `source.space_warn_percent`.
    Warn,
    /// Above `source.space_critical_percent`.
    Critical,
}

/// How far below a threshold the level must fall before it is left, in percent of the limit: else a level that
/// wavers about the threshold is told again and again.
const HYSTERESIS_PERCENT: u64 = 3;

/// For how long measurements are kept to tell the rate.
const RATE_WINDOW: Duration = Duration::from_secs(300);

/// The most measurements that are kept.
const READINGS_MAX: usize = 128;

/// Watches `cdc_raw` fill.
#[derive(Debug)]
pub struct SpaceWatch {
    thresholds: SpaceThresholds,
    level: SpaceLevel,
    readings: VecDeque<(Duration, u64)>,
}

/// What a measurement tells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpaceForecast {
    /// How full it is.
    pub level: SpaceLevel,
    /// The level before, if this one is new: to be logged once.
    pub crossed_from: Option<SpaceLevel>,
    /// Time until it is full at the present rate; none if it does not grow.
    pub full_in: Option<Duration>,
}

impl SpaceWatch {
    /// Begins to watch.
    pub fn new(thresholds: SpaceThresholds) -> Self {
        Self { thresholds, level: SpaceLevel::Fine, readings: VecDeque::new() }
    }

    /// Takes a measurement at a time since some beginning, and tells where it leads.
    pub fn observe(&mut self, at: Duration, bytes: u64, limit_bytes: u64) -> SpaceForecast {
        let level = next_level(self.level, self.thresholds, bytes, limit_bytes);
        let crossed_from = (level != self.level).then_some(self.level);
        self.level = level;
        self.readings.push_back((at, bytes));
        while self.readings.len() > READINGS_MAX
            || self.readings.front().is_some_and(|(first, _)| at.saturating_sub(*first) > RATE_WINDOW)
        {
            self.readings.pop_front();
        }
        let rate = bytes_per_second(self.readings.make_contiguous());
        SpaceForecast { level, crossed_from, full_in: time_to_full(bytes, limit_bytes, rate) }
    }
}

fn next_level(level: SpaceLevel, thresholds: SpaceThresholds, bytes: u64, limit_bytes: u64) -> SpaceLevel {
    let bytes = u128::from(bytes) * 100;
    let is_over = |percent: u64| bytes >= u128::from(limit_bytes) * u128::from(percent) && limit_bytes > 0;
    let keeps = |threshold: SpaceLevel, percent: u64| {
        is_over(percent) || (level >= threshold && is_over(percent.saturating_sub(HYSTERESIS_PERCENT)))
    };
    if keeps(SpaceLevel::Critical, thresholds.critical_percent) {
        SpaceLevel::Critical
    } else if keeps(SpaceLevel::Warn, thresholds.warn_percent) {
        SpaceLevel::Warn
    } else {
        SpaceLevel::Fine
    }
}

/// Returns the slope of the line through the measurements (least squares), in bytes a second.
pub fn bytes_per_second(readings: &[(Duration, u64)]) -> f64 {
    let count = readings.len() as f64;
    if readings.len() < 2 {
        return 0.0;
    }
    let mean_at = readings.iter().map(|(at, _)| at.as_secs_f64()).sum::<f64>() / count;
    let mean_bytes = readings.iter().map(|(_, bytes)| *bytes as f64).sum::<f64>() / count;
    let (mut above, mut below) = (0.0, 0.0);
    for (at, bytes) in readings {
        let at = at.as_secs_f64() - mean_at;
        above += at * (*bytes as f64 - mean_bytes);
        below += at * at;
    }
    if below > 0.0 { above / below } else { 0.0 }
}

/// The longest time that is told: minutes of measurements say nothing of months.
const TIME_TO_FULL_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

/// Returns the time until a limit is reached at a rate; zero if it is reached, none if it never is, or not within 30 days.
pub fn time_to_full(bytes: u64, limit_bytes: u64, bytes_per_second: f64) -> Option<Duration> {
    let Some(left) = limit_bytes.checked_sub(bytes).filter(|left| *left > 0) else {
        return Some(Duration::ZERO);
    };
    if bytes_per_second <= 0.0 {
        return None;
    }
    let time = Duration::try_from_secs_f64(left as f64 / bytes_per_second).ok();
    time.filter(|time| *time <= TIME_TO_FULL_MAX)
}

#[cfg(test)]
mod tests {
    use super::{
        SpaceLevel::{Critical, Fine, Warn},
        *,
    };

    const THRESHOLDS: SpaceThresholds = SpaceThresholds { warn_percent: 60, critical_percent: 85 };

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_threshold_is_told_once_for_each_crossing() {
        let mut watch = SpaceWatch::new(THRESHOLDS);
        let mut crossings = Vec::new();
        for (second, bytes) in
            [500, 590, 600, 610, 595, 605, 590, 560, 850, 1_000, 840, 815, 100].iter().enumerate()
        {
            let forecast = watch.observe(seconds(second as u64), *bytes, 1_000);
            if let Some(from) = forecast.crossed_from {
                crossings.push((*bytes, from, forecast.level));
            }
        }
        assert_eq!(
            crossings,
            [
                (600, Fine, Warn),
                (560, Warn, Fine),
                (850, Fine, Critical),
                (815, Critical, Warn),
                (100, Warn, Fine)
            ]
        );
    }

    #[test]
    fn the_time_to_full_follows_the_rate() {
        let mut watch = SpaceWatch::new(THRESHOLDS);
        let mut last = None;
        for second in 0..10 {
            last = watch.observe(seconds(second), 100 * second, 10_000).full_in;
        }
        assert_eq!(last, Some(seconds((10_000 - 900) / 100)));
        assert_eq!(time_to_full(5, 10, 0.0), None);
        assert_eq!(time_to_full(5, 10, -1.0), None);
        assert_eq!(time_to_full(11, 10, -1.0), Some(Duration::ZERO));
        assert_eq!(time_to_full(0, u64::MAX, 1e-300), None);
        assert_eq!(time_to_full(0, 10_000_000, 1.0), None);
    }

    #[test]
    fn only_the_last_minutes_tell_the_rate() {
        let mut watch = SpaceWatch::new(THRESHOLDS);
        for second in 0..400 {
            watch.observe(seconds(second), 1_000, 10_000);
        }
        assert!(watch.readings.len() <= READINGS_MAX);
        assert_eq!(watch.observe(seconds(400), 1_000, 10_000).full_in, None);
        assert!(watch.observe(seconds(2_000), 2_000, 10_000).full_in.is_none());
    }

    #[test]
    fn a_directory_is_measured() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("CommitLog-7-1.log"), [0; 100]).unwrap();
        fs::write(directory.path().join("CommitLog-7-1_cdc.idx"), "10").unwrap();
        fs::create_dir(directory.path().join("CommitLog-7-2.log")).unwrap();
        let taken = SpaceUse::measure(directory.path()).unwrap();
        assert_eq!((taken.bytes, taken.segments), (102, 1));
        assert!(taken.oldest.is_some());
    }
}
