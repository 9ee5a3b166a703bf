//! Samples made wrong by chance: what a fuzzer does, within the ordinary tests.

use std::{fs, path::Path};

use crate::testing::sim::{Sim, simulate};

/// Inputs that each target is given.
const INPUTS: u64 = 1_000;
/// Changes made to one sample at most.
const CHANGES_MAX: usize = 8;
/// How often a part is repeated at most.
const REPEATED_MAX: usize = 300;
/// Longest input; a part repeated in a repeated part would be endless.
const LENGTH_MAX: usize = 64 * 1024;
/// What parsers stumble over.
const STUMBLES: [&[u8]; 16] = [
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"[",
    b"{",
    b"]",
    b"}",
    b"null",
    b"-1",
    b"1e999",
    b"18446744073709551616",
    b"\xff",
    b"\x00",
    b"\xf0\x9f\x93\x9e",
    b"%00",
];

/// Gives `take` the samples in `seeds/target`, as they are and mangled. It panics at what must not be.
pub fn survives(seeds: &str, target: &str, take: fn(&[u8])) {
    let samples = samples(&Path::new(seeds).join(target));
    samples.iter().for_each(|sample| take(sample));
    simulate(INPUTS, |sim| {
        let mut input = sim.pick(&samples).clone();
        for _ in 0..=sim.below(CHANGES_MAX) {
            change(sim, &samples, &mut input);
        }
        input.truncate(LENGTH_MAX);
        sim.tell(|| format!("{}", input.escape_ascii()));
        take(&input);
    });
}

fn samples(folder: &Path) -> Vec<Vec<u8>> {
    let files = fs::read_dir(folder).unwrap_or_else(|fault| panic!("{folder:?}: {fault}"));
    let mut files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{folder:?} is empty");
    let read = |file| fs::read(file).expect("a sample");
    files.into_iter().map(read).collect()
}

fn change(sim: &mut Sim, samples: &[Vec<u8>], input: &mut Vec<u8>) {
    let at = sim.below(input.len() + 1);
    let end = at + sim.below(input.len() - at + 1);
    match sim.below(6) {
        0 => drop(input.drain(at..end)),
        1 => {
            let stumble = *sim.pick(&STUMBLES);
            input.splice(at..at, stumble.iter().copied());
        }
        2 => {
            let byte = u8::try_from(sim.below(256)).unwrap_or_default();
            input.insert(at, byte);
        }
        3 if at < input.len() => input[at] ^= 1 << sim.below(8),
        4 => {
            let part = input[at..end].repeat(sim.below(REPEATED_MAX));
            let room = LENGTH_MAX.saturating_sub(input.len());
            input.splice(at..at, part.into_iter().take(room));
        }
        _ => {
            let other = sim.pick(samples);
            let from = sim.below(other.len() + 1);
            input.splice(at..end, other[from..].iter().copied());
        }
    }
}
