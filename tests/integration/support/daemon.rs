//! A server program that runs for one test: started without root's privileges and with its output in a file, waited
//! for until it answers, signalled together with its children, and ended with the value that holds it. All of it
//! blocks and reads the real clock, so that it is the same under any runtime, paused or not.

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpListener},
    ops::Range,
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        LazyLock,
        atomic::{AtomicU16, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_secs(30);
const STEP: Duration = Duration::from_millis(10);
/// Debian's `nobody` and `nogroup`. initdb wants a user that has a name.
const NOBODY: u32 = 65534;

/// How often another process may be quicker to take a free port, before it is something else that is wrong.
const ATTEMPTS: u32 = 5;

/// Where [`free_port`] looks.
const PORTS: Range<u16> = 12_000..32_000;

/// The numeric id of the user who runs the tests.
pub(crate) fn user() -> u32 {
    fs::metadata("/proc/self").unwrap().uid()
}

/// A command that runs as an ordinary user, for PostgreSQL and PgBouncer refuse to be root.
pub(crate) fn unprivileged(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir("/").stdin(Stdio::null());
    if user() == 0 {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// Gives `path` to the user of [`unprivileged`].
pub(crate) fn give(path: &Path) {
    if user() == 0 {
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
}

/// A port at which nobody listens, below those that the kernel hands out for port 0 and to clients, and another at each call. Another
/// process may still take it first: [`Daemon::start`] tries again.
pub(crate) fn free_port() -> u16 {
    static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| AtomicU16::new(fastrand::u16(..)));
    loop {
        let port = PORTS.start + NEXT.fetch_add(1, Relaxed) % PORTS.len() as u16;
        if TcpListener::bind(local(port)).is_ok() {
            return port;
        }
    }
}

/// A port of 127.0.0.1.
pub(crate) fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

pub(crate) struct Daemon {
    child: Child,
    stop_signal: &'static str,
}

impl Daemon {
    /// Starts the `command` for a `port` of 127.0.0.1, and waits until it is `ready` there; tells the port too. Its output is in `log`.
    pub(crate) fn start(
        log: &Path,
        stop_signal: &'static str,
        port: impl Fn() -> u16,
        command: impl Fn(u16) -> Command,
        ready: impl Fn(u16) -> bool,
    ) -> (Daemon, u16) {
        for _ in 0..ATTEMPTS {
            let port = port();
            if let Some(daemon) = Daemon::try_start(command(port), log, stop_signal, || ready(port)) {
                return (daemon, port);
            }
        }
        panic!("{:?} ended at its start, {ATTEMPTS} times: {}", command(port()), read(log));
    }

    /// `None` when it ended instead, as it does when another process has its port.
    fn try_start(mut command: Command, log: &Path, stop_signal: &'static str, ready: impl Fn() -> bool) -> Option<Daemon> {
        let output = File::options().create(true).append(true).open(log).unwrap();
        command.stdout(output.try_clone().unwrap()).stderr(output);
        let child = command.spawn().unwrap_or_else(|error| panic!("start {command:?}: {error}"));
        let mut daemon = Daemon { child, stop_signal };
        let since = Instant::now();
        while !ready() {
            if daemon.has_ended() {
                return None;
            }
            assert!(since.elapsed() < PATIENCE, "{command:?} does not answer after {PATIENCE:?}: {}", read(log));
            thread::sleep(STEP);
        }
        // What was ready may be another process that has its port.
        (!daemon.has_ended()).then_some(daemon)
    }

    /// Sends a signal, such as `STOP`, to the process and its children, the parent first so that it starts no more.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        kill(name, [pid.to_string().as_str()].into_iter().chain(children.split_whitespace()));
    }

    fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // A process that stands still would not hear the signal.
        self.signal("CONT");
        kill(self.stop_signal, [self.child.id().to_string().as_str()]);
        let since = Instant::now();
        while !self.has_ended() {
            if since.elapsed() > PATIENCE {
                let _ = self.child.kill();
            }
            thread::sleep(STEP);
        }
    }
}

/// The shell's own kill: std sends only SIGKILL. Children that have ended in the meantime are no failure.
fn kill<'a>(signal: &str, pids: impl IntoIterator<Item = &'a str>) {
    let mut command = Command::new("sh");
    command.args(["-c", r#"kill -s "$0" "$@""#, signal]).args(pids);
    command.stderr(Stdio::null()).status().expect("run sh");
}

/// The text of a log, for the message of a failure.
pub(crate) fn read(log: &Path) -> String {
    fs::read_to_string(log).unwrap_or_else(|error| format!("({}: {error})", log.display()))
}
