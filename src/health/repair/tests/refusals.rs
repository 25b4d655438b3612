//! What is left alone: what is well or not switched on, what a link leads to, and everything in a dry run.

use std::os::unix::fs::symlink;

use super::*;

#[test]
fn nothing_is_done_that_is_not_switched_on() {
    let bot = Bot::new();
    let repair = only(&bot, Fix::CreateWeightsFile);
    bot.stale_lock(LOCK_FILE);
    let before = bot.files();
    let why = (Outcome::Skipped, "it is not among remediation.fixes".to_owned());
    assert_eq!(refused(&bot.mend(&repair)), why);
    let mut off = bot.repair();
    off.settings.enabled = false;
    assert_eq!(refused(&bot.mend(&off)), (Outcome::Skipped, "remediation.enabled is false".to_owned()));
    assert_eq!(bot.files(), before);
}

#[test]
fn what_is_well_is_left_alone() {
    let bot = Bot::new();
    let repair = only(&bot, Fix::ClearCacheLock);
    bot.write(LOCK_FILE, "fresh");
    let before = bot.files();
    assert_eq!(bot.mend(&repair), []);
    assert_eq!(bot.files(), before);
}

#[test]
fn a_link_is_not_followed() {
    // The folder, the file, and the log: each leads out.
    let elsewhere = Bot::new();
    elsewhere.stale_lock(LOCK_FILE);
    elsewhere.write("data/uw_weights.json", "");
    elsewhere.write("data/entry_thresholds.json", "{\"base\": 9}");
    let before = elsewhere.files();

    let bot = Bot::new();
    fs::remove_dir(bot.path("data")).unwrap();
    symlink(elsewhere.path("data"), bot.path("data")).unwrap();
    for (_, outcome, why) in bot.mend(&bot.repair()) {
        let expected = ": data is a link, or no folder: links are not followed";
        assert!(outcome == Outcome::Failed && why.starts_with("data/") && why.ends_with(expected), "{why}");
    }
    assert_eq!(bot.sessions()[0]["overall_status"], "FAIL");

    let bot = Bot::new();
    for name in [LOCK_FILE, "data/uw_weights.json", "data/entry_thresholds.json"] {
        symlink(elsewhere.path(name), bot.path(name)).unwrap();
    }
    let attempts = bot.mend(&bot.repair());
    assert_eq!(attempts.len(), 3);
    for (_, outcome, why) in attempts {
        assert!(outcome == Outcome::Failed && why.ends_with("is a link, or no regular file"), "{why}");
    }

    let bot = Bot::new();
    bot.stale_lock(LOCK_FILE);
    symlink(elsewhere.path("log"), bot.path(session::LOG)).unwrap();
    for (_, outcome, why) in bot.mend(&bot.repair()) {
        let expected =
            "state/sre_rca_fixes.jsonl: sre_rca_fixes.jsonl is a link, or no regular file; what cannot be logged is not repaired";
        assert_eq!((outcome, why.as_str()), (Outcome::Skipped, expected));
    }
    assert!(bot.path(LOCK_FILE).exists());
    assert_eq!(elsewhere.files(), before);
}

#[test]
fn a_path_outside_of_the_folder_is_refused() {
    let (elsewhere, bot) = (Bot::new(), Bot::new());
    let mut repair = only(&bot, Fix::ClearCacheLock);
    elsewhere.stale_lock(LOCK_FILE);
    let up = Path::new("data/../..").join(elsewhere.0.file_name().unwrap()).join(LOCK_FILE);
    for path in [elsewhere.path(LOCK_FILE), up] {
        let expected = format!("{}: it is not below the bot's folder", path.display());
        let mut checks = checks::tests::defaults();
        checks.cache_locks = vec![path];
        repair.checks = Arc::new(checks);
        let finding = repair.look(Fix::ClearCacheLock);
        assert!(finding.mendable, "the check may read it");
        let _ = fs::remove_file(bot.path(session::LOG));
        let attempts = told(repair.mend(&[finding], Trigger::Manual).attempts);
        let (outcome, why) = refused(&attempts);
        assert!(outcome == Outcome::Failed && why.starts_with(&expected), "{why}");
    }
    assert!(elsewhere.path(LOCK_FILE).exists());
}

#[test]
fn a_dry_run_touches_nothing() {
    let bot = Bot::new();
    bot.write("data/uw_weights.json", "[");
    bot.stale_lock(LOCK_FILE);
    let listing = |folder: &str| -> Vec<_> {
        let mut names: Vec<_> = fs::read_dir(bot.path(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.sort();
        names.into_iter().map(|path| (path.clone(), fs::metadata(path).unwrap().modified().unwrap())).collect()
    };
    let before = ["data", "state"].map(listing);
    let planned = told(bot.repair().plan(&bot.findings()));
    assert_eq!(
        planned,
        [
            ("create_weights_file", Outcome::Planned, "data/uw_weights.json: the configured weights are written".to_owned()),
            ("reset_entry_thresholds", Outcome::Planned, "data/entry_thresholds.json: 2.7 / 2.9 / 3.2 are written".to_owned()),
            ("clear_cache_lock", Outcome::Planned, format!("{LOCK_FILE}: removed")),
        ]
    );
    assert_eq!(["data", "state"].map(listing), before);
}
