//! What fuzzing the schema's CQL began with, run through the target's own checks.

use std::{fs, path::Path};

#[allow(unreachable_pub, reason = "the fuzz target has it as its one public item")]
#[path = "../../parser/fuzz/run/schema.rs"]
mod target;

#[test]
fn what_fuzzing_schemas_began_with_or_found_passes() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("parser/fuzz");
    let mut count = 0;
    for directory in ["seeds/schema", "regressions/schema"] {
        let Ok(listing) = fs::read_dir(fuzz.join(directory)) else { continue };
        for entry in listing {
            let path = entry.unwrap().path();
            println!("{}", path.display());
            target::run(&fs::read(&path).unwrap());
            count += 1;
        }
    }
    assert!(count > 0, "no seeds");
}
