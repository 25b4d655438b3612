//! What the exporter changes in the bot's folder stays the bot's: exporter and bot are two users, and the exporter is confined as its
//! unit confines it.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Output;

use serde_json::Value;

use crate::support::bot::Bot;
use crate::support::disk::Disk;
use crate::support::exporter::{Exporter, Setup};
use crate::support::stand_in::{Answer, StandIn};
use crate::support::user::{BOT, EXPORTER, EXPORTER_IN_A_SHELL, ROOT, TRADER, TRADING, User};

const WEIGHTS: &str = "data/uw_weights.json";
const THRESHOLDS: &str = "data/entry_thresholds.json";
const LOG: &str = "state/sre_rca_fixes.jsonl";
const STATE: &str = "state/sre_metrics.json";
/// Who may read and write in the bot's folder: he and the group. It is not setgid.
const FOR_THE_GROUP: &str = "u=rwX,g=rwX,o=";

const REMEDIATION: &str = "sre: {root: bot, interval: 50ms}\nchecks: {interval: 100ms}\n\
    remediation: {enabled: true, fixes: [create_weights_file, reset_entry_thresholds], weights: {flow: 2.4}";

/// A bot's folder with weights missing and thresholds that only he may write.
fn broken(setup: &Setup) -> Bot {
    let bot = Bot::new(setup.folder());
    fs::remove_file(bot.path(WEIGHTS)).unwrap();
    bot.write(THRESHOLDS, "{\"base\": 9}");
    BOT.own_all(&bot.path(""), TRADING, FOR_THE_GROUP);
    fs::set_permissions(bot.path(THRESHOLDS), Permissions::from_mode(0o644)).unwrap();
    bot
}

/// What `check --fix` did as this user: the fixes with their results, and everything it said.
fn fix(setup: &Setup, user: User) -> (Vec<(String, String)>, String) {
    let Output { stdout, stderr, .. } = setup.clone().user(user).argument("check").argument("--fix").argument("--json").output();
    let text = [&stdout, &stderr].map(|text| String::from_utf8_lossy(text)).concat();
    let report: Value = serde_json::from_slice(&stdout).unwrap_or_else(|error| panic!("{error}: {text}"));
    let word = |fix: &Value, key: &str| fix[key].as_str().unwrap().to_owned();
    (report["fixes"].as_array().unwrap().iter().map(|fix| (word(fix, "fix"), word(fix, "result"))).collect(), text)
}

fn succeeded(names: &[&str]) -> Vec<(String, String)> {
    names.iter().map(|name| (name.to_string(), "success".to_owned())).collect()
}

/// The names in data/ and state/ that hold this.
fn names(bot: &Bot, part: &str) -> Vec<String> {
    let names = ["data", "state"].iter().flat_map(|folder| fs::read_dir(bot.path(folder)).unwrap());
    names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).filter(|name| name.contains(part)).collect()
}

fn fixed(exporter: &Exporter, fix: &str) {
    let series = format!("sentinel_auto_fixes_total{{fix=\"{fix}\",result=\"success\"}}");
    exporter.eventually(&series, |page| page.value(&series) == Some(1.0));
}

#[test]
fn in_its_unit_the_exporter_survives_a_repair_and_leaves_it_to_the_bot() {
    let setup = Setup::new(format!("{REMEDIATION}}}")).user(EXPORTER);
    let bot = broken(&setup);
    let exporter = setup.start();
    fixed(&exporter, "create_weights_file");
    fixed(&exporter, "reset_entry_thresholds");
    for name in [WEIGHTS, THRESHOLDS, LOG] {
        assert!(BOT.may_use(&bot.path(name)), "{name}");
        assert!(EXPORTER.may_use(&bot.path(name)), "{name}");
    }
    // The folder's group gets what is new; what only the bot could write is still not the group's.
    assert!(TRADER.may_use(&bot.path(WEIGHTS)) && TRADER.may_use(&bot.path(LOG)) && !TRADER.may_use(&bot.path(THRESHOLDS)));
    let [kept] = names(&bot, ".before-fix-").try_into().unwrap();
    assert_eq!(fs::read_to_string(bot.path("data").join(&kept)).unwrap(), "{\"base\": 9}");
    assert!(BOT.may_use(&bot.path("data").join(kept)));
    assert_eq!(names(&bot, ".sentinel-new"), [""; 0]);
}

#[test]
fn whoever_repairs_first_the_others_can_go_on() {
    for users in [[ROOT, EXPORTER, BOT], [EXPORTER, BOT, ROOT], [BOT, ROOT, EXPORTER]] {
        let setup = Setup::new(format!("{REMEDIATION}, cooldown: 1ms, max_per_hour: 100}}"));
        let bot = broken(&setup);
        let mut expected = succeeded(&["create_weights_file", "reset_entry_thresholds"]);
        for user in users {
            let (fixes, report) = fix(&setup, user);
            assert_eq!(fixes, expected, "{user:?} of {users:?}: {report}");
            // The bot goes on with its files, and breaks one.
            assert!(BOT.shell("echo {} >\"$1\"", &bot.path(WEIGHTS)), "{user:?} of {users:?}");
            assert!(BOT.may_use(&bot.path(LOG)) && BOT.may_use(&bot.path(THRESHOLDS)), "{user:?} of {users:?}");
            assert!(EXPORTER.may_use(&bot.path(LOG)), "{user:?} of {users:?}");
            expected = succeeded(&["create_weights_file"]);
        }
        assert_eq!(fs::read_to_string(bot.path(LOG)).unwrap().lines().count(), users.len());
    }
}

