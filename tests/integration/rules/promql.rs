//! As much of PromQL as it takes to find the series that a text names, in rules, dashboards and prose alike.

/// A series as a text names it: its name, and the names of the labels that stand in braces after it.
#[derive(Debug, PartialEq)]
pub(super) struct Selector<'a> {
    pub(super) name: &'a str,
    pub(super) labels: Vec<&'a str>,
}

/// Every series of the exporter, and every record, that a text names. A name that a `*` follows is a pattern.
pub(super) fn selectors(text: &str) -> Vec<Selector<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_name) {
        let word = &rest[start..];
        let (name, after) = word.split_at(word.find(|c| !is_name(c)).unwrap_or(word.len()));
        let ours = name.starts_with("sentinel_") || name.contains(":sentinel_") || name.starts_with("slo:");
        if ours && !name.ends_with(['_', ':']) && !after.starts_with('*') {
            found.push(Selector { name, labels: after.strip_prefix('{').map(labels).unwrap_or_default() });
        }
        rest = after;
    }
    found
}

/// The names of labels in the lists that follow a word such as `by`.
pub(super) fn lists<'a>(text: &'a str, word: &str) -> Vec<&'a str> {
    let opening = format!("{word} (");
    let lists = text.split(&opening).skip(1).filter_map(|rest| rest.split(')').next());
    lists.flat_map(|list| list.split(',')).map(str::trim).filter(|label| !label.is_empty()).collect()
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

/// The label names of `a="x", b=~"y"}`. Values can hold anything but a quote.
fn labels(braces: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut quoted = false;
    let mut start = Some(0);
    for (at, c) in braces.char_indices() {
        match c {
            '"' => quoted = !quoted,
            _ if quoted => {}
            '=' | '!' | ',' | '}' => {
                names.extend(start.take().map(|start| braces[start..at].trim()).filter(|name| !name.is_empty()));
                match c {
                    ',' => start = Some(at + 1),
                    '}' => break,
                    _ => {}
                }
            }
            _ => {}
        }
    }
    names
}

#[test]
fn series_are_found_in_expressions_and_in_prose() {
    let text = "rate(sentinel_a_total{x=\"1,}\", y=~\"b|c\"}[5m]) / job:sentinel_b:sum > slo:events:rate5m; see `sentinel_c{z}`, sentinel_d_* and sentinel_e.";
    let found: Vec<_> = selectors(text).into_iter().map(|selector| (selector.name, selector.labels)).collect();
    let expected: [(&str, &[&str]); 5] = [
        ("sentinel_a_total", &["x", "y"]),
        ("job:sentinel_b:sum", &[]),
        ("slo:events:rate5m", &[]),
        ("sentinel_c", &["z"]),
        ("sentinel_e", &[]),
    ];
    assert_eq!(found.iter().map(|(name, labels)| (*name, labels.as_slice())).collect::<Vec<_>>(), expected);
}

#[test]
fn lists_of_labels_are_found() {
    assert_eq!(lists("sum by (a, b) (x) unless on () y + sum by (c) (z)", "by"), ["a", "b", "c"]);
}
