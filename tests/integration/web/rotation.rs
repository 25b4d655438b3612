//! Certificates that are replaced under a load of connections: none fails, and the new one is shown at once.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::{TLS, install, start};
use crate::support::certs::Certs;
use crate::support::exporter::Setup;
use crate::support::tls::{Client, der};

/// Ends the load also when the test fails, which would wait for it.
struct AtTheEnd<'a>(&'a AtomicBool);

impl Drop for AtTheEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn certificates_are_replaced_under_load() {
    let certs = Certs::new();
    let exporter = start(&certs, TLS);
    let client = Client::new(&certs.ca);
    let renewed: Vec<_> = (0..10).map(|round| certs.another(&format!("renewed-{round}"))).collect();
    let (done, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let ask = || client.request(exporter.address, "GET", "/-/healthy", "", "").expect("every request is answered");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    assert_eq!(ask().0.status, 200);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let _done = AtTheEnd(&done);
        for pair in &renewed {
            let before = answered.load(Ordering::Relaxed);
            install(&exporter, pair);
            assert_eq!(ask().1, der(pair), "the very next connection");
            while answered.load(Ordering::Relaxed) < before + 20 {
                thread::yield_now();
            }
        }
    });
    // Between the two renames the certificate and the key were not of one pair; whoever came then was served with the old ones.
    let refused = exporter.log().matches("expected the key of the certificate").count();
    assert!(refused <= renewed.len(), "{}", exporter.log());
}

#[test]
fn a_link_can_be_switched() {
    // As Kubernetes and certbot do it: names that lead through a link, which is replaced.
    let certs = Certs::new();
    let pairs = [certs.another("first"), certs.another("second")];
    let setup = Setup::new("web: {config_file: web.yml}");
    for (at, pair) in pairs.iter().enumerate() {
        let folder = setup.folder().join(format!("archive-{at}"));
        fs::create_dir(&folder).unwrap();
        fs::copy(&pair.cert, folder.join("server.crt")).unwrap();
        fs::copy(&pair.key, folder.join("server.key")).unwrap();
    }
    symlink("archive-0", setup.folder().join("live")).unwrap();
    fs::write(setup.folder().join("web.yml"), TLS.replace("server.", "live/server.")).unwrap();
    let exporter = setup.start();
    let client = Client::new(&certs.ca);
    let shown = || client.request(exporter.address, "GET", "/health", "", "").unwrap().1;
    assert_eq!(shown(), der(&pairs[0]));
    symlink("archive-1", exporter.path("next")).unwrap();
    fs::rename(exporter.path("next"), exporter.path("live")).unwrap();
    assert_eq!(shown(), der(&pairs[1]));
    assert!(!exporter.log().contains("refused"), "{}", exporter.log());
}
