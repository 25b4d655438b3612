//! The storm: the exporter is killed again and again while journals are torn and rotated and clients send their posts until they are
//! answered. Afterwards every count is exact, and no scrape ever saw one go down.
//!
//! `SENTINEL_STORM_KILLS` says how often; `scripts/test --storm` has it 200 times. What happens follows a seed, which a failure names.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use fastrand::Rng;

use crate::support::daemon::{free_port, local};
use crate::support::exporter::Setup;
use crate::support::http;
use crate::support::page::Page;

/// How often the exporter is killed unless the environment says otherwise.
const KILLS: u64 = 20;
/// Clients that post.
const CLIENTS: usize = 4;

/// What the writers and clients have done, by what the exporter has to show of it.
#[derive(Default)]
struct Truth {
    done: AtomicBool,
    renamed: AtomicU64,
    truncated: AtomicU64,
    posted: AtomicU64,
    refused: AtomicU64,
}

impl Truth {
    fn goes_on(&self) -> bool {
        !self.done.load(Ordering::Acquire)
    }
}

#[test]
fn every_count_is_exact_after_a_storm_of_kills() {
    let kills = env::var("SENTINEL_STORM_KILLS").map_or(KILLS, |kills| kills.parse().expect("a number of kills"));
    let seed = env::var("SENTINEL_STORM_SEED").map_or_else(|_| fastrand::u64(..), |seed| seed.parse().expect("a seed"));
    let mut rng = Rng::with_seed(seed);

    // The same address at every start, as the clients and Prometheus have it.
    let address = local(free_port());
    let setup = Setup::new("journals: [{path: renamed.jsonl}, {path: truncated.jsonl}]");
    let folder = setup.folder().to_owned();
    let argument = format!("--web.listen-address={address}");
    let mut exporter = setup.argument(&argument).start();

    let truth = Truth::default();
    std::thread::scope(|scope| {
        let (truth, folder) = (&truth, &folder);
        // Whatever fails in here must end the others, too.
        let _done = Done(truth);
        let mut rngs = (0..3 + CLIENTS).map(|_| rng.fork()).collect::<Vec<_>>().into_iter();
        let mut next = || rngs.next().unwrap();
        let (one, two) = (next(), next());
        scope.spawn(move || rename_and_go_on(&folder.join("renamed.jsonl"), truth, one));
        scope.spawn(move || copy_and_truncate(&folder.join("truncated.jsonl"), truth, two));
        for client in 0..CLIENTS {
            let rng = next();
            scope.spawn(move || post_until_answered(address, client, truth, rng));
        }
        scope.spawn(move || watch(address, truth));

        let mut rng = next();
        for kill in 0..kills {
            // Mostly soon, in the middle of a start; now and then after a checkpoint of the running exporter.
            let life = if kill % 20 == 19 { rng.u64(5000..6000) } else { rng.u64(0..300) };
            std::thread::sleep(Duration::from_millis(life));
            if rng.u8(..) < 25 {
                exporter.end();
            } else {
                exporter.kill();
            }
            exporter = exporter.another().argument(&argument).start();
        }
    });

    let page = exporter.scrape();
    let signals = |action: &str| page.value(&format!("sentinel_trading_signals_total{{action=\"{action}\"}}"));
    let expected = |count: &AtomicU64| Some(count.load(Ordering::Acquire) as f64);
    assert_eq!(signals("BUY"), expected(&truth.renamed), "rotated by rename; seed {seed}");
    assert_eq!(signals("SELL"), expected(&truth.truncated), "rotated by copy and truncate; seed {seed}");
    assert_eq!(signals("HOLD"), expected(&truth.posted), "posted; seed {seed}");
    let rejected = |reason| page.value(&format!("sentinel_exporter_events_rejected_total{{reason=\"{reason}\"}}"));
    assert_eq!(rejected("schema"), expected(&truth.refused), "posted and rejected; seed {seed}");
    assert_eq!(["json", "range", "oversize"].map(rejected), [Some(0.0); 3], "no torn line was read; seed {seed}");
    assert!(truth.posted.load(Ordering::Acquire) > kills && truth.renamed.load(Ordering::Acquire) > kills * 10);
}

