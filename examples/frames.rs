use ringtap::source::*;
use std::{path::Path, time::Instant};
fn main() {
    let paths: Vec<_> = std::env::args().skip(1).collect();
    let mut reader = SegmentReader::new(Default::default());
    let t = Instant::now();
    let (mut n, mut bytes) = (0u64, 0u64);
    for s in find_segments(&paths).unwrap() {
        let mut here = 0;
        let end = reader.read::<ReadError>(Path::new(&s.path), Some(s.name), |e| {
            match e {
                Event::Entry(e) => {
                    here += 1;
                    bytes += e.mutation.len() as u64
                }
                Event::Damage(d) => println!("{d}"),
                _ => {}
            }
            Ok(())
        });
        println!("{} {here} {end:?}", s.name);
        n += here;
    }
    let s = t.elapsed().as_secs_f64();
    println!(
        "total {n} {bytes} {:.3}s {:.0}/s {:.0} MB/s",
        s,
        n as f64 / s,
        bytes as f64 / s / 1e6
    );
}
