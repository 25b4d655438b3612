//! Puts the revision and the compiler into `sentinel_exporter_build_info` and `--version`.

use std::process::Command;

fn main() {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let revision = output("git", &["rev-parse", "--short=12", "HEAD"]);
    println!("cargo:rustc-env=SENTINEL_REVISION={}", revision.as_deref().unwrap_or("unknown"));
    let version = output(&rustc, &["--version"]).unwrap_or_default();
    println!("cargo:rustc-env=SENTINEL_RUSTC={}", version.split(' ').nth(1).unwrap_or("unknown"));
    println!("cargo:rerun-if-changed=.git/HEAD");
    println!("cargo:rerun-if-changed=.git/refs");
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
