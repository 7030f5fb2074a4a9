//! What the kernel says of this process.

use std::fs;

/// Returns the resident memory in bytes.
pub fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// Returns the number of open files.
pub fn open_files() -> Option<u64> {
    // The listing itself is one of them.
    let count = fs::read_dir("/proc/self/fd").ok()?.count();
    Some(u64::try_from(count).ok()?.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells() {
        assert!(resident_bytes().unwrap() > 1 << 20);
        let before = open_files().unwrap();
        let _file = fs::File::open("/proc/self/status").unwrap();
        // Other tests open and close files meanwhile.
        assert!(before > 0 && open_files().unwrap() > 0);
    }
}
