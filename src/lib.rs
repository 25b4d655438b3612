//! The exporter as a library: what the binary runs and the tests use.
//!
//! ```text
//!  journals ──▶ journal (tail ─▶ event ─▶ ledger ─▶ checkpoint) ─┐
//!                                                                ├─▶ board ──▶ exposition ──▶ http ──▶ /metrics
//!  database, endpoints,                                          │     └────────────────────────────▶ status page
//!  state files ──────────────▶ source (poll ─▶ sample set) ──────┘
//! ```
//!
//! - [`catalogue`] is the table of every metric family, [`family`] the machinery of that table.
//! - [`sample`] holds samples in the form that a scrape copies, [`part`] what a poll found, or why it found nothing.
//! - [`journal`] turns lines in files into counts that survive the process.
//! - `files` reads, within bounds, what somebody else writes.
//! - [`source`] asks the database, PostgREST and other endpoints, and reads state files, again and again.
//! - [`board`] has the latest of everything; a reader takes a view of it.
//! - [`health`] judges what is wrong, by the board and by the files of the bot; [`check`] tells it once, on the command line.
//! - [`page`] is what a person sees who was paged.
//! - [`exposition`] writes a view in Prometheus' text format; [`http`] serves it.
//! - [`access`] says who gets in: TLS, certificates of clients, users and limits.
//! - [`client`] makes the requests of others that a source or a message needs.
//! - [`dingtalk`] is the bridge from Alertmanager to DingTalk, a process of its own.
//! - [`telemetry`] is the exporter's own log and metrics.
//! - [`config`] reads the configuration, [`cli`] the command line, and [`serve`] puts all of it together.

pub mod access;
pub mod board;
pub mod catalogue;
pub mod check;
pub mod cli;
pub mod client;
mod clock;
pub mod config;
pub mod dingtalk;
pub mod document;
pub mod exposition;
pub mod family;
mod files;
mod folder;
pub mod health;
pub mod http;
pub mod journal;
pub mod page;
pub mod part;
mod pem;
pub mod sample;
pub mod secret;
pub mod serve;
pub mod source;
pub mod telemetry;
mod told;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The value in `mutex`. A panic elsewhere does not take the exporter down with it: no change is left half done under a lock.
fn locked<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
