//! The page in a real browser: for a good day, a bad one and a worse one, with hostile texts, on a phone, in the dark, by keyboard, for a
//! screen reader, and without scripts.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::bot::Bot;
use crate::support::chromium::Chromium;
use crate::support::exporter::{Exporter, Setup};
use crate::support::postgres::Postgres;
use crate::support::stand_in::{Answer, StandIn};

const HOSTILE: &str = r#"<script>document.title='taken'</script><img src=x onerror="document.title='taken'">"'&amp;"#;
const LOCK: &str = "state/uw_flow_cache.json.lock";

/// Every input: a bot whose checks are well, a database, PostgREST and a probe.
struct Day {
    exporter: Exporter,
    bot: Bot,
    postgres: Postgres,
    gateway: StandIn,
}

impl Day {
    fn begin() -> Self {
        let postgres = Postgres::new();
        let gateway = StandIn::start(Answer::json(200, "[]"));
        let setup = Setup::new(format!(
            "environment: test\njournals: [{{path: events.jsonl}}]\nsre: {{root: bot, interval: 100ms}}\nchecks: {{interval: 100ms}}\n\
             postgres: {{url: {:?}, interval: 100ms}}\npostgrest: {{url: {:?}, interval: 100ms}}\n\
             probes: [{{name: gateway, url: {:?}, interval: 100ms}}]",
            postgres.url("sentinel_exporter"),
            gateway.url("/rest/v1"),
            gateway.url("/health"),
        ));
        let bot = Bot::new(setup.folder());
        let day = Self { exporter: setup.start(), bot, postgres, gateway };
        let state = json!({"logic_heartbeat": seconds(), "mock_signal_success_pct": 100.0, "parser_health_index": 100.0, "auto_fix_count": 1,
            "last_mock_signal_score": 4.5, "last_mock_signal_time": "2026-01-05T22:30:00Z"});
        day.bot.write("state/sre_metrics.json", &state.to_string());
        day.tell(&[
            json!({"event": "regime", "regime": "trend"}),
            json!({"event": "cycle", "seconds": 0.4, "ok": true}),
            json!({"event": "pnl", "usd": 12.5}),
        ]);
        day
    }

    fn tell(&self, events: &[Value]) {
        self.exporter.append("events.jsonl", &events.iter().map(|event| format!("{event}\n")).collect::<String>());
        self.exporter.scrape();
    }

    fn session(&self, trigger: &str, status: &str, message: &str) {
        let check = json!({"check_name": "cache_lock", "status": status, "message": message, "fix_applied": "clear_cache_lock", "fix_success": true});
        let session = json!({"timestamp": seconds(), "trigger": trigger, "overall_status": status, "checks": [check],
            "fixes_applied": ["clear_cache_lock (success)"]});
        self.exporter.append("bot/state/sre_rca_fixes.jsonl", &format!("{session}\n"));
    }

    fn url(&self) -> String {
        format!("http://{}/", self.exporter.address)
    }

    /// Opens the page again until what is read of it is as it should be: sources, checks and logs are read each in its own time.
    fn becomes<T>(&self, browser: &mut Chromium, what: &str, read: impl Fn(&mut Chromium) -> T, wanted: impl Fn(&T) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !wanted(&read(browser)) {
            assert!(Instant::now() < deadline, "it never came: {what}:\n{}", text(browser));
            browser.open(&self.url());
        }
    }

    /// Opens the page until this is its title.
    fn titled(&self, browser: &mut Chromium, title: &str) {
        browser.open(&self.url());
        self.becomes(browser, title, |browser| browser.evaluate("document.title"), |found| found == title);
    }

    /// Opens the page again until a reader sees all of this.
    fn shows(&self, browser: &mut Chromium, texts: &[&str]) {
        self.becomes(browser, &texts.join(", "), text, |shown| texts.iter().all(|text| shown.contains(text)));
    }
}

fn seconds() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

/// What a reader sees.
fn text(browser: &mut Chromium) -> String {
    browser.evaluate("document.body.innerText").as_str().unwrap().to_owned()
}

fn assert_shown(browser: &mut Chromium, texts: &[&str]) {
    let shown = text(browser);
    for text in texts {
        assert!(shown.contains(text), "{text:?} is not shown:\n{shown}");
    }
}

