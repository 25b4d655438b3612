//! From lines in files to counts: the tail follows files, `event` and `sre_log` read lines, the ledger counts, the checkpoint keeps.
//! What comes by POST is appended to a file too, by `append`.
//!
//! A file is the only road to a counter, and the ledger is saved together with the positions up to which its files were read:
//! so a crash at any moment loses nothing and counts nothing twice. Nothing in here knows of Prometheus or HTTP.

pub mod append;
pub mod batches;
pub mod checkpoint;
pub mod event;
pub mod follow;
mod generations;
pub mod keys;
pub mod ledger;
pub mod lines;
pub mod others;
pub mod own;
pub mod post;
pub mod postgrest;
mod progress;
mod reader;
pub mod rejection;
mod reports;
mod saver;
pub mod sre_log;
pub mod tail;
