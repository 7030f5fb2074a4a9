//! What lies on this machine: `cassandra.yaml`, the log's directories, its segments, its keys.

use std::{
    fs::{self, File},
    io::Read as _,
    os::unix::fs::MetadataExt as _,
    path::Path,
    time::{Duration, SystemTime},
};

use cassandra_commitlog::{
    keystore::{KeystoreError, find_secret_key},
    segment::{Descriptor, SectionEncoding},
};
use rustix::fs::{Access, access};

use super::findings::{Area, Findings};
use crate::{
    config::{Config, Release, WhenKafkaIsAway, default_cdc_space_bytes},
    source::{SegmentFile, find_segments},
    telemetry::SpaceUse,
};

/// The most segments of which the header is read; the newest tell whether new ones can be.
const HEADERS_MAX: usize = 16;

/// A segment's header is no longer than this.
const HEADER_BYTES: u64 = 70_000;

/// How far ahead of this machine's clock a file may be.
const AHEAD_MAX: Duration = Duration::from_secs(60);

/// The bit of a directory in which only a file's owner may delete it.
const STICKY: u32 = 0o1000;

pub(super) fn check(config: &Config, findings: &mut Findings) {
    check_yaml(config, findings);
    check_cdc_raw(config, findings);
    check_commitlog(config, findings);
    check_targets(config, findings);
    check_segments(config, findings);
    check_keystore(config, findings);
}

fn check_yaml(config: &Config, findings: &mut Findings) {
    let Some(yaml) = &config.cassandra_yaml else { return };
    let file = yaml.path.display();
    if yaml.cdc_enabled {
        findings.ok(Area::Source, format!("{file}: cdc_enabled is true"));
    } else {
        findings.error(
            Area::Source,
            format!("{file}: cdc_enabled is false: no segment comes to cdc_raw, and no change is published"),
            "set cdc_enabled: true and restart the node",
        );
    }
    if !yaml.cdc_block_writes {
        findings.warn(
            Area::Source,
            format!(
                "{file}: cdc_block_writes is false: when cdc_raw is full, the node deletes the oldest segments, read or not"
            ),
            "set cdc_block_writes: true, unless lost changes are better than refused writes",
        );
    }
    if yaml.cdc_enabled
        && yaml.commitlog_sync.as_deref() == Some("periodic")
        && yaml.commitlog_sync_period_ms > 60_000
    {
        findings.warn(
            Area::Source,
            format!("{file}: the log is synced every {} s only", yaml.commitlog_sync_period_ms / 1_000),
            "take 10 s or less for commitlog_sync_period",
        );
    }
    if config.dedup.window_ms < yaml.max_hint_window_ms {
        findings.warn(
            Area::Configuration,
            format!(
                "dedup.window_ms is {}, less than the hint window of {file}, which is {}: copies by hint come too late to \
                 be recognised",
                config.dedup.window_ms, yaml.max_hint_window_ms
            ),
            format!("set dedup.window_ms = {}", 2 * yaml.max_hint_window_ms),
        );
    }
}

/// Returns what a directory is, if it is one that this user may use so.
fn directory(path: &Path, wanted: Access, name: &str, findings: &mut Findings) -> Option<fs::Metadata> {
    let shown = path.display();
    let user = rustix::process::geteuid().as_raw();
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_dir() => {
            findings.error(
                Area::Source,
                format!("{name} {shown} is no directory"),
                "name the directory itself",
            );
            None
        }
        Ok(metadata) if access(path, wanted).is_ok() => Some(metadata),
        Ok(metadata) => {
            let (what, group) = if wanted.contains(Access::WRITE_OK) {
                ("read, write and search", "rwx")
            } else {
                ("read and search", "rx")
            };
            findings.error(
                Area::Source,
                format!(
                    "{name} {shown}: user {user} may not {what} it (mode {:04o})",
                    metadata.mode() & 0o7777
                ),
                format!("add the user to group {} and run chmod g+{group} {shown}", metadata.gid()),
            );
            None
        }
        Err(error) => {
            findings.error(
                Area::Source,
                format!("{name} {shown}: {error}"),
                "see where the node has it; it is made when the node starts with cdc_enabled",
            );
            None
        }
    }
}

fn check_cdc_raw(config: &Config, findings: &mut Findings) {
    let path = &config.source.cdc_raw_directory;
    let wanted = match config.source.release {
        Release::Keep => Access::READ_OK | Access::EXEC_OK,
        _ => Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK,
    };
    let Some(metadata) = directory(path, wanted, "cdc_raw", findings) else { return };
    let shown = path.display();
    let user = rustix::process::geteuid();
    if metadata.mode() & STICKY != 0 && !user.is_root() && metadata.uid() != user.as_raw() {
        findings.error(
            Area::Source,
            format!(
                "cdc_raw {shown} has the sticky bit: only Cassandra's own user may delete segments there"
            ),
            format!("chmod -t {shown}"),
        );
        return;
    }
    findings.ok(Area::Source, format!("cdc_raw {shown} can be read and segments there released"));
    check_space(config, findings);
}

