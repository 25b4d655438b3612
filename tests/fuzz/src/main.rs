//! Coverage-guided fuzzing of one target, named by SENTINEL_FUZZ_TARGET; `scripts/fuzz` builds it with what it needs, and runs it.

#![no_main]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a target says that something does not hold"
)]

mod targets;

#[path = "../../integration/support"]
#[expect(dead_code, reason = "the tests use all of it, the targets a part")]
mod support {
    pub(crate) mod folded;
    pub(crate) mod life;
    pub(crate) mod page;
    pub(crate) mod tempdir;
}

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use targets::{TARGETS, Target};

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("SENTINEL_FUZZ_TARGET").unwrap_or_default();
    let names = TARGETS.iter().map(|target| target.name).collect::<Vec<_>>();
    TARGETS.iter().find(|target| target.name == name).unwrap_or_else(|| panic!("SENTINEL_FUZZ_TARGET is one of {names:?}"))
});

fuzz_target!(|input: &[u8]| (TARGET.check)(input));
