//! A folder for one test, removed with the value that holds it. Everybody may pass through it, because servers
//! that refuse to run as root run as another user when the tests are root's.

use std::{
    env, fs,
    io::ErrorKind,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

#[derive(Debug)]
pub(crate) struct TempDir(PathBuf);

impl TempDir {
    /// A new, empty folder with `name` in its name, for whoever finds one that a killed run left.
    pub(crate) fn new(name: &str) -> TempDir {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        loop {
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = env::temp_dir().join(format!("sentinel-{name}-{}-{number}", process::id()));
            match fs::create_dir(&path) {
                Ok(()) => {
                    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
                    return TempDir(path);
                }
                // A killed run with the same process id was here.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => panic!("create the folder {}: {error}", path.display()),
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        // A test that fails may have left it in any state, and has more to tell than that it could not be removed.
        let _ = fs::remove_dir_all(&self.0);
    }
}
