//! The checks: what is wrong with the bot, the broker and the pipeline, how bad it is, and what may be done about it.
//!
//! A check is a pure judgement over what was read: of the bot's files (`documents`, `records`, `ages`), of the broker (`broker`), or
//! of a view of the board (`pipeline`). `look` does the reading, within bounds of time and size, whatever hangs; `report` is what
//! people and programs are told, and `repair` mends what may be mended. `collector` runs all of it again and again beside the other sources, `crate::check` once.

mod ages;
mod broker;
mod catalogue;
pub mod collector;
mod documents;
mod finding;
mod look;
mod market;
mod pipeline;
mod records;
pub mod repair;
pub mod report;
pub mod settings;

pub use catalogue::{ALL, CheckInfo, Needs};
pub use finding::{Finding, Level};
pub use look::Look;
pub(crate) use pipeline::HOUR_COUNTS;
pub use report::{Latest, Report};
