//! The start page: what the exporter reads, how old it is, and what is wrong, for somebody who has just been paged.

use std::borrow::Cow;
use std::fmt::Write;

use hyper::StatusCode;

use super::{Answer, Site, with_type};
use crate::clock::unix_now;
use crate::config::Web;
use crate::journal::follow::Status;
use crate::telemetry::VERSION;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b;background:#fff}\
    table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.35rem .8rem;border-bottom:1px solid #ddd;vertical-align:top}\
    .ok{color:#17692f}.bad{color:#b00020;font-weight:600}.unknown{color:#666}td{overflow-wrap:anywhere}\
    @media(min-width:45rem){td:first-child{min-width:18rem}td:nth-child(2),td:nth-child(3){white-space:nowrap}}\
    @media(max-width:45rem){thead{display:none}td{display:inline-block;border:0}tr{display:block;border-bottom:1px solid #ddd}\
    td:first-child,td:last-child:not(:empty){display:block;padding-bottom:0}}\
    @media(prefers-color-scheme:dark){body{color:#e6e6e6;background:#161616}th,td{border-color:#3a3a3a}tr{border-color:#3a3a3a}a{color:#8ab4f8}\
    .ok{color:#6fcf87}.bad{color:#ff8a80}.unknown{color:#aaa}}";

/// The page as HTML.
pub(super) fn answer(site: &Site, web: &Web) -> Answer {
    let status = site.follower.status();
    let mut rows = String::new();
    for (name, source) in site.board.sources() {
        let age = match source.last_success {
            0.0 => "never".to_owned(),
            at => format!("{} ago", age(unix_now() - at)),
        };
        let (state, class) = match source.took {
            None => ("waiting", "unknown"),
            Some(_) if !source.errors.is_empty() => ("failing", "bad"),
            Some(_) if !source.troubles.is_empty() => ("sees trouble", "bad"),
            Some(_) => ("ok", "ok"),
        };
        row(&mut rows, name, (state, class), &age, &wrong(&[source.errors, source.troubles].concat()));
    }
    journal_rows(&mut rows, &status);
    let ready = if site.follower.caught_up() {
        ""
    } else {
        "<p class=bad>The journals are still being read; the metrics come after that.</p>"
    };
    let metrics = escape(&web.telemetry_path);
    with_type(
        StatusCode::OK,
        "text/html; charset=utf-8",
        format!(
            "<!DOCTYPE html><html lang=en><head><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
             <meta http-equiv=refresh content=15><title>sentinel-exporter</title><style>{STYLE}</style></head><body>\
             <h1>sentinel-exporter</h1><p>{}</p>{ready}\
             <table><thead><tr><th>what is read<th>state<th>last good<th>what is wrong</tr></thead><tbody>{rows}</tbody></table>\
             <p><a href=\"{metrics}\">metrics</a> · <a href=\"/-/healthy\">healthy</a> · <a href=\"/-/ready\">ready</a></p></body></html>\n",
            escape(VERSION)
        ),
    )
}

/// The errors as HTML; parts that fail for the same reason, such as a database that is not there, share a line.
fn wrong(errors: &[(Cow<'_, str>, String)]) -> String {
    let lines = errors.chunk_by(|(_, one), (_, next)| one == next).map(|same| {
        let parts = same.iter().map(|(part, _)| escape(part)).collect::<Vec<_>>().join(", ");
        format!("{parts}: {}", same.first().map(|(_, error)| escape(error)).unwrap_or_default())
    });
    lines.collect::<Vec<_>>().join("<br>")
}

fn journal_rows(rows: &mut String, status: &Status) {
    for file in &status.files {
        let path = file.path.to_string_lossy();
        let (state, class) = match (&file.error, file.offset) {
            (Some(_), _) => ("failing", "bad"),
            (None, None) => ("waiting", "unknown"),
            (None, Some(_)) => ("ok", "ok"),
        };
        let read = match (&file.error, file.offset) {
            (_, Some(offset)) => format!("{offset} bytes read, {} to read", file.lag),
            (Some(_), None) => "never".to_owned(),
            (None, None) => "there is no such file yet".to_owned(),
        };
        row(rows, &path, (state, class), &read, &escape(file.error.as_deref().unwrap_or_default()));
    }
    let (state, class) = match (&status.save_error, status.saved_at) {
        (Some(_), _) => ("failing", "bad"),
        (None, 0.0) => ("waiting", "unknown"),
        (None, _) => ("ok", "ok"),
    };
    let saved = match status.saved_at {
        0.0 => "not yet".to_owned(),
        at => format!("{} ago", age(unix_now() - at)),
    };
    row(rows, "checkpoint", (state, class), &saved, &escape(status.save_error.as_deref().unwrap_or_default()));
}

/// One row; `wrong` is HTML already.
fn row(rows: &mut String, name: &str, (state, class): (&str, &str), good: &str, wrong: &str) {
    let name = escape(name);
    // Writing to a string cannot fail.
    let _ = write!(rows, "<tr><td>{name}<td class={class}>{state}<td>{}<td>{wrong}</tr>", escape(good));
}

fn age(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
