//! What the tests start: the exporter itself, real servers, private folders.

pub(crate) mod alertmanager;
pub(crate) mod bot;
pub(crate) mod certs;
pub(crate) mod chromium;
pub(crate) mod daemon;
pub(crate) mod dingtalk;
pub(crate) mod disk;
pub(crate) mod exporter;
pub(crate) mod folded;
pub(crate) mod http;
pub(crate) mod journal;
pub(crate) mod life;
pub(crate) mod listener;
pub(crate) mod page;
pub(crate) mod pgbouncer;
pub(crate) mod postgres;
pub(crate) mod prometheus;
pub(crate) mod site;
pub(crate) mod stand_in;
pub(crate) mod tempdir;
pub(crate) mod tls;
pub(crate) mod user;
pub(crate) mod webhooks;
