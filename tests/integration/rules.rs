//! The rules, their tests and their runbooks: against each other, against what others depend on, and against the catalogue.
//!
//! Each check is a function from a [`Bundle`] to complaints. The real bundle has none; a copy that is spoiled on purpose has.

mod alerts;
mod bundle;
mod commands;
mod names;
mod objectives;
mod promql;
mod promtool;
mod runbooks;
mod tested;

use bundle::Bundle;

/// What a complaint has to say, and the change that it is about.
type Spoil<'a> = (&'a str, &'a dyn Fn(&mut Bundle));

/// Asserts that a check has nothing to say of the bundle as it is, and says `expected` of one that `spoil` has changed.
fn assert_check(check: impl Fn(&Bundle) -> Vec<String>, spoils: &[Spoil]) {
    let bundle = Bundle::load();
    assert_eq!(check(&bundle), [""; 0]);
    for (expected, spoil) in spoils {
        let mut spoiled = bundle.clone();
        spoil(&mut spoiled);
        let complaints = check(&spoiled);
        assert!(complaints.iter().any(|complaint| complaint.contains(expected)), "no '{expected}' in {complaints:#?}");
    }
}
