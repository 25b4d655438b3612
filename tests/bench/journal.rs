//! Seeded journals: days of the simulator, and a page of any size.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The day that a journal begins with.
const START: &str = "2026-01-05T14:30:00Z";

/// Events of so many days as the simulator has them, in `folder`. The same lines every time.
///
/// Each has an id besides, as daemons that trace their events write one: nobody counts it, but everybody has to get over it.
/// With it a line has about 123 bytes.
pub(crate) fn seeded(folder: &Path, lines: usize) -> PathBuf {
    // An ordinary day has over 5,000 events.
    let hours = 24 * (lines / 5_000 + 1);
    let raw = folder.join("raw.jsonl");
    simulate(&["--start", START, "--duration", &format!("{hours}h"), "--journal"], &raw);
    let path = folder.join(format!("{lines}.jsonl"));
    let mut out = BufWriter::new(File::create(&path).expect("a journal"));
    let mut chance = fastrand::Rng::with_seed(1);
    let mut written = 0;
    for line in BufReader::new(File::open(&raw).expect("the simulator's lines")).lines().take(lines) {
        let line = line.expect("a line");
        let id = format!("{:032x}", chance.u128(..));
        let (start, id) = (line.strip_suffix('}').expect("an object"), &id);
        let id = [&id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]].join("-");
        writeln!(out, "{start},\"trace\":\"{id}\"}}").expect("a line is written");
        written += 1;
    }
    assert_eq!(written, lines, "the simulator's days have too few events");
    out.flush().expect("the journal is written");
    fs::remove_file(raw).expect("the simulator's lines go");
    path
}

/// Runs the simulator as fast as it can; its last argument is a path.
pub(crate) fn simulate(arguments: &[&str], path: &Path) {
    let mut simulator = Command::new(env!("CARGO_BIN_EXE_sentinel-simulator"));
    let status = simulator.args(["--seed", "1", "--speed", "max"]).args(arguments).arg(path).stderr(Stdio::null()).status();
    assert!(status.expect("the simulator starts").success(), "the simulator failed: {arguments:?}");
}

/// One event of those that make a page of many samples.
pub(crate) enum Wide {
    Order { symbol: String, side: &'static str, status: &'static str },
    Position { symbol: String, usd: f64 },
    Call { endpoint: String, seconds: f64 },
}

/// Events that make about this many samples: six of ten are counters with three labels and about ten orders each, two are gauges,
/// and two belong to histograms and the counters beside them.
pub(crate) fn wide(samples: usize) -> impl Iterator<Item = Wide> {
    const SIDES: [&str; 2] = ["buy", "sell"];
    const STATUSES: [&str; 3] = ["new", "filled", "rejected"];
    let mut chance = fastrand::Rng::with_seed(2);
    let orders = (0..samples * 6 / 10).flat_map(move |n| {
        let times = chance.usize(1..20);
        (0..times).map(move |_| Wide::Order {
            symbol: format!("SYM{:06}", n / 6),
            side: SIDES[n % 2],
            status: STATUSES[n / 2 % 3],
        })
    });
    let mut chance = fastrand::Rng::with_seed(3);
    let positions = (0..samples * 2 / 10)
        .map(move |n| Wide::Position { symbol: format!("SYM{n:06}"), usd: (chance.f64() * 1e6).round() / 100.0 + 0.01 });
    let mut chance = fastrand::Rng::with_seed(4);
    // Nine buckets, +Inf, sum and count, and the counter of calls.
    let calls = (0..samples * 2 / 10 / 13).flat_map(move |n| {
        let seconds = [(); 5].map(|()| (chance.f64() * 1e4).round() / 1e4);
        seconds.into_iter().map(move |seconds| Wide::Call { endpoint: format!("service-{n:05}"), seconds })
    });
    orders.chain(positions).chain(calls)
}

impl Wide {
    /// The line of it, with its end.
    pub(crate) fn line(&self) -> String {
        match self {
            Wide::Order { symbol, side, status } => format!(
                "{{\"ts\":1767623400.5,\"event\":\"order\",\"symbol\":\"{symbol}\",\"side\":\"{side}\",\"status\":\"{status}\"}}\n"
            ),
            Wide::Position { symbol, usd } => {
                format!("{{\"ts\":1767623400.5,\"event\":\"position\",\"symbol\":\"{symbol}\",\"usd\":{usd}}}\n")
            }
            Wide::Call { endpoint, seconds } => {
                format!("{{\"ts\":1767623400.5,\"event\":\"api_call\",\"endpoint\":\"{endpoint}\",\"seconds\":{seconds}}}\n")
            }
        }
    }
}

/// Writes the lines of [`wide`] to `path`.
pub(crate) fn write_wide(path: &Path, samples: usize) {
    let mut out = BufWriter::new(File::create(path).expect("a journal"));
    wide(samples).for_each(|event| out.write_all(event.line().as_bytes()).expect("a line is written"));
    out.flush().expect("the journal is written");
}
