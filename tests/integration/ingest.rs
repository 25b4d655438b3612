//! POST /v1/events.

mod access;
mod disk;
mod files;
mod forms;
mod keys;
