//! Runs every kept seed and every kept find through its target: what was found once is not to come back.

use std::{fs, path::Path, sync::mpsc, thread, time::Duration};

use acebase_ipc_fuzz::{TARGETS, Target};

/// An input that takes longer hangs, as it does for the fuzzer.
const LONGEST: Duration = Duration::from_secs(10);

/// One test, and no other beside it: targets count the memory of the whole process.
#[test]
fn every_seed_and_every_find_passes() {
    let failed: Vec<String> = TARGETS.iter().flat_map(|(name, target)| failures(name, *target)).collect();
    assert!(failed.is_empty(), "failed: {failed:#?}");
}

fn failures(name: &str, target: Target) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (seeds, finds) = (files(&root.join("seeds").join(name)), files(&root.join("regressions").join(name)));
    assert!(!seeds.is_empty(), "{name} has no seeds");
    let fails = |path: &String| {
        let data = fs::read(path).unwrap();
        let (done, outcome) = mpsc::channel();
        // One that hangs is left behind. One that panics says nothing.
        thread::spawn(move || {
            target(&data);
            done.send(())
        });
        outcome.recv_timeout(LONGEST).is_err()
    };
    [seeds, finds].concat().into_iter().filter(fails).collect()
}

/// The files of a folder, in order; none where there is no such folder.
fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<String> = entries.map(|entry| entry.path().display().to_string()).collect();
    paths.sort();
    paths
}
