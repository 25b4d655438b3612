//! A configuration: taken, or refused with every mistake named by its place, in one line, and without a secret.

use std::fmt::Debug;
use std::path::Path;

use sentinel_exporter::config::decode::Section;
use sentinel_exporter::config::{Config, Overrides, load};
use sentinel_exporter::dingtalk::config::Config as Bridge;

/// What the environment keeps to itself.
const SECRET: &str = "hunter2-and-nobody-else";

fn environment(name: &str) -> Option<String> {
    match name {
        "SECRET" => Some(SECRET.to_owned()),
        "URL" => Some(format!("postgresql://user:{SECRET}@127.0.0.1:5432/database")),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

pub(super) fn check(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    // The files of this host are nobody's input, and reading some of them has no end.
    if ["..", "/dev", "/proc", "/run", "/sys", "/tmp", SECRET].iter().any(|part| text.contains(part)) {
        return;
    }
    holds(text, |document| Config::decode(document, &Overrides::default()));
    holds(text, |document| Bridge::decode(document, &Overrides::default()));
}

fn holds<T: Debug + PartialEq>(text: &str, decode: impl Fn(&mut Section<'_>) -> T) {
    let parse = || load::parse(text, Path::new("/nonexistent"), &environment, &decode);
    let (once, again) = (parse(), parse());
    assert_eq!(once, again, "it is not read the same twice");
    // What is taken is no place to look for secrets: in a path or a name it is none.
    let Err(mistakes) = once else { return };
    assert!(!mistakes.0.is_empty(), "it is refused without a reason");
    for told in &mistakes.0 {
        // Nobody knows where a place ends that is a key with a colon in it.
        let at = [": expected ", ": unknown key; "].iter().find_map(|told_at| told.find(told_at));
        assert!(at.is_some_and(|at| at > 0) || told.starts_with("expected YAML: "), "no place is named: {told:?}");
        assert!(!told.contains(char::is_control), "it is more than one line: {told:?}");
        assert!(!told.contains(SECRET), "it tells a secret: {told:?}");
    }
}
