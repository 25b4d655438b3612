//! Samples into Prometheus' text format, version 0.0.4.
//!
//! Nothing is allocated a sample: a line is its kept beginning, a number and a line end, in a buffer that the caller reuses.

use std::sync::LazyLock;

use crate::board::View;
use crate::catalogue;
use crate::family::{FamilyInfo, Store};
use crate::sample::{Series, Value};

/// The exact type of what [`render`] writes.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

static HEADERS: LazyLock<Box<[String]>> = LazyLock::new(|| catalogue::ALL.iter().map(|info| header(info)).collect());

fn header(info: &FamilyInfo) -> String {
    let help = info.help().replace('\\', "\\\\").replace('\n', "\\n");
    format!("# HELP {0} {help}\n# TYPE {0} {1}\n", info.name, info.kind.as_str())
}

/// Appends every family of `view` that has a sample, in the catalogue's order. A family that several sources feed stands once.
pub fn render(view: &View<'_>, out: &mut Vec<u8>) {
    for info in catalogue::ALL.iter().filter(|info| info.store != Store::Registry) {
        let mut fresh = true;
        for series in view.series(info) {
            if fresh {
                out.extend_from_slice(HEADERS[info.index].as_bytes());
                fresh = false;
            }
            write_series(out, series, view.now);
        }
    }
}

fn write_series(out: &mut Vec<u8>, series: Series<'_>, now: f64) {
    let text = series.text();
    match series.value() {
        Value::Counter(count) => write_count(out, text, *count),
        Value::Gauge(value) => write_value(out, text, *value),
        Value::Elapsed(since) => write_value(out, text, (now - since).max(0.0)),
        Value::Histogram(buckets) => {
            let (mut start, mut total) = (0, 0);
            for (end, count) in buckets.cumulated() {
                write_count(out, &text[start..end], count);
                (start, total) = (end, count);
            }
            write_value(out, &text[start..buckets.sum_end()], buckets.sum);
            write_count(out, &text[buckets.sum_end()..], total);
        }
    }
}

fn write_count(out: &mut Vec<u8>, text: &[u8], count: u64) {
    write_line(out, text, itoa::Buffer::new().format(count));
}

fn write_value(out: &mut Vec<u8>, text: &[u8], value: f64) {
    /// Every whole number below it is exact.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let whole = value as i64;
    if whole as f64 == value && value.abs() < EXACT {
        write_line(out, text, itoa::Buffer::new().format(whole));
    } else if value.is_finite() {
        write_line(out, text, zmij::Buffer::new().format_finite(value));
    } else if value.is_nan() {
        write_line(out, text, "NaN");
    } else {
        write_line(out, text, if value > 0.0 { "+Inf" } else { "-Inf" });
    }
}

fn write_line(out: &mut Vec<u8>, text: &[u8], number: &str) {
    out.extend_from_slice(text);
    out.extend_from_slice(number.as_bytes());
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_prometheus_reads_them() {
        for (value, text) in [
            (0.0, "0"),
            (-3.0, "-3"),
            (0.1, "0.1"),
            (1768137395.123, "1768137395.123"),
            (1e15, "1000000000000000"),
            (1e300, "1e+300"),
            (1.5e-7, "1.5e-7"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            let mut out = Vec::new();
            write_value(&mut out, b"x ", value);
            assert_eq!(String::from_utf8(out).unwrap(), format!("x {text}\n"));
        }
    }

    #[test]
    fn a_help_text_stands_on_one_line() {
        for header in HEADERS.iter() {
            assert_eq!(header.lines().count(), 2, "{header}");
        }
    }
}
