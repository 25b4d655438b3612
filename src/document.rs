//! The catalogue as a document for people: docs/metrics.md.

use std::fmt::Write;

use crate::catalogue;
use crate::family::{FamilyInfo, Feed, Group, Kind, Store};

/// The whole document, as Markdown.
pub fn metrics_page() -> String {
    let mut page = "# Metrics\n\n\
        Every metric family that `sentinel-exporter` shows, made by `sentinel-exporter catalogue` from the table in src/catalogue.rs.\n\n\
        Counted families keep their values over restarts. Observed ones are those of their source's last poll; they are not shown \
        before its first success, and no longer when it has failed for its `stale_after`. Those of the process start anew with it. \
        Besides these, `process_*` tell of the process itself: CPU seconds, memory, threads, open files and start time.\n"
        .to_owned();
    for (group, heading) in [
        (Group::Trading, "Trading"),
        (Group::Sre, "Mock signals, root-cause analysis and checks"),
        (Group::Ops, "Ingestion pipeline"),
        (Group::Exporter, "The exporter itself"),
        (Group::Dingtalk, "The bridge to DingTalk"),
    ] {
        let families = || catalogue::ALL.iter().filter(move |info| info.group == group);
        // Writing to a string cannot fail.
        let _ = write!(page, "\n## {heading}\n\n{} families.\n", families().count());
        if group == Group::Dingtalk {
            page +=
                "\nThey are on the page of `sentinel-exporter dingtalk` (port 8060) alone, with `process_*` of that process.\n";
        }
        for info in families() {
            family(&mut page, info);
        }
    }
    page
}

fn family(page: &mut String, info: &FamilyInfo) {
    let labels = if info.labels.is_empty() { String::new() } else { format!("{{{}}}", info.labels.join(", ")) };
    let _ = write!(
        page,
        "\n### {}\n\n{}\n\n- `{}{labels}`, {}\n- {}, fed by {}\n",
        info.name,
        info.help(),
        info.name,
        info.kind.as_str(),
        match info.store {
            Store::Ledger => "counted or set by events, kept over restarts",
            Store::SampleSet => "observed",
            Store::Registry => "of the process",
        },
        match info.feed {
            Feed::Journals => "the journals",
            Feed::SreState => "the bot's state file and logs (`sre`)",
            Feed::Postgres => "the ops views (`postgres`)",
            Feed::Postgrest => "the PostgREST probe (`postgrest`)",
            Feed::Probes => "HTTP probes (`probes`)",
            Feed::Exporter => "the exporter",
            Feed::Bridge => "the bridge",
        }
    );
    if info.kind == Kind::Histogram {
        let bounds = info.buckets.iter().map(f64::to_string).collect::<Vec<_>>().join(", ");
        let _ = writeln!(page, "- buckets: {bounds}");
    }
    if !info.always.is_empty() {
        let sets = info.always.iter().map(|values| values.join(" "));
        let _ = writeln!(page, "- there from the start: {}", sets.collect::<Vec<_>>().join(", "));
    }
}
