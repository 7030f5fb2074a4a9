//! The settings that all agents of a cluster must have alike: with others the same change would become another record.

use std::fmt::Write as _;

use xxhash_rust::xxh3::xxh3_128;

use crate::config::Config;

/// Returns the digest of what must agree. An agent whose digest is not that of the first one only audits.
pub(super) fn of(config: &Config) -> u128 {
    xxh3_128(text_of(config).as_bytes())
}

fn text_of(config: &Config) -> String {
    let Config { topic_prefix, records, tables, dedup, .. } = config;
    let mut text = format!("1 {topic_prefix} {:?}", records.schema_topic);
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        " {:?} {:?} {:?} {} {:?} {:?}",
        records.deletes, records.partition_by, tables, dedup.window_ms, dedup.late, dedup.cluster.datacenters,
    );
    text
}
