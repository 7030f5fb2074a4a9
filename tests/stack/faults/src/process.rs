//! What processes use, as the kernel tells it.

use std::{
    fs,
    io::{self, Write},
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;

/// What a process used up to now.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Usage {
    /// Seconds of processor time.
    pub cpu_seconds: f64,
    /// Resident bytes now.
    pub resident_bytes: u64,
    /// Resident bytes at most so far.
    pub resident_bytes_max: u64,
    /// Open files.
    pub files: usize,
    /// Threads.
    pub threads: u64,
}

/// Reads what a process used.
pub fn usage(pid: u32) -> Result<Usage> {
    let read = |name: &str| {
        let path = format!("/proc/{pid}/{name}");
        fs::read_to_string(&path).with_context(|| path)
    };
    let (stat, status) = (read("stat")?, read("status")?);
    // The name stands in parentheses and may hold anything.
    let (_, after_name) = stat.rsplit_once(')').context("/proc/…/stat has no name")?;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<u64>().ok()).context("/proc/…/stat");
    let status_number = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    Ok(Usage {
        cpu_seconds: (ticks(11)? + ticks(12)?) as f64 / ticks_per_second(),
        resident_bytes: status_number("VmRSS:").unwrap_or(0) * 1024,
        resident_bytes_max: status_number("VmHWM:").unwrap_or(0) * 1024,
        files: fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count),
        threads: status_number("Threads:").unwrap_or(0),
    })
}

fn ticks_per_second() -> f64 {
    rustix::param::clock_ticks_per_second() as f64
}

/// Sends a signal; one to a process that is gone does nothing.
pub fn signal(pid: u32, signal: Signal) -> io::Result<()> {
    let Some(pid) = Pid::from_raw(pid.cast_signed()) else { return Ok(()) };
    match kill_process(pid, signal) {
        Err(rustix::io::Errno::SRCH) | Ok(()) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Says whether a process is there and no zombie.
pub fn is_alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z')))
}

/// Writes a process's usage to a CSV file from time to time, until `goes_on` says no or the process is gone.
pub fn sample_to_csv(
    pid: u32,
    every: Duration,
    csv: &mut impl Write,
    mut goes_on: impl FnMut(&Usage) -> bool,
) -> Result<()> {
    let started = Instant::now();
    writeln!(csv, "seconds,cpu_seconds,resident_bytes,resident_bytes_max,files,threads")?;
    while let Ok(now) = usage(pid) {
        let Usage { cpu_seconds, resident_bytes, resident_bytes_max, files, threads } = now;
        let seconds = started.elapsed().as_secs_f64();
        writeln!(
            csv,
            "{seconds:.1},{cpu_seconds:.2},{resident_bytes},{resident_bytes_max},{files},{threads}"
        )?;
        csv.flush()?;
        if !goes_on(&now) {
            break;
        }
        std::thread::sleep(every);
    }
    Ok(())
}

/// Reads one column of a CSV file that [`sample_to_csv`] wrote, with the seconds beside it.
pub fn read_column(csv: &Path, column: &str) -> Result<Vec<(f64, f64)>> {
    let text = fs::read_to_string(csv).with_context(|| csv.display().to_string())?;
    let mut lines = text.lines();
    let header = lines.next().unwrap_or_default();
    let at =
        header.split(',').position(|name| name == column).with_context(|| format!("no column {column}"))?;
    let mut points = Vec::new();
    for line in lines {
        let mut fields = line.split(',');
        let (Some(seconds), Some(value)) = (fields.next(), line.split(',').nth(at)) else { continue };
        if let (Ok(seconds), Ok(value)) = (seconds.parse(), value.parse()) {
            points.push((seconds, value));
        }
    }
    Ok(points)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_usage_is_told_and_sampled() {
        let own = usage(std::process::id()).unwrap();
        assert!(own.resident_bytes > 0 && own.resident_bytes <= own.resident_bytes_max, "{own:?}");
        assert!(own.files > 0 && own.threads > 0, "{own:?}");

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("samples.csv");
        let mut samples = 0;
        let mut file = fs::File::create(&path).unwrap();
        sample_to_csv(std::process::id(), Duration::from_millis(1), &mut file, |_| {
            samples += 1;
            samples < 3
        })
        .unwrap();
        let points = read_column(&path, "resident_bytes").unwrap();
        assert_eq!(points.len(), 3);
        assert!(points.iter().all(|(_, bytes)| *bytes > 0.0));
    }

    #[test]
    fn a_process_that_is_gone_is_not_alive() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        assert!(!is_alive(pid));
        assert!(is_alive(std::process::id()));
        signal(pid, Signal::TERM).unwrap();
    }
}
