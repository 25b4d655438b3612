//! How often a fix is tried.

use super::*;

/// A session of so many seconds ago, with a fix that was tried.
fn tried(fix: &str, seconds: f64) -> String {
    let session = json!({
        "timestamp": unix_now() - seconds, "trigger": "manual", "overall_status": "OK", "fixes_applied": [format!("{fix} (failed)")]
    });
    format!("{session}\n")
}

#[test]
fn a_fix_waits_for_its_cool_down() {
    let bot = Bot::new();
    let repair = only(&bot, Fix::ClearCacheLock);
    bot.stale_lock(LOCK_FILE);
    assert_eq!(bot.mend(&repair)[0].1, Outcome::Success);
    bot.stale_lock(LOCK_FILE);
    let (outcome, why) = refused(&bot.mend(&repair));
    assert!(outcome == Outcome::Skipped && why.starts_with("it was tried ") && why.ends_with(" its cool-down is 30m"), "{why}");
    assert!(bot.path(LOCK_FILE).exists());
    assert_eq!(bot.sessions().len(), 1, "what is not tried is no session");
    bot.write(session::LOG, &tried("clear_cache_lock", 1740.0));
    assert_eq!(bot.mend(&repair)[0].1, Outcome::Skipped);
    bot.write(session::LOG, &tried("clear_cache_lock", 1801.0));
    assert_eq!(bot.mend(&repair)[0].1, Outcome::Success);
}

#[test]
fn a_fix_that_did_not_help_failed_and_waits_too() {
    let bot = Bot::new();
    let mut repair = only(&bot, Fix::CreateWeightsFile);
    bot.write("data/uw_weights.json", "{}");
    repair.settings.weights.clear();
    let attempts = bot.mend(&repair);
    let why = "data/uw_weights.json: the configured weights are written, and it did not help: there is no weight in the file";
    assert_eq!(refused(&attempts), (Outcome::Failed, why.to_owned()));
    let session = &bot.sessions()[0];
    assert_eq!(
        (&session["overall_status"], &session["fixes_applied"]),
        (&json!("FAIL"), &json!(["create_weights_file (failed)"]))
    );
    assert_eq!(bot.mend(&repair)[0].1, Outcome::Skipped);
}

#[test]
fn only_so_many_are_tried_within_an_hour() {
    let bot = Bot::new();
    let mut repair = bot.repair();
    repair.settings.max_per_hour = 3;
    // One of them was long ago.
    bot.write(session::LOG, &(tried("clear_weights_lock", 4000.0) + &tried("clear_weights_lock", 3000.0)));
    bot.write("data/uw_weights.json", "{}");
    bot.write("data/entry_thresholds.json", "{\"base\": 9}");
    bot.stale_lock(LOCK_FILE);
    let plan = told(repair.plan(&bot.findings()));
    let attempts = bot.mend(&repair);
    assert_eq!(
        attempts.iter().map(|(_, outcome, _)| *outcome).collect::<Vec<_>>(),
        [Outcome::Success, Outcome::Success, Outcome::Skipped]
    );
    assert_eq!(attempts[2].2, "3 fixes were tried within the last hour, which is the limit");
    assert_eq!(
        plan.iter().map(|(_, outcome, _)| *outcome).collect::<Vec<_>>(),
        [Outcome::Planned, Outcome::Planned, Outcome::Skipped]
    );
    assert!(bot.path(LOCK_FILE).exists());
}
