//! What each fix does, and what is logged of it.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::super::settings::THRESHOLDS;
use super::*;
use crate::health::catalogue::ALL;

#[test]
fn every_fix_is_of_a_check() {
    for fix in Fix::ALL {
        assert!(ALL.iter().any(|check| check.name == fix.check()), "{fix:?}");
    }
}

#[test]
fn weights_are_written_and_the_old_ones_kept() {
    for old in [None, Some(""), Some("{}"), Some("{\"flow\": 1.")] {
        let bot = Bot::new();
        bot.write("data/entry_thresholds.json", "{\"base\": 2.7}");
        if let Some(old) = old {
            bot.write("data/uw_weights.json", old);
            fs::set_permissions(bot.path("data/uw_weights.json"), fs::Permissions::from_mode(0o600)).unwrap();
        }
        let repaired = bot.repair().mend(&bot.findings(), Trigger::Scheduled);
        assert_eq!(repaired.after[0].level, Level::Ok, "{repaired:?}");
        let message = "data/uw_weights.json: the configured weights are written".to_owned();
        assert_eq!(told(repaired.attempts), [("create_weights_file", Outcome::Success, message)]);
        assert_eq!(bot.read("data/uw_weights.json"), "{\n  \"flow\": 2.4\n}\n");
        let kept: Vec<_> = bot.kept("data/uw_weights.json").iter().map(|name| bot.read(name)).collect();
        assert_eq!(kept, old.into_iter().collect::<Vec<_>>());
        let mode = fs::metadata(bot.path("data/uw_weights.json")).unwrap().mode() & 0o777;
        assert_eq!(mode == 0o600, old.is_some(), "{mode:o}");
        // Whatever the finding's level: only of a FAIL does a fix make a 0.
        let check = &bot.sessions()[0]["checks"][0];
        assert_eq!((&check["status"], &check["fix_success"]), (&json!("FAIL"), &json!(true)));
    }
}

#[test]
fn thresholds_are_reset() {
    let bot = Bot::new();
    bot.write("data/uw_weights.json", "{\"flow\": 1}");
    bot.write("data/entry_thresholds.json", "{\"base\": 3.5}");
    let attempts = bot.mend(&bot.repair());
    assert_eq!(attempts[0].0, "reset_entry_thresholds");
    let written: BTreeMap<String, f64> = serde_json::from_str(&bot.read("data/entry_thresholds.json")).unwrap();
    assert_eq!(written, THRESHOLDS.map(|(name, value)| (name.to_owned(), value)).into());
    assert_eq!(bot.read(&bot.kept("data/entry_thresholds.json")[0]), "{\"base\": 3.5}");
}

#[test]
fn both_locks_are_removed_when_they_are_stale() {
    let bot = Bot::new();
    let repair = only(&bot, Fix::ClearCacheLock);
    bot.stale_lock(LOCK_FILE);
    bot.stale_lock("state/uw_flow_cache.json.lock");
    let attempts = bot.mend(&repair);
    let message = format!("{LOCK_FILE}, state/uw_flow_cache.json.lock: removed");
    assert_eq!(attempts.last(), Some(&("clear_cache_lock", Outcome::Success, message)));
    assert!(!bot.path(LOCK_FILE).exists() && !bot.path("state/uw_flow_cache.json.lock").exists());
    assert_eq!(bot.read(&bot.kept(LOCK_FILE)[0]), "1234");
}

#[test]
fn a_session_is_logged_in_the_bots_form() {
    let bot = Bot::new();
    let repair = only(&bot, Fix::ClearCacheLock);
    bot.stale_lock(LOCK_FILE);
    // Its writer never ended the last line.
    bot.write(session::LOG, "{\"trigger\": \"manu");
    bot.mend(&repair);
    let log = bot.read(session::LOG);
    let (cut, line) = log.split_once('\n').unwrap();
    assert_eq!((cut, line.ends_with("}\n"), line.lines().count()), ("{\"trigger\": \"manu", true, 1));
    let (at, read) = crate::journal::sre_log::parse::<crate::journal::sre_log::RcaSession>(line.as_bytes(), 0.0).unwrap();
    assert!((unix_now() - at).abs() < 10.0);
    assert_eq!((read.trigger.as_str(), read.overall_status.as_str(), read.checks.len()), ("manual", "ok", 3));
    let session: Value = serde_json::from_str(line).unwrap();
    let lock = &session["checks"][2];
    assert_eq!((&lock["check_name"], &lock["status"]), (&json!("cache_lock"), &json!("FAIL")));
    assert_eq!((&lock["fix_applied"], &lock["fix_success"]), (&json!("clear_cache_lock"), &json!(true)));
    let well =
        json!({"check_name": "weights_file", "status": "OK", "message": "1 weights", "fix_applied": null, "fix_success": false});
    assert_eq!(session["checks"][0], well);
    assert_eq!(session["fixes_applied"], json!(["clear_cache_lock (success)"]));
    assert!(session["time"].as_str().unwrap().ends_with("+00:00"), "{session}");
}

#[test]
fn a_failed_mock_signal_is_an_analysis_even_without_a_repair() {
    let bot = Bot::new();
    let mut repair = only(&bot, Fix::ClearCacheLock);
    repair.settings.enabled = false;
    bot.write("data/uw_weights.json", "{}");
    let of_a_source = Finding::critical("refused").of("postgres", 1.0);
    repair.mend(&[bot.findings(), vec![of_a_source]].concat(), Trigger::MockSignalFailure);
    let session = &bot.sessions()[0];
    assert_eq!((&session["trigger"], &session["overall_status"]), (&json!("mock_signal_failure"), &json!("WARNING")));
    assert_eq!((&session["fixes_applied"], session["checks"].as_array().unwrap().len()), (&json!([]), 3));
}
