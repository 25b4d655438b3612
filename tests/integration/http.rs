//! The HTTP server as its clients see it: good ones, careless ones, and those that mean it.

mod answers;
mod crowd;
mod deadlines;
mod framing;
mod messages;
mod status_page;
