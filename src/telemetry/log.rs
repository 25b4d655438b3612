//! The log: lines on standard error, in which nothing acts that came from outside.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, registry};

use crate::told::acts;

/// The format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// `key=value` pairs.
    Logfmt,
    /// A JSON object a line.
    Json,
}

/// Sends the log to standard error from now on. Only the first call of a process has an effect.
pub fn init_log(level: LevelFilter, format: LogFormat) {
    let lines = move || Lines { format, out: io::stderr() };
    let layer = match format {
        LogFormat::Logfmt => tracing_logfmt::builder().with_target(false).layer().with_writer(lines).boxed(),
        LogFormat::Json => tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(lines).boxed(),
    };
    let _ = tracing::subscriber::set_global_default(registry().with(layer.with_filter(level)));
}

/// Where lines are written, each with one write. The formats themselves escape what would end a text of theirs, and ASCII's controls at most.
struct Lines<W> {
    format: LogFormat,
    out: W,
}

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.out.write_all(harmless(line, self.format).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// `line` with what a terminal would obey escaped, as a text in its format has it.
fn harmless(line: &[u8], format: LogFormat) -> Cow<'_, str> {
    let line = String::from_utf8_lossy(line);
    let text = line.trim_end_matches('\n');
    if !text.contains(acts) {
        return line;
    }
    let mut shown = String::with_capacity(line.len());
    for c in text.chars() {
        // Writing to a string cannot fail.
        let _ = match format {
            _ if !acts(c) => shown.write_char(c),
            LogFormat::Logfmt => write!(shown, "{}", c.escape_unicode()),
            LogFormat::Json => write!(shown, "\\u{:04x}", u32::from(c)),
        };
    }
    shown.push('\n');
    shown.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_is_escaped_and_the_rest_is_left() {
        let line = "robot=a\u{9b}31m\u{85}b\u{202e}c\u{7f} é=\"\\n\" 亏损🔴\n";
        let written = |format| {
            let mut lines = Lines { format, out: Vec::new() };
            lines.write_all(line.as_bytes()).unwrap();
            String::from_utf8(lines.out).unwrap()
        };
        assert_eq!(written(LogFormat::Logfmt), "robot=a\\u{9b}31m\\u{85}b\\u{202e}c\\u{7f} é=\"\\n\" 亏损🔴\n");
        assert_eq!(written(LogFormat::Json), "robot=a\\u009b31m\\u0085b\\u202ec\\u007f é=\"\\n\" 亏损🔴\n");
        let ordinary = "level=info message=é\n";
        assert!(matches!(harmless(ordinary.as_bytes(), LogFormat::Json), Cow::Borrowed(same) if same == ordinary));
    }
}