#[test]
fn a_good_day_a_bad_one_and_a_worse_one() {
    let (day, mut browser) = (Day::begin(), Chromium::new());
    day.titled(&mut browser, "✔ healthy · sentinel-exporter");
    day.shows(
        &mut browser,
        &["healthy", "everything configured is read", "test · 0.", "released", "+12.50 USD", "100.0 %", "4.5 of 5"],
    );
    day.shows(
        &mut browser,
        &["There has been none.", "Stuck batches", "Probes", "well, answered in ", "sentinel-data/journal/events.jsonl"],
    );
    assert_eq!(browser.complaints(), [""; 0]);

    let held = |held: bool| json!({"event": "kill_switch", "active": held, "trigger": "MANUAL", "activation_ms": 100});
    day.tell(&[held(true)]);
    day.exporter.shows("trading is held: MANUAL");
    day.titled(&mut browser, "✖ critical · sentinel-exporter");
    day.shows(&mut browser, &["checks are well; 1 figure is out of bounds"]);
    let wrong = "document.querySelector('.troubles').innerText";
    assert_eq!(browser.evaluate(wrong), "✖ Kill switch: trading is held: MANUAL\nrunbook: SentinelKillSwitchActive");
    day.tell(&[held(false)]);

    day.bot.write("data/entry_thresholds.json", "{\"base\": 2.9}");
    day.session("manual", "WARNING", "a lock");
    day.titled(&mut browser, "▲ degraded · sentinel-exporter");
    day.shows(
        &mut browser,
        &["What is wrong", "entry_thresholds", "value: 2.9", "runbook: SentinelCheckFailing", "manual", "WARNING"],
    );

    day.bot.lock(LOCK, Duration::from_secs(400));
    day.postgres.sql(
        "insert into intake.simplicity_batches (status, created_at) values ('staging', now() - interval '20 minutes');
         with batch as (insert into intake.simplicity_batches (status) values ('failed') returning id)
             insert into intake.row_errors (batch_id, error_code, error_message) select id, 'E42', 'column price is missing' from batch;",
    );
    day.tell(&[
        json!({"event": "kill_switch", "active": true, "trigger": "DAILY_LOSS", "activation_ms": 100}),
        json!({"event": "reconciliation", "drift_usd": -250.0}),
    ]);
    day.gateway.answers(Answer::json(503, "{}"));
    day.exporter.shows("does not answer as it should");
    day.exporter.shows("not well");
    day.exporter.shows("the oldest batch in staging is ");
    day.exporter.shows("column price is missing");
    day.titled(&mut browser, "✖ critical · sentinel-exporter");
    day.shows(
        &mut browser,
        &[
            "cache_lock",
            "trading is held: DAILY_LOSS",
            "the oldest is 20 min in staging",
            "not well, answered in ",
            "E42",
            "1 in 7 days",
        ],
    );
    day.shows(&mut browser, &["Books differ by: -250.00 USD"]);
    // Each once: what a check has told is no figure as well, as soon as that check has run.
    let expected = [
        "Books differ by",
        "Kill switch",
        "cache_lock",
        "entry_thresholds",
        "postgrest",
        "probe",
        "schema_cache",
        "stuck_batches",
    ];
    let names = "[...document.querySelectorAll('.troubles strong')].map(name => name.innerText.slice(2)).sort()";
    day.becomes(&mut browser, "each once", |browser| browser.evaluate(names), |told| *told == json!(expected));
    let first = browser.evaluate("document.querySelector('.troubles li').innerText");
    assert!(!first.as_str().unwrap().contains("entry_thresholds"), "the critical ones come first: {first}");
    assert_eq!(browser.complaints(), [""; 0]);

    let parts = ["/", "/page.css", "/page.js", "/page.svg"].map(|path| day.exporter.get(path).text().len());
    assert!(parts.iter().sum::<usize>() < 50_000, "{parts:?} bytes");
}

#[test]
fn every_figure_that_is_judged_has_a_runbook() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/runbooks");
    let runbooks = std::fs::read_dir(folder).unwrap().map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    let runbooks: String = runbooks.collect();
    let cards = include_str!("../../src/page/cards.rs");
    let alerts: Vec<_> = cards.split("\"Sentinel").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(alerts.len() >= 10, "{alerts:?}");
    for alert in alerts {
        assert!(runbooks.lines().any(|line| line == format!("## Sentinel{alert}")), "{alert}");
    }
}

