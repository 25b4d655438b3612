//! What DingTalk's answer means: it says HTTP 200 whatever happens, and how it went in `errcode` and `errmsg`.
//!
//! Sources disagree about the codes, and one code has several texts, so both are judged: a text that is known decides, then the
//! code. What is known in neither is tried again, since a message that is given up is lost.

use serde::Deserialize;
use serde_json::Value;

use crate::client::ClientError;

/// How an attempt to deliver went, which is the answer that Alertmanager gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// DingTalk has taken all of it: 200.
    Sent,
    /// It may work later: 503, and Alertmanager comes again.
    Later(Reason),
    /// It cannot work before somebody changes something: 400.
    Rejected(Reason),
}

/// Declares the reasons: for each its label, whether trying again may help, and what to do about it.
macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident $label:literal $delivery:ident $advice:literal;)+) => {
        /// Why something was not delivered.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Reason { $($(#[doc = $doc])+ $name),+ }

        impl Reason {
            /// Every reason.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Its name in metrics and logs.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $label),+ }
            }

            /// What to do about it.
            pub fn advice(self) -> &'static str {
                match self { $(Self::$name => $advice),+ }
            }

            /// The answer to a notification that was not delivered for this reason.
            pub fn delivery(self) -> Delivery {
                match self { $(Self::$name => Delivery::$delivery(self)),+ }
            }
        }
    };
}

reasons! {
    /// DingTalk says that it is busy.
    Busy "busy" Later "DingTalk is busy; nothing to do unless it lasts";
    /// DingTalk says that the robot is too fast.
    Rate "rate" Later "more than 20 messages a minute: does something else use this robot? A second robot of the group in webhooks shares the load";
    /// No answer came in time: it may have been delivered.
    Timeout "timeout" Later "DingTalk did not answer in time; the message may have been delivered, and will come again";
    /// No connection came about.
    Network "network" Later "DingTalk cannot be reached: check DNS, routes, firewall and HTTPS_PROXY on this host";
    /// HTTP 5xx.
    Server "server" Later "DingTalk's servers fail; nothing to do unless it lasts";
    /// An answer that is not DingTalk's.
    Unclear "unclear" Later "the answer is not DingTalk's: is there a proxy in between, is the URL the robot's?";
    /// An errcode and text that are not known.
    Unknown "unknown" Later "DingTalk answered an errcode that is not known here; its text says more";
    /// It waited for its turn until its sender would have given up.
    Queue "queue" Later "the robot's messages of this minute are used up, or those before it take long; it comes again";
    /// The bridge stops.
    Stopping "stopping" Later "the bridge was stopping; it comes again";
    /// The keyword is not in the message.
    Keyword "keyword" Rejected "the robot's keyword is not in the message: set `keyword` to one of those in the robot's settings";
    /// The signature is not right.
    Signature "signature" Rejected "the signature is wrong: compare `secret` with the robot's settings, and this host's clock with the time";
    /// The time in the signature is not right.
    Clock "clock" Rejected "this host's clock is more than an hour off: set it";
    /// This host's address is not allowed.
    Address "address" Rejected "this host's public address is not among those that the robot allows: add it in the robot's settings";
    /// 310000 with another text.
    Security "security" Rejected "the robot's security settings refuse the message: compare keyword, signature and addresses with them";
    /// There are no calls left.
    Quota "quota" Rejected "no calls of robots are left: DingTalk's administrator of the organisation sees its quota, and can raise it";
    /// The token is not a robot's.
    Token "token" Rejected "the URL is no robot's any more: copy it anew from the robot's settings";
    /// The robot is stopped.
    Stopped "stopped" Rejected "the robot is stopped: start it again in the group's settings";
    /// The robot or its group is gone.
    Gone "gone" Rejected "the robot or its group is gone: add one to a group, and configure its URL";
    /// DingTalk does not like a link.
    Link "link" Rejected "DingTalk takes a link in the message for unsafe: look at the links of the rules' annotations";
    /// DingTalk does not like the content.
    Content "content" Rejected "DingTalk refuses the content: look at the texts of the alerts that it names";
    /// The message is too long.
    Length "length" Rejected "the message is too long for DingTalk, which is a bug of this program";
    /// The request is wrong.
    Request "request" Rejected "DingTalk does not understand the request: is the URL the robot's? Else it is a bug of this program";
}

