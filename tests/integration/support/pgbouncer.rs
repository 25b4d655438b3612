//! A private PgBouncer in front of a private PostgreSQL, in transaction mode and with few server connections, as the
//! pooler is that the exporter has to get along with.

use super::{
    daemon::{Daemon, free_port, give, unprivileged},
    postgres::{PASSWORD, Postgres},
    tempdir::TempDir,
};
use std::{env, fs, net::TcpStream, path::PathBuf};

pub(crate) struct PgBouncer {
    // Fields are dropped in this order: the pooler ends before its folder is removed.
    _daemon: Daemon,
    port: u16,
    _folder: TempDir,
}

impl PgBouncer {
    pub(crate) fn new(postgres: &Postgres) -> PgBouncer {
        let folder = TempDir::new("pgbouncer");
        give(folder.path());
        let users = ["postgres", "sentinel_exporter"].map(|role| format!("\"{role}\" \"{PASSWORD}\"\n")).concat();
        fs::write(folder.join("users"), users).unwrap();
        let command = |port| {
            let config = folder.join("pgbouncer.ini");
            fs::write(&config, settings(postgres.port(), port, &folder)).unwrap();
            let mut command = unprivileged(&program());
            command.arg(&config);
            command
        };
        let ready = |port| TcpStream::connect(("127.0.0.1", port)).is_ok();
        // It keeps nothing that an orderly end would save, and what ends it in order differs between versions.
        let (daemon, port) = Daemon::start(&folder.join("log"), "KILL", free_port, command, ready);
        PgBouncer { _daemon: daemon, port, _folder: folder }
    }

    /// Where `role`, which is `postgres` or `sentinel_exporter`, finds the pooled database.
    pub(crate) fn url(&self, role: &str) -> String {
        format!("postgresql://{role}:{PASSWORD}@127.0.0.1:{}/postgres", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

/// Like Debian's defaults, but for the pool's size and for a server that comes back: 15 s are long for a test.
fn settings(server_port: u16, port: u16, folder: &TempDir) -> String {
    let users = folder.join("users");
    format!(
        "[databases]
postgres = host=127.0.0.1 port={server_port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {}
pool_mode = transaction
default_pool_size = 2
server_login_retry = 1
",
        users.display()
    )
}

fn program() -> PathBuf {
    // Debian has it where only root's PATH looks.
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|folder| folder.join("pgbouncer"))
        .find(|program| program.is_file())
        .expect("pgbouncer is not in PATH or /usr/sbin: install the package pgbouncer")
}
