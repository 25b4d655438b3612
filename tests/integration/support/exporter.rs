//! The exporter itself: the real binary, on a port of its own, in a folder of its own.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::http::{self, Response};
use super::page::Page;
use super::tempdir::TempDir;
use super::user::User;

/// How long a test waits for something to become true.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running exporter, killed when it goes out of scope. Relative paths in its configuration are in [`Exporter::folder`].
pub(crate) struct Exporter {
    child: Child,
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<String>>,
    folder: Arc<TempDir>,
    subcommand: Option<&'static str>,
}

/// How to start one.
#[derive(Clone)]
pub(crate) struct Setup {
    folder: Arc<TempDir>,
    subcommand: Option<&'static str>,
    config: Option<String>,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    launcher: Vec<String>,
}

impl Setup {
    /// With this configuration, in a new folder.
    pub(crate) fn new(config: impl Into<String>) -> Setup {
        Setup::of(Arc::new(TempDir::new("exporter")), Some(config.into()))
    }

    /// Another of its programs, such as the bridge to DingTalk, with this configuration, in a new folder.
    pub(crate) fn of_subcommand(subcommand: &'static str, config: impl Into<String>) -> Setup {
        Setup { subcommand: Some(subcommand), ..Setup::new(config) }
    }

    /// Without any configuration, in a new folder.
    pub(crate) fn without_configuration() -> Setup {
        Setup::of(Arc::new(TempDir::new("exporter")), None)
    }

    fn of(folder: Arc<TempDir>, config: Option<String>) -> Setup {
        Setup { folder, subcommand: None, config, arguments: Vec::new(), environment: Vec::new(), launcher: Vec::new() }
    }

    /// The folder, to put files in before the start.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// With one more argument.
    pub(crate) fn argument(mut self, argument: &str) -> Setup {
        self.arguments.push(argument.to_owned());
        self
    }

