//! All integration tests, in one binary. A module is one hazard; `support` starts what they need, privately.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a helper that cannot do its work fails the test that called it"
)]

mod catalogue;
mod events;
mod journals;
mod recorder;
mod support;
