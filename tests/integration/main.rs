//! All integration tests, in one binary. A module is one hazard; `support` starts what they need, privately.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a helper that cannot do its work fails the test that called it"
)]

mod allocations;
mod broker;
mod catalogue;
mod check;
mod checkpoints;
mod checks;
mod cli;
mod configuration;
mod dingtalk;
mod documents;
mod events;
mod fuzz;
mod golden;
mod http;
mod ingest;
mod journals;
mod lifecycle;
mod lingering;
mod logs;
mod mock_signal;
mod page;
mod postgres;
mod postgrest;
mod probes;
mod properties;
mod recorder;
mod repairs;
mod rotations;
mod routing;
mod rules;
mod state_files;
mod storm;
mod support;
mod truncations;
mod two_users;
mod verify;
mod web;