    /// With one more variable in the environment.
    pub(crate) fn environment(mut self, name: &str, value: &str) -> Setup {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With no more than this many open files.
    pub(crate) fn descriptors(mut self, limit: u32) -> Setup {
        self.launcher = ["sh", "-c", &format!("ulimit -n {limit}; exec \"$0\" \"$@\"")].map(str::to_owned).into();
        self
    }

    /// As another user, whose the folder becomes.
    pub(crate) fn user(mut self, user: User) -> Setup {
        user.own(self.folder());
        self.launcher = user.launcher();
        self
    }

    fn command(&self) -> Command {
        let mut line = self.launcher.iter().map(String::as_str).chain([env!("CARGO_BIN_EXE_sentinel-exporter")]);
        let mut command = Command::new(line.next().expect("a program"));
        command.args(line);
        command.args(self.subcommand);
        if let Some(text) = &self.config {
            let file = self.folder.join("sentinel.yml");
            std::fs::write(&file, text).expect("the configuration is written");
            command.arg(format!("--config.file={}", file.display()));
        }
        if !self.arguments.iter().any(|argument| argument.starts_with("--web.listen-address")) {
            command.arg("--web.listen-address=127.0.0.1:0");
        }
        command.args(&self.arguments).envs(self.environment.clone()).current_dir(self.folder.path());
        command
    }

    /// Starts one that ends by itself, and waits until it has.
    pub(crate) fn output(&self) -> Output {
        self.command().output().expect("the exporter starts")
    }

    /// Starts one that prints, for as long as somebody reads.
    pub(crate) fn lines(&self) -> Lines {
        let mut child = self.command().stdout(Stdio::piped()).spawn().expect("the exporter starts");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        Lines { child, lines }
    }

    /// Starts it and waits until it listens; panics with its log when it does not. Its standard output is in the file `stdout`.
    pub(crate) fn start(self) -> Exporter {
        let stdout = File::create(self.folder.join("stdout")).expect("a file for its output");
        let mut child = self.command().stdout(stdout).stderr(Stdio::piped()).spawn().expect("the exporter starts");
        let mut lines = BufReader::new(child.stderr.take().expect("its log")).lines().map_while(Result::ok);
        let mut head = String::new();
        let address = loop {
            let Some(line) = lines.next() else { panic!("the exporter ended:\n{head}") };
            let _ = writeln!(head, "{line}");
            // In logfmt and in JSON.
            let after = line.split_once("address=").or_else(|| line.split_once("\"address\":\"")).map(|(_, after)| after);
            let address = after.and_then(|after| after.split([' ', '"']).next()?.parse().ok());
            if let Some(address) = address.filter(|_| line.contains("serving")) {
                break address;
            }
        };
        let log = Arc::new(Mutex::new(head));
        std::thread::spawn({
            let log = log.clone();
            move || lines.for_each(|line| writeln!(log.lock().unwrap(), "{line}").unwrap())
        });
        Exporter { child, address, log, folder: self.folder, subcommand: self.subcommand }
    }
}

/// A running exporter that prints, killed when it goes out of scope.
pub(crate) struct Lines {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Lines {
    /// The next line; panics when there is none.
    pub(crate) fn next(&mut self) -> String {
        self.lines.next().expect("a line").expect("text")
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Exporter {
    /// With this configuration.
    pub(crate) fn start(config: impl Into<String>) -> Exporter {
        Setup::new(config).start()
    }

    /// A path in its folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Its own journal.
    pub(crate) fn own_journal(&self) -> PathBuf {
        self.path("sentinel-data/journal/events.jsonl")
    }

    /// Appends `text` to a file in its folder with one write.
    pub(crate) fn append(&self, name: &str, text: &str) {
        append(&self.path(name), text);
    }

    /// GET of a path.
    pub(crate) fn get(&self, path: &str) -> Response {
        http::request(self.address, "GET", path, "")
    }

    /// Waits until it is ready; panics after half a minute.
    pub(crate) fn ready(&self) {
        let deadline = Instant::now() + PATIENCE;
        while self.get("/-/ready").status != 200 {
            assert!(Instant::now() < deadline, "it is never ready:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Posts events once it is ready; panics without an answer.
    pub(crate) fn post(&self, headers: &str, body: impl AsRef<[u8]>) -> Response {
        self.ready();
        http::post_events(self.address, headers, body.as_ref()).expect("an answer")
    }

    /// A scrape; waits while the exporter is not ready.
    pub(crate) fn scrape(&self) -> Page {
        Page::parse(self.scrape_text().text())
    }

    /// A scrape as it came, with time for the exporter to read all that is there: a machine that stands still takes nothing from it.
    pub(crate) fn scrape_text(&self) -> Response {
        self.scrape_with("X-Prometheus-Scrape-Timeout-Seconds: 30\r\n")
    }

    /// A scrape with these headers, each ended by `\r\n`.
    pub(crate) fn scrape_with(&self, headers: &str) -> Response {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let response = http::request(self.address, "GET", "/metrics", headers);
            match response.status {
                200 => return response,
                503 if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
                status => panic!("/metrics answered {status}:\n{}", self.log()),
            }
        }
    }

    /// The value of a series in a scrape now.
    pub(crate) fn value(&self, series: &str) -> Option<f64> {
        self.scrape().value(series)
    }

    /// Scrapes until `condition` holds and returns that page; panics after half a minute. For what a poll or a timer brings;
    /// a line in a journal is in the very next scrape.
    pub(crate) fn eventually(&self, what: &str, condition: impl Fn(&Page) -> bool) -> Page {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let page = self.scrape();
            if condition(&page) {
                return page;
            }
            assert!(Instant::now() < deadline, "it never came: {what}\n{}\n{:#?}", self.log(), page.samples);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the status page holds `text`; panics after half a minute. Unlike a scrape it has nothing read or polled.
    pub(crate) fn shows(&self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.get("/").text().contains(text) {
            assert!(Instant::now() < deadline, "the status page never showed {text:?}:\n{}", self.get("/").text());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the log holds `text`; panics after half a minute.
    pub(crate) fn logged(&self, text: &str) {
        self.logged_times(text, 1);
    }

    /// Waits until the log holds `text` so many times; panics after half a minute.
    pub(crate) fn logged_times(&self, text: &str, times: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.log().matches(text).count() < times {
            assert!(Instant::now() < deadline, "the log never said {text:?}:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Everything logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by name, such as TERM.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status().expect("kill runs");
        assert!(status.success(), "kill -{name}");
    }

    /// Stops it with SIGTERM; how it ended and how long that took.
    pub(crate) fn stop(mut self) -> (ExitStatus, Duration) {
        let begun = Instant::now();
        self.signal("TERM");
        let status = self.child.wait().expect("it ends");
        (status, begun.elapsed())
    }

    /// Waits until it ends, which it was told to; how it did.
    pub(crate) fn ended(mut self) -> ExitStatus {
        self.child.wait().expect("it ends")
    }

    /// Kills it with SIGKILL and starts it anew on the same folder with the same configuration.
    pub(crate) fn kill_and_restart(mut self) -> Exporter {
        self.kill();
        self.again()
    }

    /// Kills it with SIGKILL; its folder stays, for [`Exporter::another`].
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it is killed");
        self.child.wait().expect("it ends");
    }

    /// Stops it with SIGTERM and starts it anew on the same folder with the same configuration.
    pub(crate) fn stop_and_restart(mut self) -> Exporter {
        self.end();
        self.again()
    }

    /// Stops it with SIGTERM; its folder stays, for [`Exporter::again`].
    pub(crate) fn end(&mut self) {
        self.signal("TERM");
        self.child.wait().expect("it ends");
    }

    /// Starts another on the same folder with the same configuration.
    pub(crate) fn again(&self) -> Exporter {
        self.another().start()
    }

    /// Another one on the same folder with the same configuration.
    pub(crate) fn another(&self) -> Setup {
        let config = std::fs::read_to_string(self.path("sentinel.yml")).ok();
        Setup { subcommand: self.subcommand, ..Setup::of(self.folder.clone(), config) }
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Appends `text` to `path` with one write, making file and folder.
pub(crate) fn append(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is made");
    let mut file: File = OpenOptions::new().create(true).append(true).open(path).expect("the file opens");
    file.write_all(text.as_bytes()).expect("the text is written");
}
