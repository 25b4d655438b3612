//! The page for a person who was paged, as HTML: what is wrong first, then how everything is.
//!
//! [`facts`] says what is on it, this module how it looks. Everything is text here, and maud escapes all of it.

mod cards;
pub mod facts;
mod inputs;
mod sessions;
mod words;

use maud::{DOCTYPE, Markup, html};

/// The style sheet, at `/page.css`.
pub const STYLE: &str = include_str!("page/page.css");
/// What renews the page in place, at `/page.js`. Without scripts the browser loads it anew.
pub const SCRIPT: &str = include_str!("page/page.js");
/// The icon, at `/page.svg`.
pub const ICON: &str = include_str!("page/page.svg");
/// What the page may load and do: its own style sheet, script and icon.
pub const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
                          base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// How something is, in a word, a sign and a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// All is well.
    Good,
    /// It is not known.
    Unknown,
    /// Worth a look.
    Warning,
    /// Broken.
    Bad,
}

impl State {
    /// Whether somebody should look.
    fn is_bad(&self) -> bool {
        matches!(self, Self::Warning | Self::Bad)
    }

    fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Unknown => "unknown",
            Self::Warning => "warning",
            Self::Bad => "bad",
        }
    }

    fn sign(self) -> &'static str {
        match self {
            Self::Good => "✔",
            Self::Unknown => "?",
            Self::Warning => "▲",
            Self::Bad => "✖",
        }
    }
}

/// All that the page shows.
#[derive(Debug)]
pub struct Page {
    /// The worst of it all.
    pub state: State,
    /// The verdict in a word.
    pub verdict: &'static str,
    /// The verdict in a sentence.
    pub sentence: String,
    /// When it was so: a time of day in UTC.
    pub at: String,
    /// Which installation it is about, and which version tells.
    pub about: String,
    /// What is not well, the worst first.
    pub troubles: Vec<Trouble>,
    /// The names of what is well.
    pub well: Vec<&'static str>,
    /// How trading, the bot and the pipeline are.
    pub cards: Vec<Card>,
    /// What is read, and how that goes.
    pub inputs: Vec<Input>,
    /// The last root-cause analyses, the newest first; none without a bot.
    pub sessions: Option<Vec<Session>>,
    /// The path of the metrics.
    pub metrics: String,
}

/// Something that is not well.
#[derive(Debug)]
pub struct Trouble {
    /// How bad it is.
    pub state: State,
    /// The check that found it, or the figure that is out of bounds.
    pub name: String,
    /// What was found.
    pub message: String,
    /// What was measured, what it is judged by, and the runbook's heading that tells what to do.
    pub measured: String,
}

/// Some facts that belong together.
#[derive(Debug)]
pub struct Card {
    /// What they are about.
    pub title: &'static str,
    /// The facts.
    pub facts: Vec<Fact>,
}

/// A fact.
#[derive(Debug)]
pub struct Fact {
    /// What it is about.
    pub name: String,
    /// What is so.
    pub value: String,
    /// Whether that is well; none if that cannot be said of it.
    pub state: Option<State>,
    /// The alert that fires when it is not, which has a runbook of that name.
    pub alert: Option<&'static str>,
    /// What else there is to say.
    pub note: String,
}

/// Something that is read: a source, a part of one, a journal, the checkpoint.
#[derive(Debug)]
pub struct Input {
    /// Its name or path.
    pub name: String,
    /// How it is.
    pub state: State,
    /// That in a word.
    pub word: &'static str,
    /// When it was last good, or how far it is read.
    pub good: String,
    /// What is wrong.
    pub wrong: Vec<String>,
}

/// A root-cause analysis.
#[derive(Debug)]
pub struct Session {
    /// What it is known by on the page.
    pub id: String,
    /// When it was.
    pub at: String,
    /// What began it.
    pub trigger: String,
    /// How it ended.
    pub state: State,
    /// That in the log's word.
    pub word: String,
    /// What was repaired, and whether that helped.
    pub fixes: Vec<String>,
    /// Each check: how it is, its name, and what it found.
    pub checks: Vec<(State, String, String)>,
}

