//! The targets of the fuzzer, without the fuzzer: every input that is stored for them, and for some seconds what is near these.
//! `scripts/fuzz` looks further.

#[path = "../fuzz/src/targets/mod.rs"]
mod targets;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use fastrand::Rng;
use targets::{TARGETS, Target};

/// How long each target is given inputs that are near the stored ones.
const NEAR: Duration = Duration::from_secs(2);

/// The inputs that are stored for a target, with their names.
fn stored(target: &Target) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target.name);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut inputs: Vec<_> = files
        .map(|file| file.unwrap())
        .map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap()))
        .collect();
    inputs.sort();
    inputs
}

/// Gives an input to a target; when something does not hold, the input is kept and named.
fn check(target: &Target, input: &[u8], from: &str) {
    if catch_unwind(AssertUnwindSafe(|| (target.check)(input))).is_err() {
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("broken-{}", target.name));
        fs::write(&kept, input).unwrap();
        panic!("{} does not hold for {}, made from {from}; why is above", target.name, kept.display());
    }
}

/// Something near `input`, with pieces of `other`.
fn near(input: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
    /// Where limits are often wrong, as text and as bytes.
    const ODD: [&[u8]; 12] = [
        b"\0",
        b"\n",
        b"\r\n",
        b"\"",
        b"\\",
        b"{",
        b"]",
        b"-1",
        b"1e999",
        b"18446744073709551616",
        b"\xff",
        "\u{2028}".as_bytes(),
    ];
    let mut bytes = input.to_vec();
    for _ in 0..rng.usize(1..8) {
        let from = rng.usize(..=bytes.len());
        let to = (from + rng.usize(..16)).min(bytes.len());
        let piece = |of: &[u8], rng: &mut Rng| {
            let start = rng.usize(..=of.len());
            of[start..(start + rng.usize(..64)).min(of.len())].to_vec()
        };
        let instead = match rng.u8(..6) {
            0 => Vec::new(),
            1 => vec![rng.u8(..)],
            2 => rng.choice(ODD).unwrap_or_default().to_vec(),
            3 => piece(other, rng),
            4 => piece(&bytes, rng),
            _ => bytes[from..to].repeat(rng.usize(2..40)),
        };
        bytes.splice(from..to, instead);
    }
    bytes
}

/// All stored inputs, and for [`NEAR`] others near them.
fn holds(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target");
    let inputs = stored(target);
    assert!(inputs.len() >= 8, "only {} inputs are stored", inputs.len());
    for (name, input) in &inputs {
        check(target, input, name);
    }
    let mut rng = Rng::new();
    let begun = Instant::now();
    while begun.elapsed() < NEAR {
        let [(name, one), (_, other)] = [(); 2].map(|()| &inputs[rng.usize(..inputs.len())]);
        check(target, &near(one, other, &mut rng), name);
    }
}

#[test]
fn configurations() {
    holds("configurations");
}

#[test]
fn events() {
    holds("events");
}

#[test]
fn journals() {
    holds("journals");
}

#[test]
fn notifications() {
    holds("notifications");
}

#[test]
fn posts() {
    holds("posts");
}

#[test]
fn requests() {
    holds("requests");
}

#[test]
fn sre_logs() {
    holds("sre-logs");
}

#[test]
fn every_target_is_tried() {
    let this = include_str!("fuzz.rs");
    for target in &TARGETS {
        assert!(this.contains(&format!("holds(\"{}\")", target.name)), "{}", target.name);
    }
}
