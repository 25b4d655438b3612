//! The bridge to DingTalk has the same door.

use std::fs;

use super::{ASKING, RIGHT, TLS, USERS, WRONG};
use crate::support::certs::Certs;
use crate::support::dingtalk::DingTalk;
use crate::support::exporter::Setup;
use crate::support::page::Page;
use crate::support::tls::Client;

const JSON: &str = "Content-Type: application/json\r\nContent-Length: 2\r\n";
const SUCCESSFUL: &str = "sentinel_dingtalk_config_last_reload_successful";

#[test]
fn the_bridge_asks_for_the_same() {
    let (certs, dingtalk) = (Certs::new(), DingTalk::start());
    let robots = format!("robots: [{{name: sre, webhooks: [{{url: \"{}\"}}]}}]", dingtalk.url("t0ken"));
    let setup = Setup::of_subcommand("dingtalk", format!("web: {{config_file: web.yml}}\ntoken: b3arer\n{robots}\n"));
    for (name, from) in [("server.crt", &certs.localhost.cert), ("server.key", &certs.localhost.key), ("ca.crt", &certs.ca)] {
        fs::copy(from, setup.folder().join(name)).unwrap();
    }
    let web = format!("{TLS}{ASKING}{USERS}");
    fs::write(setup.folder().join("web.yml"), &web).unwrap();
    let bridge = setup.start();
    let hub = Client::showing(&certs.ca, &certs.client("hub", "DNS:hub"));
    assert!(Client::new(&certs.ca).get(bridge.address, "/-/healthy", "").is_err());
    for (path, headers, expected) in [
        ("/-/healthy", "", 200),
        ("/metrics", "", 401),
        ("/metrics", WRONG, 401),
        ("/metrics", RIGHT, 200),
        ("/-/ready", "", 401),
        ("/dingtalk", "", 401),
    ] {
        assert_eq!(hub.get(bridge.address, path, headers).unwrap().status, expected, "{path} {headers}");
    }
    // Notifications come with their own token, which is no user, and the other way round.
    let post = |headers: &str| hub.request(bridge.address, "POST", "/dingtalk/sre/send", headers, "{}").unwrap().0;
    let answer = post(&format!("{RIGHT}{JSON}"));
    assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer realm=\"dingtalk\"")));
    assert_eq!(post(&format!("Authorization: Bearer b3arer\r\n{JSON}")).status, 400, "it is let in, and its body is none");
    assert_eq!(hub.get(bridge.address, "/metrics", "Authorization: Bearer b3arer\r\n").unwrap().status, 401);

    let successful = || Page::parse(hub.get(bridge.address, "/metrics", RIGHT).unwrap().text()).value(SUCCESSFUL);
    fs::write(bridge.path("web.yml"), "basic_auth_users: {a: b}").unwrap();
    assert_eq!(successful(), Some(0.0));
    fs::write(bridge.path("web.yml"), format!("{web}http_server_config: {{http2: false}}\n")).unwrap();
    assert_eq!(successful(), Some(1.0));
    assert_eq!(dingtalk.requests(), 0);
}