/// An answer, judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What it means.
    pub delivery: Delivery,
    /// DingTalk's own words, for the log.
    pub said: String,
}

#[derive(Deserialize)]
struct Answer {
    errcode: Option<Value>,
    errmsg: Option<Value>,
    /// Its servers' guard against floods has an answer of its own.
    punish: Option<Value>,
}

/// Judges an answer with this status and body.
pub fn judge(status: u16, body: &[u8]) -> Verdict {
    let of = |reason: Reason, said: String| Verdict { delivery: reason.delivery(), said };
    match status {
        200 => {}
        429 => return of(Reason::Rate, format!("HTTP {status}")),
        404 | 405 => return of(Reason::Request, format!("HTTP {status}")),
        500.. => return of(Reason::Server, format!("HTTP {status}")),
        _ => return of(Reason::Unclear, format!("HTTP {status}")),
    }
    let Ok(answer) = serde_json::from_slice::<Answer>(body) else {
        return of(Reason::Unclear, "an answer that is no JSON of its".to_owned());
    };
    let code = answer.errcode.as_ref().and_then(number);
    let Some(code) = code else {
        let reason = if answer.punish.is_some() { Reason::Rate } else { Reason::Unclear };
        return of(reason, "an answer without an errcode".to_owned());
    };
    let text = answer.errmsg.as_ref().and_then(Value::as_str).unwrap_or_default();
    let said = format!("errcode {code}: {text}");
    if code == 0 {
        return Verdict { delivery: Delivery::Sent, said };
    }
    of(by_text(&text.to_lowercase()).or(by_code(code)).unwrap_or(Reason::Unknown), said)
}

/// A whole number, however it is written.
fn number(value: &Value) -> Option<i64> {
    let whole = |number: f64| (number.fract() == 0.0 && number.abs() < 1e15).then_some(number as i64);
    value.as_i64().or_else(|| whole(value.as_f64()?)).or_else(|| value.as_str()?.parse().ok())
}

fn by_text(text: &str) -> Option<Reason> {
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    Some(match () {
        () if has(&["too fast", "per minute", "too many request", "限流", "流控", "太快", "频率"]) => Reason::Rate,
        () if has(&["keyword", "关键词"]) => Reason::Keyword,
        () if has(&["timestamp"]) => Reason::Clock,
        () if has(&["sign not match", "签名"]) => Reason::Signature,
        () if has(&["whitelist", "white list", "白名单"]) => Reason::Address,
        () if has(&["token is not exist", "token不存在", "token 不存在", "access_token"]) => Reason::Token,
        () if has(&["too long", "20000 bytes"]) => Reason::Length,
        () if has(&["system busy", "系统繁忙"]) => Reason::Busy,
        () if has(&["over limit", "达到上限"]) => Reason::Quota,
        () => return None,
    })
}

fn by_code(code: i64) -> Option<Reason> {
    Some(match code {
        -1 => Reason::Busy,
        90_030 => Reason::Quota,
        130_101 | 410_100 | 410_101 => Reason::Rate,
        310_000 => Reason::Security,
        300_001 | 300_005 | 400_101 => Reason::Token,
        400_102 => Reason::Stopped,
        400_013 | 400_106 => Reason::Gone,
        430_101 => Reason::Link,
        430_102..=430_104 => Reason::Content,
        460_101 => Reason::Length,
        40_035 | 43_002 | 43_004 | 400_105 => Reason::Request,
        _ => return None,
    })
}

/// Judges that there is no answer.
pub fn without_answer(error: &ClientError) -> Verdict {
    let reason = if error.unsent { Reason::Network } else { Reason::Timeout };
    Verdict { delivery: reason.delivery(), said: error.to_string() }
}

