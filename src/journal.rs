//! From lines in files to counts: the tail follows files, `event` and `sre_log` read lines, the ledger counts, the checkpoint keeps.
//!
//! A file is the only road to a counter, and the ledger is saved together with the positions up to which its files were read:
//! so a crash at any moment loses nothing and counts nothing twice. Nothing in here knows of Prometheus or HTTP.

pub mod batches;
pub mod checkpoint;
pub mod event;
pub mod follow;
mod generations;
pub mod ledger;
pub mod lines;
mod reader;
pub mod rejection;
mod reports;
mod saver;
pub mod sre_log;
pub mod tail;
