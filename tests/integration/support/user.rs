//! Other users, as which only root can do anything: for anybody else the test fails that needs them.

use std::os::unix::fs::chown;
use std::path::Path;
use std::process::Command;

use super::disk::run;

/// A user by number, whom no list of users needs to have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct User {
    id: u32,
    groups: &'static str,
    /// Under the mask and the filter of packaging/sentinel-exporter.service.
    in_unit: bool,
}

/// The bot's, who is not in the group that his files have.
pub(crate) const BOT: User = User { id: 4001, groups: "", in_unit: false };
/// The exporter's, as its unit runs it.
pub(crate) const EXPORTER: User = User { id: 4002, groups: "4100", in_unit: true };
/// The exporter's from a shell or from cron.
pub(crate) const EXPORTER_IN_A_SHELL: User = User { in_unit: false, ..EXPORTER };
/// Who is in the group.
pub(crate) const TRADER: User = User { id: 4003, groups: "4100", in_unit: false };
pub(crate) const ROOT: User = User { id: 0, groups: "", in_unit: false };
/// The group through which the exporter reaches the bot's files.
pub(crate) const TRADING: u32 = 4100;

impl User {
    /// What goes before the program that he runs.
    pub(crate) fn launcher(self) -> Vec<String> {
        const ROOT: &str = env!("CARGO_MANIFEST_DIR");
        let script = format!("{ROOT}/tests/integration/support/as_another_user.py");
        let mut line = vec!["python3".to_owned(), "-I".to_owned(), script, self.id.to_string(), self.groups.to_owned()];
        line.extend(self.in_unit.then(|| format!("--unit={ROOT}/packaging/sentinel-exporter.service")));
        line
    }

    /// Runs a script of the shell with `path` as its $1; whether it succeeds.
    pub(crate) fn shell(self, script: &str, path: &Path) -> bool {
        let line = self.launcher();
        let mut command = Command::new(&line[0]);
        command.args(&line[1..]).args(["/bin/sh", "-c", script, "sh"]).arg(path).output().expect("python3 runs").status.success()
    }

    /// Whether he may read and write a file.
    pub(crate) fn may_use(self, path: &Path) -> bool {
        self.shell(r#"cat "$1" >/dev/null && : >>"$1""#, path)
    }

    /// Makes a file or folder his.
    pub(crate) fn own(self, path: &Path) {
        chown(path, Some(self.id), None).expect("root may give a file away");
    }

    /// Makes a folder with all that is in it his, with this group and mode.
    pub(crate) fn own_all(self, folder: &Path, group: u32, mode: &str) {
        run("chown", &["-R", &format!("{}:{group}", self.id)], folder);
        run("chmod", &["-R", mode], folder);
    }
}
