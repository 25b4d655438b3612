//! Tokens and secrets are in no log, no answer and no metric, whatever goes wrong.

use serde_json::json;

use super::{alert, notification, post, send};
use crate::support::dingtalk::{DingTalk, Fault};
use crate::support::exporter::Setup;
use crate::support::http;

/// Parts of them too: a percent sign or a newline may come in between.
const SECRETS: [&str; 4] = ["t0ken", "SEC5ecret", "b3arer", "sign="];

#[test]
fn nothing_tells_a_secret() {
    let dingtalk = DingTalk::start();
    let mut shown = String::new();
    let config = super::config(&dingtalk, "");
    let unreachable = config.replace(&dingtalk.url("t0ken"), "http://127.0.0.1:1/robot/send?access_token=t0ken");
    let unresolvable = config.replace(&dingtalk.url("t0ken"), "https://name.invalid/robot/send?access_token=t0ken");
    for config in [config, unreachable, unresolvable] {
        let config = format!("token: b3arer\nweb: {{enable_lifecycle: true}}\n{config}");
        let bridge = Setup::of_subcommand("dingtalk", &*config).argument("--log.level=debug").start();
        let authorized = |body: &str| {
            http::try_post(bridge.address, "/dingtalk/sre/send", "Authorization: Bearer b3arer\r\n", body).expect("an answer")
        };
        let faults = [
            Fault::Code(300_001, "token t0ken is not exist, secret SEC5ecret"),
            Fault::Code(310_000, "sign not match: access_token=t0ken"),
            Fault::Http(500, "t0ken"),
            Fault::Http(200, "t0ken"),
            Fault::Cut,
        ];
        let notification = notification("g", &[alert("A", "critical")]).to_string();
        for fault in faults {
            dingtalk.faults([fault]);
            let answer = authorized(&notification);
            assert!([400, 503].contains(&answer.status), "{}", answer.status);
            shown += answer.text();
        }
        for body in ["{\"t0ken", "null"] {
            shown += authorized(body).text();
        }
        shown += &send(&bridge, alert("A", "critical")).1;
        shown += post(&bridge, "nobody", &json!({})).text();
        std::fs::write(bridge.path("sentinel.yml"), config.replace("keyword", "keywort").replace("http", "ftp")).unwrap();
        shown += http::request(bridge.address, "POST", "/-/reload", "").text();
        shown += bridge.get("/metrics").text();
        shown += bridge.get("/").text();
        for last in ["mend=", "the new configuration was refused"] {
            bridge.logged(last);
        }
        shown += &bridge.log();
    }
    for secret in SECRETS {
        let lines: Vec<_> = shown.lines().filter(|line| line.contains(secret)).collect();
        assert!(lines.is_empty(), "{secret} is in {lines:#?}");
    }
}
