#![no_main]

#[path = "../run/cdc_index.rs"]
mod run;

libfuzzer_sys::fuzz_target!(|data: &[u8]| run::run(data));
