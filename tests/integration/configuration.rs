//! Bad configurations, one a file in `tests/config`, with the exact messages in its comments; and the example, which is a good one.

use std::fs;
use std::path::{Path, PathBuf};

use sentinel_exporter::config::{Config, ListenAddress, Overrides, decode, load};
use sentinel_exporter::dingtalk::config::Config as Bridge;
use serde_yaml::Value;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What the tests have for an environment.
fn environment(name: &str) -> Option<String> {
    match name {
        "HOST" => Some("inf"),
        "EMPTY" => Some(""),
        "SENTINEL_POSTGRES_URL" => Some("postgresql://u:hunter2@db/d"),
        "PASSWORD" => Some("hunter2"),
        _ => None,
    }
    .map(str::to_owned)
}

fn parse(text: &str, folder: &Path) -> Result<Config, Vec<String>> {
    load::parse(text, folder, &environment, |document| Config::decode(document, &Overrides::default()))
        .map_err(|mistakes| mistakes.0)
}

/// The mistakes in `text`.
fn mistakes(text: &str, folder: &Path) -> Vec<String> {
    parse(text, folder).err().unwrap_or_default()
}

#[test]
fn every_mistake_has_its_message() {
    let folder = Path::new(ROOT).join("tests/config");
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|extension| extension == "yml")).collect();
    files.sort();
    assert!(files.len() > 50);
    let mut wrong = String::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let expected: Vec<_> = text.lines().map_while(|line| line.strip_prefix("# ")).collect();
        let found: Vec<_> =
            mistakes(&text, &folder).iter().map(|line| line.replace(&format!("{}/", folder.display()), "")).collect();
        assert!(!found.iter().any(|line| line.contains("hunter2")), "{} tells a secret: {found:#?}", file.display());
        if expected.is_empty() || found != expected {
            wrong += &format!("{}: found\n# {}\n", file.display(), found.join("\n# "));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// The example, and as little as has the same sections in it.
fn example() -> (String, &'static str) {
    let example = fs::read_to_string(Path::new(ROOT).join("sentinel.yml")).unwrap();
    let least = "
        journals: [{path: /opt/mt5-crs/logs/trading_events.jsonl}]
        postgres: {url: \"${SENTINEL_POSTGRES_URL}\"}
        postgrest: {url: \"http://127.0.0.1:3000\"}
        probes: [{name: gateway, url: \"http://127.0.0.1:8080/health\"}]
        sre: {root: /opt/stock-bot}";
    (example, least)
}

#[test]
fn the_example_shows_the_defaults() {
    let (example, least) = example();
    let folder = Path::new("/etc/sentinel-exporter");
    let config = parse(&example, folder);
    assert_eq!(config, parse(least, folder));
    let web = config.unwrap().web;
    assert_eq!((web.listen_address, web.telemetry_path.as_str()), (ListenAddress::All(8000), "/metrics"));
}

/// The example with the sections that are off in it, as comments.
fn whole_example() -> String {
    let (example, _) = example();
    let line = |line: &str| {
        let on = line.strip_prefix("# ").filter(|rest| {
            let key = rest.strip_suffix(':').is_some_and(|key| key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
            key || rest.starts_with("  ")
        });
        format!("{}\n", on.unwrap_or(line))
    };
    example.lines().map(line).collect()
}

#[test]
fn the_example_shows_every_key() {
    let example = whole_example();
    // Asking for a key that nobody knows tells the known ones, in every section.
    let mut asked: Value = serde_yaml::from_str(&example).unwrap();
    ask(&mut asked);
    let told = mistakes(&serde_yaml::to_string(&asked).unwrap(), Path::new(""));
    let known: Vec<_> = told.iter().filter_map(|line| line.split_once("unheard_of: unknown key; expected one of ")).collect();
    // The rest are files that are not there.
    let unread = told.iter().filter(|line| line.contains("expected a readable file")).count();
    assert_eq!(known.len() + unread, told.len(), "{told:#?}");
    let sections = example.lines().filter_map(|line| line.strip_suffix(':')).filter(|key| !key.starts_with([' ', '#']));
    for section in sections {
        assert!(known.iter().any(|(known, _)| known.starts_with(section)), "{section} is not known: {told:#?}");
    }
    for (section, keys) in known {
        let mut lines: Vec<_> = example.lines().collect();
        for (depth, name) in section.split('.').filter(|name| !name.is_empty()).enumerate() {
            let name = format!("{}{}:", "  ".repeat(depth), name.trim_end_matches("[0]"));
            // From the section's key to the next one that is indented as little.
            let inside = |line: &&str| !line[..line.len().min(2 * depth + 1)].contains(char::is_alphabetic);
            let from = lines.iter().skip_while(|line| !line.starts_with(&name)).skip(1);
            lines = from.take_while(|line| inside(line)).copied().collect();
        }
        for key in keys.split(", ") {
            let is_key = |line: &&str| line.trim_start_matches([' ', '#', '-']).starts_with(&format!("{key}:"));
            assert!(lines.iter().any(is_key), "sentinel.yml does not show {section}{key}");
        }
    }
}

fn ask(value: &mut Value) {
    match value {
        Value::Mapping(mapping) => {
            mapping.values_mut().for_each(ask);
            mapping.insert("unheard_of".into(), "".into());
        }
        Value::Sequence(items) => items.iter_mut().for_each(ask),
        _ => {}
    }
}

#[test]
fn no_secret_is_shown_with_what_is_taken() {
    let exporter = "
        ingest: {token: \"${PASSWORD}\"}
        postgres: {url: \"${SENTINEL_POSTGRES_URL}\"}
        postgrest: {url: \"http://x/${PASSWORD}\", api_key: \"${PASSWORD}\"}
        probes: [{name: a, url: \"http://x/${PASSWORD}\", headers: {A: \"${PASSWORD}\"}}]
        broker: {url: \"http://x\", key_id: \"${PASSWORD}\", secret_key: \"${PASSWORD}\"}
        sre: {root: /b}
        mock_signal: {url: \"http://x\", headers: {A: \"${PASSWORD}\"}}";
    let config = parse(exporter, Path::new("")).unwrap();
    assert!(config.ingest_token.is_some() && config.broker.is_some());
    assert!(!format!("{config:?}").contains("hunter2"), "{config:#?}");
    let bridge = "
        token: \"${PASSWORD}\"
        robots: [{name: a, webhooks: [{url: \"https://oapi.dingtalk.com/robot/send?access_token=${PASSWORD}\", secret: \"SEC${PASSWORD}\"}]}]";
    let decode = |document: &mut decode::Section<'_>| Bridge::decode(document, &Overrides::default());
    let config = load::parse(bridge, Path::new(""), &environment, decode).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"), "{config:#?}");
}

#[test]
fn variables_are_put_in() {
    for (text, expected) in [
        ("/data/${HOST}", "/data/inf"),
        ("/${HOST}/${HOST}${EMPTY}", "/inf/inf"),
        ("/${EMPTY:-default}/${NOWHERE:-a:-b}", "/default/a:-b"),
        ("/${NOWHERE:-}x", "/x"),
        ("/$HOST/}{", "/$HOST/}{"),
    ] {
        let config = parse(&format!("state_dir: {text:?}"), Path::new("")).unwrap();
        assert_eq!(config.state_dir, Path::new(expected), "{text}");
    }
}

#[test]
fn too_many_journals_are_refused() {
    let journals = |count| (0..count).map(|number| format!("{{path: {number}.jsonl}}")).collect::<Vec<_>>().join(", ");
    assert_eq!(parse(&format!("journals: [{}]", journals(256)), Path::new("")).unwrap().journals.len(), 256);
    let told = mistakes(&format!("journals: [{}]", journals(257)), Path::new(""));
    assert_eq!(told, ["journals[256].path: expected at most 256 journals"]);
}

#[test]
fn a_link_to_a_journal_is_the_journal() {
    let folder = crate::support::tempdir::TempDir::new("links");
    fs::write(folder.join("a.jsonl"), "").unwrap();
    std::os::unix::fs::symlink("a.jsonl", folder.join("b.jsonl")).unwrap();
    let told = mistakes("journals: [{path: a.jsonl}, {path: b.jsonl}]", folder.path());
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("journals[1].path: expected each journal once"), "{told:?}");
}
