//! Small disks, which only root can mount.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system at `path`, unmounted when it goes out of scope.
pub(crate) struct Disk {
    pub(crate) path: PathBuf,
}

impl Disk {
    /// Mounts one of 1 MiB at `path`, which is made.
    pub(crate) fn mount(path: &Path) -> Disk {
        Disk::of(path, &["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
    }

    /// Mounts one that has no access control lists at `path`, which is made.
    pub(crate) fn without_lists(path: &Path) -> Disk {
        Disk::of(path, &["-t", "ramfs", "ramfs"])
    }

    fn of(path: &Path, arguments: &[&str]) -> Disk {
        std::fs::create_dir(path).unwrap();
        run("mount", arguments, path);
        Disk { path: path.to_owned() }
    }

    /// Mounts it anew with these options.
    pub(crate) fn remount(&self, options: &str) {
        run("mount", &["-o", &format!("remount,{options}")], &self.path);
    }

    /// Takes all the room that is left.
    pub(crate) fn fill(&self) {
        let mut size = 1 << 20;
        let ballast = self.path.join("ballast");
        while size > 0 {
            let written = std::fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(&ballast)
                .and_then(|mut file| std::io::Write::write_all(&mut file, &vec![0; size]));
            if written.is_err() {
                size /= 2;
            }
        }
    }

    /// Gives all of that back.
    pub(crate) fn make_room(&self) {
        std::fs::remove_file(self.path.join("ballast")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.path).status();
    }
}

/// Runs a command on a path.
pub(crate) fn run(command: &str, arguments: &[&str], path: &Path) {
    let output = Command::new(command).args(arguments).arg(path).output().expect("the command runs");
    assert!(output.status.success(), "{command} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}
