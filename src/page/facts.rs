//! What is on the page, from what the exporter knows at one moment.

use std::cmp::Reverse;

use serde_json::{Map, Value, json};

use super::words::{ago, moment};
use super::{Fact, Page, State, Trouble, cards, inputs, sessions};
use crate::board::{SourceStatus, View};
use crate::health::{Finding, Level, Report};
use crate::journal::follow::Status;
use crate::source::sre_state::{METRICS, SESSIONS};
use crate::telemetry::VERSION;

/// All that is known.
pub struct Known<'a> {
    /// The samples.
    pub view: View<'a>,
    /// How the sources are doing.
    pub sources: Vec<(&'static str, SourceStatus)>,
    /// How the journals and the checkpoint are doing.
    pub status: Status,
    /// Whether the journals have been read to their end.
    pub caught_up: bool,
    /// What the checks found.
    pub report: Report,
    /// The path of the metrics.
    pub telemetry_path: String,
}

impl Known<'_> {
    fn has(&self, source: &str) -> bool {
        self.sources.iter().any(|(name, _)| *name == source)
    }

    /// The page.
    pub fn page(&self) -> Page {
        let Self { view, report, .. } = self;
        let mut inputs = inputs::sources(&self.sources, view.now);
        inputs.extend(inputs::files(&self.status, view.now));
        let mut cards = vec![cards::trading(view)];
        if self.has("sre_state") {
            cards.push(cards::bot(view));
        }
        if self.has("postgres") || self.has("postgrest") {
            cards.push(cards::pipeline(view));
        }
        if self.has("probe") {
            cards.push(cards::probes(view));
        }
        let facts = || cards.iter().flat_map(|card| &card.facts).filter_map(|fact| Some((fact, fact.state?)));
        let bad_facts: Vec<_> = facts().filter(|(_, state)| state.is_bad()).collect();
        let alerts = report.alerts();
        let mut troubles: Vec<_> = alerts.iter().map(|finding| found(finding, view.now)).collect();
        let is_told = |fact: &Fact| alerts.iter().any(|finding| finding.runbook() == fact.alert);
        troubles.extend(bad_facts.iter().filter(|(fact, _)| !is_told(fact)).map(|(fact, state)| out_of_bounds(fact, *state)));
        troubles.sort_by_key(|trouble| Reverse(trouble.state));
        let unread = inputs.iter().filter(|input| input.state == State::Bad).count();
        // What cannot be read is not known to be well.
        let reading = if unread > 0 { State::Warning } else { State::Good };
        // Nor is anything before the checks have run, and where there is nothing to judge by.
        let judged =
            if self.has("checks") { !report.findings.is_empty() } else { facts().any(|(_, state)| state != State::Unknown) };
        let checks = if judged { of(report.level()) } else { State::Unknown };
        let state = bad_facts.iter().map(|(_, state)| *state).fold(checks.max(reading), State::max);
        Page {
            state,
            verdict: verdict(state),
            sentence: self.sentence(bad_facts.len(), unread),
            at: moment(view.now),
            about: format!("{} · {VERSION}", report.environment),
            troubles,
            well: report.findings.iter().filter(|finding| finding.level == Level::Ok).map(|finding| finding.check).collect(),
            cards,
            inputs,
            sessions: self.has("sre_state").then(|| sessions::last(view.remark(SESSIONS).unwrap_or_default())),
            metrics: self.telemetry_path.clone(),
        }
    }

    /// The verdict in a sentence: the checks, the cards, what is read.
    fn sentence(&self, bad_facts: usize, unread: usize) -> String {
        let checks = match (self.report.findings.len(), self.report.alerts().len()) {
            (0, _) if self.has("checks") => "The checks have not run yet".to_owned(),
            (0, _) => "No checks are configured".to_owned(),
            (all, 0) => format!("All {all} checks are well"),
            (all, alerts) => format!("{alerts} of {all} checks are not well"),
        };
        let facts = match bad_facts {
            0 => "no figure is out of bounds".to_owned(),
            1 => "1 figure is out of bounds".to_owned(),
            count => format!("{count} figures are out of bounds"),
        };
        let read = match unread {
            0 => "everything configured is read".to_owned(),
            count => format!("{count} of the inputs cannot be read"),
        };
        let replay = if self.caught_up { "" } else { " The journals are still being read; the metrics come after that." };
        format!("{checks}; {facts}; {read}.{replay}")
    }

    /// The same for programs: the report, with the page's verdict, and beside it what the old dashboard reads.
    pub fn json(&self) -> Value {
        let page = self.page();
        let metrics = self.view.remark(METRICS).and_then(|text| serde_json::from_str(text).ok());
        let mut answer = json!({
            "sre_metrics": metrics.unwrap_or_else(|| Value::Object(Map::new())),
            "recent_rca_fixes": sessions::raw(self.view.remark(SESSIONS).unwrap_or_default()),
        });
        if let (Value::Object(answer), Value::Object(report)) = (&mut answer, self.report.json()) {
            answer.extend(report);
            // The checks are not all that is judged.
            answer.insert("overall_status".to_owned(), page.verdict.into());
            answer.insert("summary".to_owned(), page.sentence.into());
        }
        answer
    }
}

/// The word for everything of which this is the worst, as reports have it.
fn verdict(state: State) -> &'static str {
    match state {
        State::Good => Level::Ok.verdict(),
        State::Unknown => "unknown",
        State::Warning => Level::Warning.verdict(),
        State::Bad => Level::Critical.verdict(),
    }
}

fn of(level: Level) -> State {
    match level {
        Level::Ok => State::Good,
        Level::Warning => State::Warning,
        Level::Critical => State::Bad,
    }
}

fn found(finding: &Finding, now: f64) -> Trouble {
    Trouble {
        state: of(finding.level),
        name: finding.check.to_owned(),
        message: finding.message.clone(),
        measured: format!("{} | checked {}", finding.judged_by(), ago(finding.at, now)),
    }
}

fn out_of_bounds(fact: &Fact, state: State) -> Trouble {
    let note = Some(fact.note.clone()).filter(|note| !note.is_empty());
    let runbook = fact.alert.map(|alert| format!("runbook: {alert}"));
    let measured = note.into_iter().chain(runbook).collect::<Vec<_>>().join(" | ");
    Trouble { state, name: fact.name.clone(), message: fact.value.clone(), measured }
}
