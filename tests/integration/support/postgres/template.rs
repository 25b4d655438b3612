//! The data folder that every private PostgreSQL begins with: initialised, with the ops views and the roles. It is made
//! once and kept among the build's files, under a name that changes with what is in it; a test takes a copy.

use super::{Options, PASSWORD, Postgres};
use crate::support::{
    daemon::{give, unprivileged, user},
    tempdir::TempDir,
};
use std::{
    env, fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::{self, Command},
    sync::OnceLock,
};

const OPS_VIEWS: &str = include_str!("../../../fixtures/ops_views.sql");

/// The role that people make for the exporter.
const ROLE: &str = include_str!("../../../../scripts/sql/role.sql");

/// Nobody else may connect.
const ACCESS: &str = "
revoke connect on database postgres from public;
alter role postgres password 'PASSWORD';
alter role sentinel_exporter password 'PASSWORD';
";

/// One of PostgreSQL's programs: of the highest version that Debian installed, or else the one in the PATH.
pub(super) fn program(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(find).join(name)
}

fn find() -> PathBuf {
    let version = |folder: &PathBuf| folder.file_name()?.to_str()?.parse::<u32>().ok();
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = debian.filter(|folder| version(folder).is_some()).collect();
    folders.sort_by_key(version);
    let debian = folders.into_iter().rev().map(|folder| folder.join("bin"));
    let path = env::var_os("PATH").unwrap_or_default();
    debian
        .chain(env::split_paths(&path))
        .find(|folder| folder.join("postgres").is_file())
        .expect("postgres is in no /usr/lib/postgresql/*/bin and not in PATH: install the package postgresql")
}

/// The folder to copy, made when it is not there yet.
pub(super) fn path() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let mut hash = DefaultHasher::new();
        let version = Command::new(program("postgres")).arg("--version").output().unwrap().stdout;
        (user(), version, PASSWORD, OPS_VIEWS, ROLE, include_str!("template.rs")).hash(&mut hash);
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("postgres-{:016x}", hash.finish()));
        if !path.exists() {
            make(&path);
        }
        path
    })
}

fn make(path: &Path) {
    let folder = TempDir::new("template");
    give(folder.path());
    let data = folder.join("data");
    let mut initdb = unprivileged(&program("initdb"));
    initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]);
    // The write-ahead log is the greater part of what is copied.
    let output = initdb.arg("--wal-segsize=1").arg("-D").arg(&data).output().expect("run initdb");
    assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));

    let mut seed = Postgres::over(folder, &Options::default());
    seed.sql(OPS_VIEWS);
    seed.sql(ROLE);
    seed.sql(&ACCESS.replace("PASSWORD", PASSWORD));
    seed.stop();
    // Another run may be doing the same: the name appears with everything behind it, and the first to come keeps it.
    let aside = path.with_extension(process::id().to_string());
    // A run that was killed may have left one of the same number.
    let _ = fs::remove_dir_all(&aside);
    copy(&data, &aside);
    if fs::rename(&aside, path).is_err() {
        fs::remove_dir_all(&aside).unwrap();
    }
    assert!(path.is_dir(), "no template at {}", path.display());
}

/// Copies a data folder with its owner and permissions.
pub(super) fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("--archive").arg(from).arg(to).status().expect("run cp");
    assert!(status.success(), "cp --archive {} {}: {status}", from.display(), to.display());
}