impl Page {
    /// The whole document.
    pub fn render(&self) -> String {
        let title = format!("{} {} · sentinel-exporter", self.state.sign(), self.verdict);
        let document = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (title) }
                    link rel="stylesheet" href="/page.css";
                    link rel="icon" type="image/svg+xml" href="/page.svg";
                    script src="/page.js" defer {}
                    noscript { meta http-equiv="refresh" content="15"; }
                }
                body {
                    p #lost role="alert" hidden { "The exporter does not answer. What follows is old." }
                    main { (self.body()) }
                }
            }
        };
        document.into_string()
    }

    fn body(&self) -> Markup {
        html! {
            header {
                h1 { "sentinel-exporter" }
                p { (self.about) }
            }
            section.verdict.(self.state.class()) {
                h2 { (sign(self.state)) (self.verdict) }
                p { (self.sentence) }
                p.small { "Rates and counts, such as failing orders, are judged by Prometheus' rules alone." }
                p.small { "As of " (self.at) " UTC; renewed every 15 seconds." }
            }
            @if !self.troubles.is_empty() {
                section aria-labelledby="troubles" {
                    h2 #troubles { "What is wrong" }
                    ul.troubles { @for trouble in &self.troubles { (trouble.markup()) } }
                }
            }
            @if !self.well.is_empty() {
                p.small { "Well: " (self.well.join(", ")) "." }
            }
            div.cards { @for card in &self.cards { (card.markup()) } }
            section aria-labelledby="inputs" {
                h2 #inputs { "What is read" }
                table {
                    thead { tr { th scope="col" { "source" } th scope="col" { "state" } th scope="col" { "last good" } th scope="col" { "what is wrong" } } }
                    tbody { @for input in &self.inputs { (input.markup()) } }
                }
            }
            @if let Some(sessions) = &self.sessions {
                section aria-labelledby="sessions" {
                    h2 #sessions { "Last root-cause analyses" }
                    @if sessions.is_empty() { p { "There has been none." } }
                    @for session in sessions { (session.markup()) }
                }
            }
            footer {
                a href=(self.metrics) { "metrics" } " · " a href="/api/sre/health" { "this as JSON" } " · "
                a href="/-/healthy" { "healthy" } " · " a href="/-/ready" { "ready" }
            }
        }
    }
}

impl Trouble {
    fn markup(&self) -> Markup {
        html! {
            li.(self.state.class()) {
                strong { (sign(self.state)) (self.name) } ": " (self.message)
                div.small { (self.measured) }
            }
        }
    }
}

impl Card {
    fn markup(&self) -> Markup {
        html! {
            section.card {
                h2 { (self.title) }
                dl {
                    @for fact in &self.facts {
                        dt { (fact.name) }
                        dd.(fact.state.map_or("", State::class)) {
                            @if let Some(state) = fact.state { (sign(state)) }
                            (fact.value)
                            @if !fact.note.is_empty() { div.small { (fact.note) } }
                        }
                    }
                }
            }
        }
    }
}

impl Input {
    fn markup(&self) -> Markup {
        html! {
            tr {
                th scope="row" { (self.name) }
                td.(self.state.class()) { (sign(self.state)) (self.word) }
                td { (self.good) }
                td { @for wrong in &self.wrong { div { (wrong) } } }
            }
        }
    }
}

impl Session {
    fn markup(&self) -> Markup {
        html! {
            details id=(self.id) {
                summary id={ (self.id) "-summary" } {
                    (self.at) " · " (self.trigger) " · "
                    span.(self.state.class()) { (sign(self.state)) (self.word) }
                    @if !self.fixes.is_empty() { " · " (self.fixes.join(", ")) }
                }
                ul { @for (state, name, found) in &self.checks { li.(state.class()) { strong { (sign(*state)) (name) } ": " (found) } } }
            }
        }
    }
}

/// The sign of a state, for the eye alone: a word stands beside it.
fn sign(state: State) -> Markup {
    html! { span.sign aria-hidden="true" { (state.sign()) } " " }
}