fn check_space(config: &Config, findings: &mut Findings) {
    let path = &config.source.cdc_raw_directory;
    let volume = || {
        let volume = rustix::fs::statvfs(path).ok()?;
        Some(default_cdc_space_bytes(volume.f_blocks.saturating_mul(volume.f_frsize)))
    };
    let Some(limit) = config.source.cdc_space_bytes.or_else(volume) else { return };
    let Ok(taken) = SpaceUse::measure(path) else { return };
    let percent = u128::from(taken.bytes) * 100 / u128::from(limit.max(1));
    let text = format!(
        "cdc_raw holds {} of {limit} bytes in {} segments ({percent} %)",
        taken.bytes, taken.segments
    );
    if percent >= u128::from(config.source.space.warn_percent) {
        findings.warn(
            Area::Source,
            format!("{text}; when it is full, the node refuses writes to CDC tables"),
            "start the agent; if it runs, see what it waits for, or raise the limit in cassandra.yaml",
        );
    } else {
        findings.ok(Area::Source, text);
    }
}

fn check_commitlog(config: &Config, findings: &mut Findings) {
    let path = &config.source.commitlog_directory;
    let wanted = Access::READ_OK | Access::EXEC_OK;
    let Some(metadata) = directory(path, wanted, "commitlog", findings) else { return };
    findings.ok(Area::Source, format!("commitlog {} can be read", path.display()));
    let Ok(cdc_raw) = fs::metadata(&config.source.cdc_raw_directory) else { return };
    if metadata.dev() != cdc_raw.dev() {
        findings.error(
            Area::Source,
            "cdc_raw and commitlog are on two file systems: the node can't link segments from one into the other",
            "set cdc_raw_directory in cassandra.yaml to a directory beside commitlog",
        );
    }
}

/// Where segments are moved to.
fn check_targets(config: &Config, findings: &mut Findings) {
    let archive = match &config.source.release {
        Release::Archive(directory) => Some(("archive", directory)),
        _ => None,
    };
    let spool = match &config.source.when_kafka_is_away {
        WhenKafkaIsAway::Spool { directory, .. } => Some(("spool", directory)),
        WhenKafkaIsAway::Wait => None,
    };
    let wanted = Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK;
    for (name, path) in archive.into_iter().chain(spool) {
        let Some(metadata) = directory(path, wanted, name, findings) else { continue };
        let shown = path.display();
        match fs::metadata(&config.source.cdc_raw_directory) {
            Ok(cdc_raw) if cdc_raw.dev() != metadata.dev() => findings.error(
                Area::Source,
                format!(
                    "{name} {shown} is on another file system than cdc_raw: segments can't be moved there"
                ),
                "take a directory beside cdc_raw",
            ),
            _ => findings.ok(Area::Source, format!("{name} {shown} can be written")),
        }
    }
}

fn check_segments(config: &Config, findings: &mut Findings) {
    let directories: Vec<_> = [&config.source.cdc_raw_directory, &config.source.commitlog_directory]
        .into_iter()
        .filter(|path| path.is_dir())
        .collect();
    let Ok(segments) = find_segments(directories) else { return };
    let (mut readable, mut unreadable) = (0, 0);
    let mut is_encrypted = false;
    for segment in segments.iter().rev().take(HEADERS_MAX) {
        match encoding(segment) {
            Ok(encoding) => {
                readable += 1;
                is_encrypted |= matches!(encoding, Some(SectionEncoding::Encrypted(_)));
            }
            Err(error) => {
                unreadable += 1;
                if unreadable == 1 {
                    findings.error(
                        Area::Source,
                        format!("{}: {error}", segment.path.display()),
                        "the files need group read: start the node with umask 0027, and the agent in the node's group",
                    );
                }
            }
        }
    }
    if unreadable == 0 {
        findings.ok(
            Area::Source,
            format!("{} segments; the headers of the newest {readable} can be read", segments.len()),
        );
    }
    if is_encrypted && config.source.keystore.is_none() {
        findings.error(
            Area::Source,
            "segments are encrypted, and there is no key store",
            "set source.keystore_file and source.keystore_password_file",
        );
    }
    check_clock(&segments, findings);
}

fn encoding(segment: &SegmentFile) -> std::io::Result<Option<SectionEncoding>> {
    let mut header = Vec::new();
    File::open(&segment.path)?.take(HEADER_BYTES).read_to_end(&mut header)?;
    // A header that is damaged or not written yet is the agent's business, not that of the permissions.
    Ok(Descriptor::parse(&header).ok().flatten().map(|descriptor| descriptor.encoding))
}

fn check_clock(segments: &[SegmentFile], findings: &mut Findings) {
    let now = SystemTime::now();
    let ahead = segments
        .iter()
        .filter_map(|segment| fs::metadata(&segment.path).ok()?.modified().ok())
        .filter_map(|modified| modified.duration_since(now).ok())
        .max();
    if let Some(ahead) = ahead.filter(|ahead| *ahead > AHEAD_MAX) {
        findings.warn(
            Area::Source,
            format!("a segment was written {} s ahead of this machine's clock", ahead.as_secs()),
            "see whether the clock is synchronised: ages and the dedup window hang on it",
        );
    }
}

fn check_keystore(config: &Config, findings: &mut Findings) {
    let Some(keystore) = &config.source.keystore else { return };
    let shown = keystore.file.display();
    let bytes = match fs::read(&keystore.file) {
        Ok(bytes) => bytes,
        Err(error) => {
            findings.error(Area::Source, format!("key store {shown}: {error}"), "see source.keystore_file");
            return;
        }
    };
    let key_password = keystore.key_password.as_ref().map(crate::config::Secret::expose);
    match find_secret_key(&bytes, "", keystore.password.expose(), key_password) {
        Ok(_) | Err(KeystoreError::NoSuchAlias { .. }) => {
            findings.ok(Area::Source, format!("key store {shown} opens"));
        }
        Err(error) => findings.error(
            Area::Source,
            format!("key store {shown}: {error}"),
            "see source.keystore_password_file and source.key_password_file",
        ),
    }
}
