//! One libFuzzer program for every target; `WARREN_FUZZ_TARGET` says which. `make fuzz` builds and drives it.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

type Body = fn(&[u8]);

static CHOSEN: OnceLock<Body> = OnceLock::new();

/// The body that the environment names; without one there is nothing to fuzz, so it ends.
fn chosen() -> Body {
    let wanted = std::env::var("WARREN_FUZZ_TARGET").unwrap_or_default();
    let mut all = warren_proto::fuzz::TARGETS
        .iter()
        .chain(warren_io::fuzz::TARGETS);
    match all.find(|(name, _)| *name == wanted) {
        Some((_, body)) => *body,
        None => {
            eprintln!("WARREN_FUZZ_TARGET='{wanted}' is no target");
            std::process::exit(2);
        }
    }
}

fuzz_target!(|data: &[u8]| {
    CHOSEN.get_or_init(chosen)(data);
});
