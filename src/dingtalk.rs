//! The bridge from Alertmanager to DingTalk, a process of its own: `sentinel-exporter dingtalk`.
//!
//! ```text
//!  POST /dingtalk/<robot>/send ──▶ server ──▶ payload ──▶ robot (queue ─▶ message ─▶ post ─▶ verdict) ──▶ DingTalk
//!                     200 / 503 / 400 ◀────────────────────── outcome ──┘
//! ```
//!
//! Nothing is kept on disk: a notification is answered when its outcome is known, and until then it is Alertmanager's, which sends it
//! again after anything but a success. So what is killed here is lost nowhere.
//!
//! - [`webhook`] is what Alertmanager sends and [`payload`] what it tells; [`plain`] makes its texts harmless, [`entry`], [`words`] and
//!   [`message`] make a message.
//! - [`queue`] holds what waits and merges it, [`memory`] what was delivered without an answer, [`limit`] how fast a robot may be.
//! - [`post`] signs and sends one message ([`sign`]), and [`verdict`] judges DingTalk's answer.
//! - [`robot`] runs all that for one robot; [`server`] answers requests, and [`refusals`] has few of those that it refuses logged;
//!   [`serve`] puts it together, [`trial`] is the test command.

pub mod config;
mod entry;
mod limit;
mod memory;
pub mod message;
pub mod payload;
mod plain;
mod post;
mod queue;
mod refusals;
mod robot;
pub mod serve;
mod server;
mod sign;
pub mod trial;
pub mod verdict;
mod webhook;
pub mod words;