#[test]
fn the_group_of_a_file_is_kept_where_it_may_be() {
    let setup = Setup::new(format!("{REMEDIATION}}}"));
    let bot = broken(&setup);
    bot.write(WEIGHTS, "{}");
    BOT.own_all(&bot.path("data"), TRADING, FOR_THE_GROUP);
    let (fixes, report) = fix(&setup, EXPORTER_IN_A_SHELL);
    assert_eq!(fixes, succeeded(&["create_weights_file", "reset_entry_thresholds"]), "{report}");
    let group = |name| fs::metadata(bot.path(name)).unwrap().gid();
    assert_eq!([WEIGHTS, THRESHOLDS, LOG].map(group), [TRADING; 3]);
    assert!(BOT.may_use(&bot.path(WEIGHTS)) && TRADER.may_use(&bot.path(WEIGHTS)));
}

#[test]
fn what_would_shut_the_bot_out_fails_and_changes_nothing() {
    let setup = Setup::new(format!("{REMEDIATION}}}"));
    let disk = Disk::without_lists(&setup.folder().join("bot"));
    let bot = broken(&setup);
    // Even the log cannot be made.
    let (fixes, report) = fix(&setup, EXPORTER);
    assert_eq!(fixes[0].1, "skipped", "{report}");
    let cannot = "cannot be written: what uid 4001 and gid 4100 may do cannot be kept: Operation not supported";
    assert!(report.contains(&format!("{LOG}: sre_rca_fixes.jsonl.sentinel-new {cannot}")), "{report}");

    bot.write(LOG, "");
    bot.write(WEIGHTS, "{}");
    BOT.own_all(&bot.path(""), TRADING, FOR_THE_GROUP);
    let (fixes, report) = fix(&setup, EXPORTER);
    assert_eq!(fixes[0].1, "failed", "{report}");
    assert!(report.contains(&format!("{WEIGHTS}: uw_weights.json.sentinel-new {cannot}")), "{report}");
    assert_eq!(fs::read_to_string(bot.path(WEIGHTS)).unwrap(), "{}");
    assert_eq!((names(&bot, ".sentinel-new"), names(&bot, ".before-fix-")), (Vec::new(), Vec::new()));
    // Root needs no list to leave it to the bot.
    fs::write(bot.path(LOG), "").unwrap();
    let (fixes, report) = fix(&setup, ROOT);
    assert_eq!(fixes, succeeded(&["create_weights_file", "reset_entry_thresholds"]), "{report}");
    assert!(BOT.may_use(&bot.path(WEIGHTS)) && TRADER.may_use(&bot.path(WEIGHTS)));
    drop(disk);
}

#[test]
fn a_mock_signals_outcome_is_the_bots_to_go_on_with() {
    for before in [Some("{\"auto_fix_count\": 3}"), Some("{\"half"), None] {
        let scores = StandIn::start(Answer::json(200, "{\"score\": 4.5}"));
        let setup = Setup::new(format!(
            "sre: {{root: bot, interval: 20ms}}\nmock_signal: {{url: {:?}, interval: 200ms}}",
            scores.url("/score")
        ));
        let setup = setup.user(EXPORTER);
        let bot = Bot::new(setup.folder());
        match before {
            Some(text) => bot.write(STATE, text),
            // Not even its folder is there.
            None => fs::remove_dir_all(bot.path("state")).unwrap(),
        }
        BOT.own_all(&bot.path(""), TRADING, FOR_THE_GROUP);
        if before.is_some() {
            fs::set_permissions(bot.path(STATE), Permissions::from_mode(0o644)).unwrap();
        }
        let mut exporter = setup.start();
        let passed = "sentinel_mock_signals_total{result=\"pass\"}";
        exporter.eventually("two outcomes", |page| page.value(passed) >= Some(2.0));
        // While it waits for the next it writes nothing.
        scores.answers(Answer::Nothing);
        scores.wait(scores.requests().len() + 1);
        exporter.end();
        assert!(BOT.may_use(&bot.path(STATE)), "{before:?}");
        assert_eq!(TRADER.may_use(&bot.path(STATE)), before.is_none(), "{before:?}");
        // As the bot replaces it.
        assert!(BOT.shell("echo {} >\"$1.tmp\" && mv -f \"$1.tmp\" \"$1\"", &bot.path(STATE)), "{before:?}");
        let kept = names(&bot, ".damaged");
        assert_eq!(kept.len(), usize::from(before == Some("{\"half")));
        assert!(kept.iter().all(|name| BOT.may_use(&bot.path("state").join(name))));
        assert_eq!(names(&bot, ".sentinel-new"), [""; 0]);
    }
}
