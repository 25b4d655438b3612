//! promtool itself: the rules are clean, and every rule test passes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use super::bundle::{ROOT, files};

/// Runs promtool in the repository. What it says is the failure's text.
fn promtool(arguments: &[&str], paths: &[PathBuf]) -> Result<(), String> {
    let mut command = Command::new("promtool");
    // Collecting garbage less often saves a fifth of its time.
    command.args(arguments).args(paths).current_dir(ROOT).env("GOGC", "400");
    let output = command.output().expect("promtool is not in PATH: install the package prometheus");
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn the_rules_have_no_lint() {
    let rules = files("rules", "yml");
    assert_eq!(rules.len(), 7);
    promtool(&["check", "rules", "--lint=all", "--lint-fatal"], &rules).unwrap_or_else(|said| panic!("{said}"));
}

#[test]
fn every_rule_test_passes() {
    let queue = Mutex::new(files("tests/rules", "yml"));
    let failures = Mutex::new(Vec::new());
    assert!(queue.lock().unwrap().len() > 30);
    let work = || {
        while let Some(path) = { queue.lock().unwrap().pop() } {
            if let Err(said) = promtool(&["test", "rules"], &[path]) {
                failures.lock().unwrap().push(said);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_rule_test_that_fails_is_a_failure() {
    // So that the way the exit code is read is tested too.
    let missing = Path::new("tests/rules/there-is-no-such-test.yml").to_owned();
    assert!(promtool(&["test", "rules"], &[missing]).is_err());
}
