//! The words of a message that are not the alert's own.

use std::str::FromStr;

/// The language of a robot's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English.
    En,
    /// Chinese.
    Zh,
}

impl FromStr for Language {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "en" => Ok(Self::En),
            "zh" => Ok(Self::Zh),
            _ => Err("en or zh".to_owned()),
        }
    }
}

/// Words in one language.
pub struct Words {
    /// What fires, as a heading and in a title.
    pub firing: &'static str,
    /// What has ended.
    pub resolved: &'static str,
    /// Before the time at which an alert began.
    pub since: &'static str,
    /// Between an alert's name and its host.
    pub on: &'static str,
    /// Before what an alert measured.
    pub value: &'static str,
    /// The link to what to do.
    pub runbook: &'static str,
    /// The link to the graphs.
    pub dashboard: &'static str,
    /// The link to the expression.
    pub query: &'static str,
    /// The link to a new silence.
    pub silence: &'static str,
    /// How everybody is called.
    pub everybody: &'static str,
    critical: &'static str,
    warning: &'static str,
    info: &'static str,
}

static EN: Words = Words {
    firing: "Firing",
    resolved: "Resolved",
    since: "since",
    on: "on",
    value: "Value",
    runbook: "Runbook",
    dashboard: "Dashboard",
    query: "Query",
    silence: "Silence",
    everybody: "@all",
    critical: "CRITICAL",
    warning: "WARNING",
    info: "INFO",
};

static ZH: Words = Words {
    firing: "告警",
    resolved: "已恢复",
    since: "开始于",
    on: "·",
    value: "当前值",
    runbook: "处理手册",
    dashboard: "仪表盘",
    query: "查询",
    silence: "静默",
    everybody: "@所有人",
    critical: "严重",
    warning: "警告",
    info: "提示",
};

impl Language {
    /// Its words.
    pub fn words(self) -> &'static Words {
        match self {
            Self::En => &EN,
            Self::Zh => &ZH,
        }
    }

    /// How many alerts fire and have ended.
    pub fn counts(self, firing: usize, resolved: usize) -> String {
        match (self, firing, resolved) {
            (Self::En, firing, 0) => format!("{firing} firing"),
            (Self::En, 0, resolved) => format!("{resolved} resolved"),
            (Self::En, firing, resolved) => format!("{firing} firing, {resolved} resolved"),
            (Self::Zh, firing, 0) => format!("{firing} 条告警"),
            (Self::Zh, 0, resolved) => format!("{resolved} 条已恢复"),
            (Self::Zh, firing, resolved) => format!("{firing} 条告警，{resolved} 条已恢复"),
        }
    }

    /// How many alerts a message does not show, and where they are.
    pub fn more(self, count: usize, follow: bool) -> String {
        match (self, follow) {
            (Self::En, true) => format!("and {count} more in the next message"),
            (Self::En, false) => format!("and {count} more: see Alertmanager"),
            (Self::Zh, true) => format!("还有 {count} 条，见下一条消息"),
            (Self::Zh, false) => format!("还有 {count} 条，请查看 Alertmanager"),
        }
    }
}

impl Words {
    /// The word for a severity, if it is one of the known ones.
    pub fn severity(&self, severity: &str) -> Option<&'static str> {
        match severity {
            "critical" => Some(self.critical),
            "warning" => Some(self.warning),
            "info" => Some(self.info),
            _ => None,
        }
    }
}
