//! Other processes: what they cost, how they are started, and those that this benchmark starts of itself.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::until;
use crate::support::daemon::free_port;

/// Ticks of the kernel's clock of processor time a second, as Linux shows them to every process.
const TICKS: f64 = 100.0;

/// Resident memory now, in bytes.
pub(crate) fn resident(pid: u32) -> f64 {
    memory(pid, "VmRSS:").expect("the process is there")
}

/// The most memory that was resident; None when the process has ended.
fn peak(pid: u32) -> Option<f64> {
    memory(pid, "VmHWM:")
}

fn memory(pid: u32, field: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    Some(line.trim().trim_end_matches(" kB").parse::<f64>().ok()? * 1024.0)
}

/// Processor time so far, in seconds.
pub(crate) fn processor(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process is there");
    // After the name, which ends in a parenthesis: state, ten more, user time and system time.
    let fields = stat.rsplit(')').next().expect("fields").split_whitespace();
    fields.skip(11).take(2).map(|ticks| ticks.parse::<f64>().expect("a number")).sum::<f64>() / TICKS
}

/// The same on one core alone, always the same one.
pub(crate) fn pinned(command: &Command) -> Command {
    let last = thread::available_parallelism().map_or(1, usize::from) - 1;
    let mut pinned = Command::new("taskset");
    pinned.args(["--cpu-list", &last.to_string()]).arg(command.get_program()).args(command.get_args());
    pinned
}

/// This benchmark itself as a process of its own; `main` knows the names.
pub(crate) fn child(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("the path of this program"));
    command.args(["child", name]);
    command
}

/// A Python with prometheus_client and the recorder that people would run.
pub(crate) fn recorder() -> Command {
    let mut command =
        Command::new(std::env::var_os("SENTINEL_BENCH_PYTHON").expect("SENTINEL_BENCH_PYTHON, which scripts/bench sets"));
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/baselines/recorder.py"));
    command
}

/// What a process that ended well left behind.
pub(crate) struct Ended {
    pub(crate) stdout: String,
    pub(crate) seconds: f64,
    pub(crate) peak: f64,
}

impl Ended {
    /// The number that it printed.
    pub(crate) fn number(&self) -> f64 {
        self.stdout.trim().parse().unwrap_or_else(|_| panic!("not a number: {:?}", self.stdout))
    }
}

/// Runs `command` to its end.
pub(crate) fn run(command: &mut Command) -> Ended {
    let begun = Instant::now();
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.unwrap_or_else(|error| panic!("start {command:?}: {error}"));
    let pid = child.id();
    let watcher = thread::spawn(move || {
        let mut most = 0.0;
        while let Some(now) = peak(pid) {
            most = now;
            thread::sleep(Duration::from_millis(5));
        }
        most
    });
    let Output { status, stdout, stderr } = child.wait_with_output().expect("it ends");
    let seconds = begun.elapsed().as_secs_f64();
    assert!(status.success(), "{command:?}: {status}\n{}", String::from_utf8_lossy(&stderr));
    let stdout = String::from_utf8(stdout).expect("text");
    Ended { stdout, seconds, peak: watcher.join().expect("the watcher ends") }
}

/// A server, killed when it goes out of scope.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts what `command` makes of a free port, and waits until it takes connections.
    pub(crate) fn start(command: impl Fn(u16) -> Command) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let child = command(address.port()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a server starts");
        let mut server = Self { child, address };
        until("a server takes connections", || {
            assert!(server.child.try_wait().expect("its status").is_none(), "a server ended at its start");
            TcpStream::connect(address).is_ok()
        });
        server
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