#[test]
fn hostile_texts_are_shown_and_do_nothing() {
    let (day, mut browser) = (Day::begin(), Chromium::new());
    for _ in 0..6 {
        day.session(HOSTILE, HOSTILE, &HOSTILE.repeat(100));
    }
    day.tell(&[
        json!({"event": "regime", "regime": HOSTILE}),
        json!({"event": "kill_switch", "active": true, "trigger": HOSTILE, "activation_ms": 1}),
    ]);
    let quoted = HOSTILE.replace('\'', "''");
    day.postgres.sql(&format!(
        "with batch as (insert into intake.simplicity_batches (status, created_at) values ('{quoted}', now() - interval '1 hour') returning id)
            insert into intake.row_errors (batch_id, error_code, error_message) select id, '{quoted}', '{}' from batch;",
        quoted.repeat(50)
    ));
    day.bot.write("data/uw_weights.json", HOSTILE);
    day.titled(&mut browser, "✖ critical · sentinel-exporter");
    day.shows(&mut browser, &["in 7 days"]);
    let times = "document.body.textContent.split(\"<script>document.title='taken'</script><img src=x\").length - 1";
    day.becomes(&mut browser, "ten of them", |browser| browser.evaluate(times), |times| times.as_u64() >= Some(10));
    assert_eq!(browser.evaluate("document.title"), "✖ critical · sentinel-exporter");
    assert_eq!(browser.evaluate("document.querySelectorAll('main script, main img').length"), 0);
    assert_eq!(browser.complaints(), [""; 0]);
    assert!(day.exporter.get("/").text().len() < 50_000);
}

#[test]
fn on_a_phone_in_the_dark_and_with_enough_contrast() {
    let (day, mut browser) = (Day::begin(), Chromium::new());
    day.bot.lock(LOCK, Duration::from_secs(400));
    day.bot.write("data/entry_thresholds.json", "{\"base\": 2.9}");
    day.session("mock_signal_failure", "FAIL", "a lock");
    day.exporter.shows("✖ critical");
    for (width, dark) in [(320, false), (320, true), (1280, false), (1280, true)] {
        browser.emulate(width, 800, dark);
        browser.open(&day.url());
        browser.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)");
        let over = browser.evaluate("document.documentElement.scrollWidth - innerWidth");
        assert_eq!(over, 0, "nothing is wider than {width} pixels");
        let worst = browser.evaluate(CONTRAST);
        assert!(worst["ratio"].as_f64().unwrap() >= 4.5, "{width} {dark}: {worst}");
        let ground = browser.evaluate("getComputedStyle(document.body).backgroundColor");
        assert_eq!(ground, if dark { "rgb(22, 22, 22)" } else { "rgb(255, 255, 255)" });
    }
}

/// The least contrast of any text with its ground, as WCAG 2 computes it.
const CONTRAST: &str = "(() => {
    const channels = colour => colour.match(/[\\d.]+/g).map(Number);
    const light = colour => channels(colour).slice(0, 3).map(c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
    const ground = element => {
        for (; element; element = element.parentElement) {
            const colour = getComputedStyle(element).backgroundColor;
            if ((channels(colour)[3] ?? 1) > 0) return colour;
        }
        return 'rgb(255, 255, 255)';
    };
    let worst = { ratio: 99, text: 'no text' };
    const texts = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const element = texts.currentNode.parentElement;
        if (!texts.currentNode.data.trim()) continue;
        const [one, other] = [light(getComputedStyle(element).color), light(ground(element))].sort((a, b) => b - a);
        const ratio = (one + 0.05) / (other + 0.05);
        if (ratio < worst.ratio) worst = { ratio, text: texts.currentNode.data };
    }
    return worst;
})()";

