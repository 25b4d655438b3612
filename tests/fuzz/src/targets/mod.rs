//! What has to hold for every input, whoever it is from. A target panics when it does not.
//!
//! libFuzzer looks for such inputs as long as somebody lets it; the tests take those that are stored, and what is near them.

mod configurations;
mod events;
mod journals;
mod notifications;
mod pages;
mod posts;
mod requests;
mod sre_logs;

/// Something that takes input from outside.
pub(crate) struct Target {
    /// The folder of its inputs in tests/fuzz/corpus.
    pub(crate) name: &'static str,
    /// Panics when something does not hold.
    pub(crate) check: fn(&[u8]),
}

/// All targets.
pub(crate) const TARGETS: [Target; 7] = [
    Target { name: "configurations", check: configurations::check },
    Target { name: "events", check: events::check },
    Target { name: "journals", check: journals::check },
    Target { name: "notifications", check: notifications::check },
    Target { name: "posts", check: posts::check },
    Target { name: "requests", check: requests::check },
    Target { name: "sre-logs", check: sre_logs::check },
];
