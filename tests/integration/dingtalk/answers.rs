//! Each answer of DingTalk's, and what Alertmanager is told about it.

use std::time::Duration;

use super::{alert, bridge, config, send};
use crate::support::dingtalk::{DingTalk, Fault};
use crate::support::exporter::Setup;

#[test]
fn what_is_delivered_is_answered_with_200() {
    let dingtalk = DingTalk::start();
    let bridge = bridge(&dingtalk, "");
    assert_eq!(send(&bridge, alert("A", "critical")), (200, "Delivered.\n".to_owned()));
    assert_eq!(dingtalk.messages().len(), 1, "{}", bridge.log());
    assert!(bridge.value("sentinel_dingtalk_last_success_timestamp_seconds{robot=\"sre\"}").unwrap() > 1.7e9);
}

/// Code and text as the real server has them, the answer to Alertmanager, and the reason in metrics and log.
const ERRORS: [(i64, &str, u16, &str); 21] = [
    (-1, "系统繁忙", 503, "busy"),
    (130_101, "send too fast, exceed 20 times per minute", 503, "rate"),
    (410_100, "发送速度太快而限流", 503, "rate"),
    (410_101, "too fast", 503, "rate"),
    (99_999, "what nobody has seen yet", 503, "unknown"),
    (310_000, "keywords not in content, more: [https://ding-doc.dingtalk.com/doc#/serverapi2/qf2nxq]", 400, "keyword"),
    (310_000, "sign not match, more: [https://ding-doc.dingtalk.com/doc#/serverapi2/qf2nxq]", 400, "signature"),
    (310_000, "invalid timestamp, more: [https://ding-doc.dingtalk.com/doc#/serverapi2/qf2nxq]", 400, "clock"),
    (310_000, "ip 192.0.2.1 not in whitelist, more: [https://ding-doc.dingtalk.com/doc#/serverapi2/qf2nxq]", 400, "address"),
    (310_000, "another one", 400, "security"),
    (90_030, "webhook over limit", 400, "quota"),
    (300_001, "token is not exist", 400, "token"),
    (400_101, "access_token不存在", 400, "token"),
    (400_102, "机器人已停用", 400, "stopped"),
    (400_106, "机器人不存在", 400, "gone"),
    (400_013, "群已被解散", 400, "gone"),
    (400_105, "unsupported msgtype", 400, "request"),
    (40_035, "不合法的参数", 400, "request"),
    (430_101, "unsafe link", 400, "link"),
    (430_103, "content refused", 400, "content"),
    (460_101, "message too long, exceed 20000 bytes", 400, "length"),
];

#[test]
fn each_error_has_its_answer_its_reason_and_a_way_to_mend_it() {
    let dingtalk = DingTalk::start();
    for (code, text, status, reason) in ERRORS {
        // A new one each time: a robot that was called too fast rests.
        let bridge = bridge(&dingtalk, "");
        dingtalk.faults([Fault::Code(code, text)]);
        let (answer, told) = send(&bridge, alert("A", "critical"));
        assert_eq!(answer, status, "{code} {text}: {told}");
        assert!(told.starts_with(&format!("Not delivered ({reason}): ")) && told.ends_with(".\n"), "{told}");
        let outcome = if status == 503 { "later" } else { "rejected" };
        let page = bridge.scrape();
        let messages = format!("sentinel_dingtalk_messages_total{{outcome=\"{outcome}\",reason=\"{reason}\",robot=\"sre\"}}");
        assert_eq!(page.value(&messages), Some(1.0), "{messages}");
        let notifications = format!("sentinel_dingtalk_notifications_total{{outcome=\"{outcome}\",robot=\"sre\"}}");
        assert_eq!(page.value(&notifications), Some(1.0), "{notifications}");
        assert_eq!(page.value("sentinel_dingtalk_last_success_timestamp_seconds{robot=\"sre\"}"), Some(0.0));
        bridge.logged(&format!("errcode {code}"));
        bridge.logged(&format!("reason={reason}"));
        bridge.logged("mend=");
    }
    assert_eq!(dingtalk.messages().len(), 0);
}

#[test]
fn what_http_says_is_no_success() {
    let dingtalk = DingTalk::start();
    let bridge = bridge(&dingtalk, "");
    for (fault, status, reason) in [
        (Fault::Http(500, ""), 503, "server"),
        (Fault::Http(502, "<html>"), 503, "server"),
        (Fault::Http(200, "<html>a captive portal</html>"), 503, "unclear"),
        (Fault::Http(200, ""), 503, "unclear"),
        (Fault::Http(302, ""), 503, "unclear"),
        (Fault::Http(404, ""), 400, "request"),
    ] {
        dingtalk.faults([fault.clone()]);
        let (answer, told) = send(&bridge, alert("A", "critical"));
        assert!(answer == status && told.contains(&format!("({reason})")), "{fault:?}: {answer} {told}");
    }
    assert_eq!(send(&bridge, alert("A", "critical")).0, 200);
    bridge.logged("messages are delivered again");
}

#[test]
fn an_answer_that_comes_too_late_is_none() {
    let dingtalk = DingTalk::start();
    let bridge = bridge(&dingtalk, "");
    dingtalk.faults([Fault::Slow(Duration::from_secs(20)), Fault::Cut]);
    for _ in 0..2 {
        let (answer, told) = send(&bridge, alert("A", "critical"));
        assert!(answer == 503 && told.contains("(timeout)") && told.contains("may have been delivered"), "{answer} {told}");
    }
    // It was delivered all the same: this is what may come twice.
    assert_eq!(dingtalk.messages().len(), 2);
}

#[test]
fn without_a_connection_it_comes_again_later() {
    let dingtalk = DingTalk::start();
    for url in ["http://127.0.0.1:1/robot/send", "https://name.invalid/robot/send"] {
        let config = config(&dingtalk, "").replace(&dingtalk.url("t0ken"), url);
        // A name service that does not answer is given up before the sending is.
        let bridge = Setup::of_subcommand("dingtalk", config).environment("RES_OPTIONS", "timeout:1 attempts:1").start();
        let (answer, told) = send(&bridge, alert("A", "critical"));
        assert!(answer == 503 && told.contains("(network)"), "{url}: {answer} {told}");
    }
}

#[test]
fn a_wrong_secret_and_a_wrong_keyword_are_told_apart() {
    let dingtalk = DingTalk::start();
    for (key, wrong, reason) in
        [("SEC5ecret", "SECother", "signature"), ("keyword: Sentinel", "keyword: Other", "keyword"), ("t0ken", "other", "token")]
    {
        let config = config(&dingtalk, "").replace(key, wrong);
        let bridge = Setup::of_subcommand("dingtalk", config).start();
        let (answer, told) = send(&bridge, alert("A", "critical"));
        assert!(answer == 400 && told.contains(&format!("({reason})")), "{wrong}: {answer} {told}");
    }
}

#[test]
fn a_robot_that_is_blocked_is_left_alone() {
    let dingtalk = DingTalk::start();
    let bridge = bridge(&dingtalk, "");
    for _ in 0..20 {
        assert_eq!(send(&bridge, alert("A", "critical")).0, 200);
    }
    let (answer, told) = send(&bridge, alert("A", "critical"));
    assert!(answer == 503 && told.contains("(rate)"), "{answer} {told}");
    let (answer, told) = send(&bridge, alert("A", "critical"));
    assert!(answer == 503 && told.contains("(queue)"), "{answer} {told}");
    assert_eq!((dingtalk.messages().len(), dingtalk.requests()), (20, 21), "it rests for more than a minute");
}