impl Delivery {
    /// Its name in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "delivered",
            Self::Later(_) => "later",
            Self::Rejected(_) => "rejected",
        }
    }

    /// Why it was not delivered.
    pub fn reason(self) -> Option<Reason> {
        match self {
            Self::Sent => None,
            Self::Later(reason) | Self::Rejected(reason) => Some(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(code: i64, text: &str) -> Delivery {
        judge(200, serde_json::json!({"errcode": code, "errmsg": text}).to_string().as_bytes()).delivery
    }

    #[test]
    fn a_text_decides_before_a_code() {
        for (code, text, reason) in [
            (310_000, "keywords not in content, more: [https://ding-doc.dingtalk.com/doc#/serverapi2/qf2nxq]", Reason::Keyword),
            (310_000, "sign not match, more: [https://ding-doc.dingtalk.com/doc]", Reason::Signature),
            (310_000, "invalid timestamp, more: [https://ding-doc.dingtalk.com/doc]", Reason::Clock),
            (310_000, "ip 192.0.2.1 not in whitelist, more: [https://ding-doc.dingtalk.com/doc]", Reason::Address),
            (310_000, "机器人发送签名不匹配", Reason::Signature),
            (310_000, "something else", Reason::Security),
            (300_001, "token is not exist", Reason::Token),
            (300_001, "send too fast, exceed 20 times per minute", Reason::Rate),
            (300_005, "", Reason::Token),
            (400_101, "", Reason::Token),
            (99, "token is not exist", Reason::Token),
            (40_035, "缺少参数 access_token", Reason::Token),
            (40_035, "bad parameters", Reason::Request),
            (130_101, "", Reason::Rate),
            (460_101, "", Reason::Length),
            (12_345, "message too long, exceed 20000 bytes", Reason::Length),
            (-1, "", Reason::Busy),
            (12_345, "系统繁忙", Reason::Busy),
            (90_030, "webhook over limit", Reason::Quota),
            (90_030, "", Reason::Quota),
            (12_345, "webhook over limit", Reason::Quota),
            (12_345, "hello", Reason::Unknown),
        ] {
            assert_eq!(delivery(code, text), reason.delivery(), "{code} {text}");
        }
        assert_eq!(delivery(0, "ok"), Delivery::Sent);
        // Whatever else it says, with 0 it was delivered.
        assert_eq!(delivery(0, "too fast"), Delivery::Sent);
    }

    #[test]
    fn what_is_not_dingtalks_is_no_success() {
        let reason = |status, body: &str| judge(status, body.as_bytes()).delivery.reason();
        for (status, body, expected) in [
            (200, "", Reason::Unclear),
            (200, "<html>", Reason::Unclear),
            (200, "{}", Reason::Unclear),
            (200, "[]", Reason::Unclear),
            (200, "{\"errcode\":null}", Reason::Unclear),
            (200, "{\"status\":1111,\"wait\":5,\"punish\":\"deny\"}", Reason::Rate),
            (200, "{\"errcode\":\"130101\"}", Reason::Rate),
            (204, "{\"errcode\":0}", Reason::Unclear),
            (302, "{\"errcode\":0}", Reason::Unclear),
            (403, "", Reason::Unclear),
            (404, "", Reason::Request),
            (429, "", Reason::Rate),
            (500, "{\"errcode\":0}", Reason::Server),
            (599, "", Reason::Server),
        ] {
            assert_eq!(reason(status, body), Some(expected), "{status} {body}");
        }
        for delivered in ["\"0\"", "0.0", "-0.0", "0, \"errmsg\": null", "0, \"errmsg\": {}", "0, \"punish\": null"] {
            assert_eq!(judge(200, format!("{{\"errcode\":{delivered}}}").as_bytes()).delivery, Delivery::Sent, "{delivered}");
        }
        for not in ["0.5", "\"\"", "false", "[0]", "1e300"] {
            assert_eq!(reason(200, &format!("{{\"errcode\":{not}}}")), Some(Reason::Unclear), "{not}");
        }
    }

    #[test]
    fn labels_are_distinct() {
        let labels: std::collections::HashSet<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        assert_eq!(labels.len(), Reason::ALL.len());
    }
}
