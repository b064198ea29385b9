//! The committed corpus, on stable Rust: every input that ever taught something runs in each `cargo test`.

use std::fs;
use std::path::Path;

use super::TARGETS;

/// The inputs of a target: one a line, in hexadecimal; `#` begins a note.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(format!("{name}.hex"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    let digits = |line: &str| line.chars().filter_map(|digit| digit.to_digit(16)).collect::<Vec<u32>>();
    lines
        .filter(|line| !line.is_empty())
        .map(|line| digits(line).chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect())
        .collect()
}

#[test]
fn every_target_takes_its_whole_corpus() {
    for (name, body) in TARGETS {
        let inputs = corpus(name);
        assert!(inputs.len() > 1, "the corpus of {name} is empty");
        inputs.iter().for_each(|input| body(input));
    }
}

#[test]
fn every_target_takes_nothing_and_noise() {
    for (_, body) in TARGETS {
        body(&[]);
        for fill in [0, 1, 0x5a, 0xff] {
            body(&[fill; 100]);
        }
    }
}