/// Ends the storm when it goes out of scope.
struct Done<'a>(&'a Truth);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.done.store(true, Ordering::Release);
    }
}

/// A line of its own: no two files of the storm are the same.
fn signal(action: &str, rng: &mut Rng) -> String {
    format!(
        "{{\"event\":\"signal\",\"action\":\"{action}\",\"ts\":{}.{:09}}}\n",
        1_768_000_000 + rng.u32(..1 << 20),
        rng.u32(..1 << 29)
    )
}

/// Appends a line in two writes, so that readers see it torn.
fn append_torn(file: &mut File, line: &str, rng: &mut Rng) {
    let cut = rng.usize(0..line.len());
    file.write_all(&line.as_bytes()[..cut]).unwrap();
    if rng.u8(..) < 50 {
        std::thread::sleep(Duration::from_micros(rng.u64(0..2000)));
    }
    file.write_all(&line.as_bytes()[cut..]).unwrap();
}

fn opened(path: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(path).unwrap()
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    path.with_extension(format!("jsonl.{number}"))
}

/// A writer whose file is renamed, and who notices only some lines later.
fn rename_and_go_on(path: &Path, truth: &Truth, mut rng: Rng) {
    let mut file = opened(path);
    let (mut number, mut late) = (0, 0);
    while truth.goes_on() {
        append_torn(&mut file, &signal("BUY", &mut rng), &mut rng);
        truth.renamed.fetch_add(1, Ordering::Release);
        if late > 0 {
            late -= 1;
            if late == 0 {
                file = opened(path);
            }
        } else if rng.u16(..1000) < 2 {
            number += 1;
            fs::rename(path, numbered(path, number)).unwrap();
            late = rng.u32(1..20);
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// A writer that waits while its file is copied and truncated.
fn copy_and_truncate(path: &Path, truth: &Truth, mut rng: Rng) {
    let mut file = opened(path);
    let mut number = 0;
    while truth.goes_on() {
        append_torn(&mut file, &signal("SELL", &mut rng), &mut rng);
        truth.truncated.fetch_add(1, Ordering::Release);
        if rng.u16(..1000) < 3 {
            number += 1;
            fs::copy(path, numbered(path, number)).unwrap();
            file.set_len(0).unwrap();
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// A client that sends every post until it is answered, and some of them again.
fn post_until_answered(address: SocketAddr, client: usize, truth: &Truth, mut rng: Rng) {
    let mut number = 0;
    while truth.goes_on() {
        number += 1;
        let (good, bad) = (rng.usize(1..20), rng.usize(0..2));
        let lines: Vec<_> = (0..good).map(|_| signal("HOLD", &mut rng)).chain((0..bad).map(|_| "{}\n".to_owned())).collect();
        let key = format!("Idempotency-Key: client-{client}-{number}\r\n");
        let answered = || loop {
            match http::post_events(address, &key, lines.concat().as_bytes()) {
                Some(answer) if answer.status == 200 => break answer.text().to_owned(),
                Some(answer) => assert_eq!(answer.status, 503, "{}", answer.text()),
                None => {}
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let told = answered();
        assert!(told.starts_with(&format!("{{\"accepted\":{good},")), "{told}");
        truth.posted.fetch_add(good as u64, Ordering::Release);
        truth.refused.fetch_add(bad as u64, Ordering::Release);
        if rng.bool() {
            assert_eq!(answered(), told, "it is answered as before");
        }
    }
}

/// Scrapes all the time, and compares each page with the one before, over all restarts.
fn watch(address: SocketAddr, truth: &Truth) {
    let mut last = BTreeMap::new();
    while truth.goes_on() {
        let Some(answer) = http::try_get(address, "/metrics").filter(|answer| answer.status == 200) else {
            std::thread::sleep(Duration::from_millis(1));
            continue;
        };
        let page = Page::parse(answer.text());
        let counters = page.counters();
        let fallen: Vec<_> = last.iter().filter(|(series, before)| counters.get(*series) < Some(before)).collect();
        assert!(fallen.is_empty(), "these were {fallen:#?} and are {counters:#?}");
        last = counters;
    }
}