#[test]
fn it_renews_itself_in_place() {
    let (day, mut browser) = (Day::begin(), Chromium::new());
    day.session("manual", "OK", "nothing");
    browser.emulate(320, 400, false);
    day.exporter.shows("manual");
    browser.open(&day.url());
    browser.evaluate("document.querySelector('summary').click(); document.querySelector('summary').focus(); scrollTo(0, 500)");
    let scrolled = browser.evaluate("scrollY");
    assert!(scrolled.as_f64().unwrap() > 100.0, "there is something to scroll");

    day.bot.lock(LOCK, Duration::from_secs(400));
    day.exporter.shows("✖ critical");
    browser.evaluate("renew()");
    assert_eq!(browser.evaluate("document.title"), "✖ critical · sentinel-exporter");
    assert_eq!(browser.evaluate("scrollY"), scrolled);
    assert_eq!(browser.evaluate("document.querySelector('details').open"), true);
    assert_eq!(browser.evaluate("document.activeElement.tagName"), "SUMMARY");
    assert_eq!(browser.evaluate("document.getElementById('lost').hidden"), true);
    assert_eq!(browser.complaints(), [""; 0]);

    drop(day.exporter);
    browser.evaluate("renew()");
    assert_eq!(browser.evaluate("document.getElementById('lost').hidden"), false, "an old page says that it is old");
    assert_shown(&mut browser, &["The exporter does not answer. What follows is old.", "critical"]);
}

#[test]
fn without_scripts_the_browser_loads_it_anew() {
    let (day, mut browser) = (Day::begin(), Chromium::new());
    browser.set_scripts(false);
    day.titled(&mut browser, "✔ healthy · sentinel-exporter");
    // The protocol still looks into the page.
    let renewal = browser.evaluate("document.querySelector('meta[http-equiv=refresh]')?.content");
    assert_eq!(renewal, "15");
    day.shows(&mut browser, &["What is read", "released"]);
}

#[test]
fn by_keyboard_and_for_a_screen_reader() {
    let (day, mut browser) = (Day::begin(), Chromium::new());
    day.session("manual", "FAIL", "a lock was found");
    day.exporter.shows("manual");
    day.titled(&mut browser, "✔ healthy · sentinel-exporter");
    browser.press("Tab", 9, "");
    assert_eq!(browser.evaluate("document.activeElement.tagName"), "SUMMARY");
    let outline = browser.evaluate("getComputedStyle(document.activeElement).outlineStyle");
    assert_eq!(outline, "solid", "what has the focus is seen");
    browser.press("Enter", 13, "\r");
    assert_eq!(browser.evaluate("document.querySelector('details').open"), true);
    for _ in 0..4 {
        browser.press("Tab", 9, "");
        assert_eq!(browser.evaluate("document.activeElement.tagName"), "A");
    }

    let tree = browser.order("Accessibility.getFullAXTree", json!({}));
    let nodes = tree["nodes"].as_array().unwrap();
    let named = |role: &str| -> Vec<&str> {
        let with_role = nodes.iter().filter(|node| node["role"]["value"] == role && node["ignored"] != true);
        with_role.filter_map(|node| node["name"]["value"].as_str()).map(str::trim).collect()
    };
    let headings = named("heading");
    assert_eq!(headings[..2], ["sentinel-exporter", "healthy"], "the sign is not read out");
    for heading in ["Trading", "Mock signal", "Pipeline", "What is read", "Last root-cause analyses"] {
        assert!(headings.contains(&heading), "{heading} in {headings:?}");
    }
    assert_eq!(named("columnheader"), ["source", "state", "last good", "what is wrong"]);
    assert!(named("rowheader").contains(&"postgres"), "{:?}", named("rowheader"));
    assert!(!named("StaticText").iter().any(|text| "✔▲✖".contains(text) && !text.is_empty()));
    assert_eq!(browser.evaluate("document.documentElement.lang"), "en");
}

#[test]
fn programs_are_told_the_same() {
    let day = Day::begin();
    (0..6).for_each(|_| day.session("manual", "OK", "nothing"));
    day.session("the newest", "OK", "nothing");
    day.bot.lock(LOCK, Duration::from_secs(400));
    day.exporter.shows("✖ critical");
    day.exporter.shows("the newest");
    let answer = day.exporter.get("/api/sre/health");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let told: Value = serde_json::from_str(answer.text()).unwrap();
    assert_eq!(told["sre_metrics"]["last_mock_signal_score"], 4.5);
    assert_eq!(told["recent_rca_fixes"].as_array().map(Vec::len), Some(5));
    assert_eq!(told["recent_rca_fixes"][0]["checks"][0]["fix_applied"], "clear_cache_lock");
    assert_eq!((&told["environment"], &told["overall_status"]), (&json!("test"), &json!("critical")));
    assert_eq!(told["alerts"][0]["check"], "cache_lock");
}
