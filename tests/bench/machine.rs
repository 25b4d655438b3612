//! Where it was measured, and the table's place in the documentation.

use std::fs;
use std::process::Command;

use crate::harness::Effort;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/benchmarks.md");
const BEGIN: &str = "<!-- table -->\n";
const END: &str = "<!-- end of the table -->";

/// How many processes wanted a core in the last minute, on average.
pub(crate) fn load() -> String {
    read("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned()
}

/// One paragraph about the machine; `load` is what it had to do when the run began.
pub(crate) fn describe(load_before: &str, effort: Effort) -> String {
    let cpus = read("/proc/cpuinfo");
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown");
    let memory = read("/proc/meminfo");
    let memory = memory.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok()).unwrap_or_default() * 1024.0 / 1e9;
    let length = if effort.quick { "A quick run: its figures only show that it works. " } else { "" };
    format!(
        "{length}{} cores of {}, {memory:.0} GB, Linux {}, revision {}, {}. The load when the run began was {load_before}, and {} when it ended.",
        cpus.lines().filter(|line| line.starts_with("processor")).count(),
        model.trim_start_matches([' ', '\t', ':']),
        read("/proc/sys/kernel/osrelease").trim(),
        output("git", &["rev-parse", "--short", "HEAD"]),
        output("date", &["+%Y-%m-%d"]),
        load(),
    )
}

/// Puts `report` into the documentation in place of the last one.
pub(crate) fn write(report: &str) {
    let document = read(DOCUMENT);
    let (head, rest) = document.split_once(BEGIN).expect("the place of the table in docs/benchmarks.md");
    let (_, tail) = rest.split_once(END).expect("the end of the table in docs/benchmarks.md");
    fs::write(DOCUMENT, format!("{head}{BEGIN}\n{report}\n\n{END}{tail}")).expect("docs/benchmarks.md is written");
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}
