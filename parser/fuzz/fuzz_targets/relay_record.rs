#![no_main]

#[allow(dead_code, reason = "a function for each target")]
#[path = "../run/cluster_records.rs"]
mod run;

libfuzzer_sys::fuzz_target!(|data: &[u8]| run::relay(data));
