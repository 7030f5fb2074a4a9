# The daily commands, for `just` (https://just.systems). All of them are plain cargo but for what `tests/run` says.

sample := "tests/sample/cdc_raw"

# Lists these commands
default:
    @just --list

# Everything that must hold before a commit: format, lints, documentation, tests
check *options:
    tests/run {{ options }}

# Formats the code
format:
    cargo fmt --all

# Lints of the whole workspace, as errors
lint:
    cargo clippy --workspace --all-targets -- -D warnings

# The tests, or some of them
test *options:
    cargo test --workspace {{ options }}

# The documentation of both crates, as readers will see it
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# Runs ringtap: `just ringtap replay tests/sample/cdc_raw`
ringtap *arguments:
    @cargo run --quiet --release -- {{ arguments }}

# Prints the records of the sample log
replay *options:
    @cargo run --quiet --release -- replay {{ options }} {{ sample }}

# Fuzzes one target of the parser for some seconds (needs nightly and cargo-fuzz)
fuzz target seconds="60":
    mkdir -p parser/fuzz/corpus/{{ target }}
    cd parser/fuzz && cargo +nightly fuzz run -s none --features program {{ target }} corpus/{{ target }} seeds/{{ target }} -- -rss_limit_mb=512 -timeout=10 -max_total_time={{ seconds }}

# Compares ringtap with Cassandra's own reader (makes segments with a real node the first time)
bench:
    benches/against_cassandra
