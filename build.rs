//! Puts the revision and the compiler into `sentinel_exporter_build_info` and `--version`.

use std::path::Path;
use std::process::Command;

fn main() {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let revision = output("git", &["rev-parse", "--short=12", "HEAD"]);
    println!("cargo:rustc-env=SENTINEL_REVISION={}", revision.as_deref().unwrap_or("unknown"));
    let version = output(&rustc, &["--version"]).unwrap_or_default();
    println!("cargo:rustc-env=SENTINEL_RUSTC={}", version.split(' ').nth(1).unwrap_or("unknown"));
    println!("cargo:rerun-if-changed=build.rs");
    // HEAD changes with the branch, its log with every commit. In a worktree git alone knows where they are; what is not there would have
    // cargo build anew each time.
    let watched = output("git", &["rev-parse", "--git-path", "HEAD", "--git-path", "logs/HEAD"]).unwrap_or_default();
    for path in watched.lines().filter(|path| Path::new(path).exists()) {
        println!("cargo:rerun-if-changed={path}");
    }
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
