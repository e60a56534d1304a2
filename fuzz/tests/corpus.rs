//! Each input that was worth keeping, and what fuzzers begin with, run by any compiler.

use std::{
    fs,
    panic::catch_unwind,
    path::{Path, PathBuf},
};

use wintersock_fuzz::{TARGETS, seeds};

fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name)
}

fn corpus(name: &str) -> Vec<(String, Vec<u8>)> {
    let files = fs::read_dir(directory(name)).into_iter().flatten().map(|entry| entry.unwrap().path());
    let mut files: Vec<(String, Vec<u8>)> =
        files.map(|path| (path.display().to_string(), fs::read(&path).unwrap())).collect();
    files.sort();
    files
}

/// What the input of a target makes of it; says which one it was.
fn replay(target: fn(&[u8]), name: &str, bytes: &[u8]) {
    assert!(catch_unwind(|| target(bytes)).is_ok(), "{name}: {:?}", String::from_utf8_lossy(bytes));
}

#[test]
fn what_was_kept_is_right() {
    for target in TARGETS {
        for (name, bytes) in corpus(target.name) {
            replay(target.run, &name, &bytes);
        }
    }
}

#[test]
fn what_fuzzers_begin_with_is_right() {
    for (target, name, bytes) in seeds() {
        let run = TARGETS.iter().find(|known| known.name == target).unwrap().run;
        replay(run, &format!("{target}/{name}"), &bytes);
    }
}

/// A look in the neighbourhood, always the same one.
#[test]
fn what_is_near_is_right() {
    const ROUNDS: usize = 300;
    for target in TARGETS {
        let mut known: Vec<Vec<u8>> = corpus(target.name).into_iter().map(|(_, bytes)| bytes).collect();
        known.extend(seeds().into_iter().filter(|(of, ..)| *of == target.name).map(|(.., bytes)| bytes));
        let mut dice = Dice(0);
        for round in 0..ROUNDS {
            let mut bytes = known.get(dice.below(known.len().max(1))).cloned().unwrap_or_default();
            for _ in 0..=dice.below(4) {
                change(&mut bytes, &mut dice, &known);
            }
            replay(target.run, &format!("{} in round {round}", target.name), &bytes);
        }
    }
}

fn change(bytes: &mut Vec<u8>, dice: &mut Dice, known: &[Vec<u8>]) {
    let at = dice.below(bytes.len() + 1);
    match dice.below(5) {
        0 => bytes.truncate(at),
        1 => bytes.insert(at, dice.below(256) as u8),
        2 => {
            let end = (at + dice.below(8)).min(bytes.len());
            bytes.drain(at..end);
        }
        3 => {
            let other = known.get(dice.below(known.len().max(1))).map_or(&[][..], |other| other);
            let from = dice.below(other.len() + 1);
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
        }
        _ => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << dice.below(8);
            }
        }
    }
}

/// Numbers that look random.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }
}

#[test]
fn each_target_is_one_of_libfuzzers() {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let names: Vec<&str> =
        manifest.split("[[bin]]\nname = \"").skip(1).filter_map(|part| part.split('"').next()).collect();
    assert_eq!(names, TARGETS.map(|target| target.name));
}

#[test]
fn the_corpus_is_small() {
    for target in TARGETS {
        let files = corpus(target.name);
        let size: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
        assert!(!files.is_empty() && files.len() <= 100, "{}: {} files", target.name, files.len());
        assert!(size <= 200 * 1024, "{}: {size} bytes", target.name);
    }
}
