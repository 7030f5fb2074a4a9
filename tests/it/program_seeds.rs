//! What fuzzing the program's targets began with or found, run through the targets' own checks.

use std::{fs, path::Path};

#[allow(unreachable_pub, reason = "the fuzz targets have them as their public items")]
#[path = "../../parser/fuzz/run/cluster_records.rs"]
mod cluster_records;
#[allow(unreachable_pub, reason = "the fuzz target has it as its one public item")]
#[path = "../../parser/fuzz/run/schema.rs"]
mod schema;

fn replay(target: &str, run: fn(&[u8])) {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("parser/fuzz");
    let mut count = 0;
    for directory in ["seeds", "regressions"] {
        let Ok(listing) = fs::read_dir(fuzz.join(directory).join(target)) else { continue };
        for entry in listing {
            let path = entry.unwrap().path();
            println!("{}", path.display());
            run(&fs::read(&path).unwrap());
            count += 1;
        }
    }
    assert!(count > 0, "no seeds");
}

#[test]
fn what_fuzzing_schemas_began_with_or_found_passes() {
    replay("schema", schema::run);
}

#[test]
fn what_fuzzing_records_of_owners_began_with_or_found_passes() {
    replay("owners_record", cluster_records::owners);
}

#[test]
fn what_fuzzing_records_of_the_ledger_began_with_or_found_passes() {
    replay("ledger_record", cluster_records::ledger);
}

#[test]
fn what_fuzzing_relayed_changes_began_with_or_found_passes() {
    replay("relay_record", cluster_records::relay);
}
