//! A private PostgreSQL for one test, with the ops views in it, on 127.0.0.1 and a port of its own. Passwords are
//! checked over TCP, so that secrets matter; the superuser of [`Postgres::sql`] comes through a socket that needs none.
//! It can go away and come back on the same port, and it can hang.

mod template;

use super::{
    certs::KeyPair,
    daemon::{Daemon, free_port, give, unprivileged},
    tempdir::TempDir,
};
use std::{
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
};

/// The password of every role.
pub(crate) const PASSWORD: &str = "correct-horse-battery";

/// Small and careless: the data does not outlive the test.
const SETTINGS: &str = "\
listen_addresses = '127.0.0.1'
max_connections = 40
shared_buffers = 16MB
fsync = off
wal_level = minimal
max_wal_senders = 0
autovacuum = off
";

/// What is not as usual.
#[derive(Default)]
pub(crate) struct Options<'a> {
    /// The server's certificate; with it, TCP connections without TLS are refused.
    pub(crate) tls: Option<&'a KeyPair>,
    /// Further lines for postgresql.conf.
    pub(crate) settings: &'a [&'a str],
}

pub(crate) struct Postgres {
    // Fields are dropped in this order: the server ends before its folder is removed.
    daemon: Option<Daemon>,
    port: u16,
    folder: TempDir,
}

impl Postgres {
    /// One that is running, with nothing in its tables.
    pub(crate) fn new() -> Postgres {
        Postgres::with(&Options::default())
    }

    pub(crate) fn with(options: &Options<'_>) -> Postgres {
        let folder = TempDir::new("postgres");
        template::copy(template::path(), &folder.join("data"));
        Postgres::over(folder, options)
    }

    /// Configures and starts a server for the data that is in the folder.
    fn over(folder: TempDir, options: &Options<'_>) -> Postgres {
        give(folder.path());
        let mut settings = format!("{SETTINGS}unix_socket_directories = '{}'\n", folder.path().display());
        let mut connection = "host";
        if let Some(pair) = options.tls {
            connection = "hostssl";
            settings += "ssl = on\n";
            for (from, to) in [(&pair.cert, "data/server.crt"), (&pair.key, "data/server.key")] {
                let to = folder.join(to);
                fs::copy(from, &to).unwrap();
                fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).unwrap();
                give(&to);
            }
        }
        settings += &options.settings.join("\n");
        let access = format!("local all all trust\n{connection} all all 127.0.0.1/32 scram-sha-256\n");
        fs::write(folder.join("data/postgresql.conf"), settings).unwrap();
        fs::write(folder.join("data/pg_hba.conf"), access).unwrap();

        let mut postgres = Postgres { daemon: None, port: 0, folder };
        postgres.launch(free_port);
        postgres
    }

    fn launch(&mut self, port: impl Fn() -> u16) {
        let folder = self.folder.path();
        let command = |port: u16| {
            let mut server = unprivileged(&template::program("postgres"));
            server.args(["-p", &port.to_string(), "-D"]).arg(folder.join("data"));
            server
        };
        let ready = |port: u16| {
            let mut question = Command::new(template::program("pg_isready"));
            question.args(["-q", "-p", &port.to_string(), "-h"]).arg(folder).status().unwrap().success()
        };
        let (daemon, port) = Daemon::start(&folder.join("log"), "INT", port, command, ready);
        (self.daemon, self.port) = (Some(daemon), port);
    }

    /// Where `role`, which is `postgres` or `sentinel_exporter`, finds the database.
    pub(crate) fn url(&self, role: &str) -> String {
        format!("postgresql://{role}:{PASSWORD}@127.0.0.1:{}/postgres", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Runs statements as the superuser, and returns what the queries among them print: a line a row, `|` between columns.
    pub(crate) fn sql(&self, text: &str) -> String {
        let mut psql = Command::new(template::program("psql"));
        psql.args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "postgres", "-f", "-"]);
        psql.args(["-p", &self.port.to_string(), "-h"]).arg(self.folder.path());
        psql.env("PGCONNECT_TIMEOUT", "10").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = psql.spawn().expect("run psql");
        // When psql ends at an error before it has read everything, its own message is the one to show.
        let _ = child.stdin.take().unwrap().write_all(text.as_bytes());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "psql: {}\nin: {text}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// Ends the server as an operator would: its clients are thrown out.
    pub(crate) fn stop(&mut self) {
        self.daemon = None;
    }

    /// Starts the stopped server again, on the same port and with the same data.
    pub(crate) fn start(&mut self) {
        let port = self.port;
        self.launch(|| port);
    }

    /// Makes the server hang: connections stay, and the kernel accepts new ones, but nobody answers.
    pub(crate) fn pause(&self) {
        self.daemon.as_ref().expect("a running server").signal("STOP");
    }

    pub(crate) fn resume(&self) {
        self.daemon.as_ref().expect("a running server").signal("CONT");
    }

    /// How many sessions have this application_name.
    pub(crate) fn connections(&self, application_name: &str) -> usize {
        let question = "select count(*) from pg_stat_activity where application_name =";
        self.sql(&format!("{question} '{application_name}'")).parse().unwrap()
    }

    /// Throws the sessions with this application_name out, and returns how many they were.
    pub(crate) fn terminate_backends(&self, application_name: &str) -> usize {
        let order = "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name =";
        self.sql(&format!("{order} '{application_name}'")).parse().unwrap()
    }
}
