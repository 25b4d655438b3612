//! How far scripts/verify-inf.sh reaches: other hosts, firewalls, and addresses that nothing listens on.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::Script;
use super::inf::start;

/// A name service that takes every name for another host.
const ELSEWHERE: &str = "echo 192.0.2.1 STREAM elsewhere";

#[test]
fn another_host_is_asked_over_the_network_alone() {
    let mut exporter = start();
    let ask = |address: &str, timeout: &str| {
        Script::new("verify-inf.sh").arg(address).arg("--timeout").arg(timeout).program("getent", ELSEWHERE).run()
    };
    let report = ask(&exporter.address.to_string(), "5");
    report.assert_well(&[("service", "is another host")]);
    assert_eq!(report.checks["firewall"].text, "it lets this host in");
    exporter.kill();
    ask(&exporter.address.to_string(), "5").assert_only(
        "port",
        "FAIL",
        "refused",
        "ssh 127.0.0.1 'systemctl status sentinel-exporter; ss -ltn'",
    );
    let silent = Silent::start();
    ask(&silent.address(), "1").assert_only("port", "FAIL", "no answer within 1 s: a firewall drops it", "sudo nft list ruleset");
}

/// A port that takes no connection and refuses none, as behind a firewall that drops.
struct Silent {
    listener: SocketAddr,
    _kept: (tokio::runtime::Runtime, tokio::net::TcpListener, Vec<TcpStream>),
}

impl Silent {
    fn start() -> Silent {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let listener = runtime.block_on(async {
            let socket = tokio::net::TcpSocket::new_v4().unwrap();
            socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
            socket.listen(0).unwrap()
        });
        let address = listener.local_addr().unwrap();
        // What waits to be accepted fills its queue; the kernel drops what comes then.
        let mut waiting = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
            waiting.push(stream);
        }
        Silent { listener: address, _kept: (runtime, listener, waiting) }
    }

    fn address(&self) -> String {
        self.listener.to_string()
    }
}

#[test]
fn a_firewall_drops_what_comes_from_outside() {
    let silent = Silent::start();
    let ask = || Script::new("verify-inf.sh").arg(silent.address()).args("--timeout 1 --hub 192.0.2.7");
    let port = silent.listener.port();
    let tools = [
        "awk", "bash", "cat", "curl", "date", "dirname", "getent", "grep", "hostname", "mktemp", "paste", "rm", "sed", "sort",
        "timeout",
    ];
    for (tool, command) in [
        ("ufw", format!("sudo ufw allow proto tcp from 192.0.2.7 to any port {port}")),
        ("firewall-cmd", format!("source address=192.0.2.7 port port={port} protocol=tcp accept")),
        ("nft", format!("nft insert rule inet filter input ip saddr 192.0.2.7 tcp dport {port} accept")),
    ] {
        let report = ask().program(tool, "").with_programs(&tools).run();
        report.assert_only("firewall", "FAIL", "127.0.0.2 does not answer within 1 s, though the port is listened on", &command);
        assert_eq!(report.checks["firewall"].next.len(), 1, "{}", report.said);
    }
    let report = ask().with_programs(&tools).run();
    assert_eq!(report.checks["firewall"].next.len(), 3, "{}", report.said);
}

#[test]
fn it_listens_where_hub_does_not_reach_it() {
    let exporter = start();
    let address = exporter.address.to_string().replace("127.0.0.1", "127.0.0.2");
    let report = Script::new("verify-inf.sh").arg(address).run();
    report.assert_only(
        "port",
        "FAIL",
        "listened on: 127.0.0.1, but not on 127.0.0.2",
        "grep -n listen_address /etc/sentinel-exporter/inf.yml",
    );
}
