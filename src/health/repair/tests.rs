//! Each fix: that it helps, that it is refused, that two do it once, and that a dry run does nothing.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};

use super::super::catalogue::ALL;
use super::settings::THRESHOLDS;
use super::*;
use crate::health::settings as checks;

const LOCK_FILE: &str = "data/uw_flow_cache.json.lock";
const STALE: Duration = Duration::from_secs(301);

/// A bot's folder with data/ and state/ in it, removed in the end.
struct Bot(PathBuf);

impl Bot {
    fn new() -> Bot {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("sentinel-repair-{}-{number}", std::process::id()));
        let bot = Bot(folder);
        ["data", "state"].iter().for_each(|name| fs::create_dir_all(bot.path(name)).unwrap());
        bot
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn stale_lock(&self, name: &str) {
        self.write(name, "1234");
        age(&self.path(name));
    }

    fn repair(&self) -> Repair {
        let settings = Settings {
            enabled: true,
            fixes: Fix::ALL.to_vec(),
            cooldown: Duration::from_mins(30),
            max_per_hour: 4,
            weights: BTreeMap::from([("flow".to_owned(), 2.4)]),
        };
        Repair { root: self.0.clone(), settings, checks: Arc::new(checks::tests::defaults()) }
    }

    /// What the checks that have a fix find.
    fn findings(&self) -> Vec<Finding> {
        let repair = self.repair();
        Fix::ALL.iter().map(|fix| repair.look(*fix)).collect()
    }

    fn mend(&self, repair: &Repair) -> Vec<(&'static str, Outcome, String)> {
        told(repair.mend(&self.findings(), Trigger::Manual).attempts)
    }

    /// Every file with its content, but for the lock of the repairs.
    fn files(&self) -> BTreeMap<String, String> {
        let mut files = BTreeMap::new();
        for folder in ["data", "state"] {
            for entry in fs::read_dir(self.path(folder)).unwrap() {
                let name = format!("{folder}/{}", entry.unwrap().file_name().to_string_lossy());
                if !name.ends_with(LOCK) {
                    files.insert(name.clone(), fs::read_to_string(self.path(&name)).unwrap_or_default());
                }
            }
        }
        files
    }

    /// The names of what was kept of a file.
    fn kept(&self, name: &str) -> Vec<String> {
        self.files().into_keys().filter(|file| file.starts_with(&format!("{name}.before-fix-"))).collect()
    }

    fn sessions(&self) -> Vec<Value> {
        let log = fs::read_to_string(self.path(session::LOG)).unwrap_or_default();
        log.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Drop for Bot {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn age(path: &Path) {
    File::options().write(true).open(path).unwrap().set_modified(SystemTime::now() - STALE).unwrap();
}

fn told(attempts: Vec<Attempt>) -> Vec<(&'static str, Outcome, String)> {
    attempts.into_iter().map(|attempt| (attempt.fix.name(), attempt.outcome, attempt.message)).collect()
}

/// The only attempt, which did not succeed, and why.
fn refused(attempts: &[(&'static str, Outcome, String)]) -> (Outcome, String) {
    let [(_, outcome, why)] = attempts else { panic!("one attempt: {attempts:?}") };
    (*outcome, why.clone())
}

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

/// A repair with the other files well.
fn only(bot: &Bot, fix: Fix) -> Repair {
    bot.write("data/uw_weights.json", "{\"flow\": 1}");
    bot.write("data/entry_thresholds.json", "{\"base\": 2.7}");
    let mut repair = bot.repair();
    repair.settings.fixes = vec![fix];
    repair
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
    assert!(!bot.path("state").join(LOCK).exists());
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
        assert_eq!((outcome, why.as_str()), (Outcome::Failed, "data is a link, or no folder: links are not followed"));
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
        let mut checks = checks::tests::defaults();
        checks.cache_locks = vec![path];
        repair.checks = Arc::new(checks);
        let finding = repair.look(Fix::ClearCacheLock);
        assert!(finding.mendable, "the check may read it");
        let _ = fs::remove_file(bot.path(session::LOG));
        let attempts = told(repair.mend(&[finding], Trigger::Manual).attempts);
        let (outcome, why) = refused(&attempts);
        assert!(outcome == Outcome::Failed && why.starts_with("it is not below the bot's folder"), "{why}");
    }
    assert!(elsewhere.path(LOCK_FILE).exists());
}

#[test]
fn a_fix_waits_for_its_cool_down() {
    let bot = Bot::new();
    let mut repair = only(&bot, Fix::ClearCacheLock);
    bot.stale_lock(LOCK_FILE);
    assert_eq!(bot.mend(&repair)[0].1, Outcome::Success);
    bot.stale_lock(LOCK_FILE);
    let (outcome, why) = refused(&bot.mend(&repair));
    assert!(outcome == Outcome::Skipped && why.starts_with("it was tried ") && why.ends_with(" its cool-down is 30m"), "{why}");
    assert!(bot.path(LOCK_FILE).exists());
    assert_eq!(bot.sessions().len(), 1, "what is not tried is no session");
    repair.settings.cooldown = Duration::from_millis(1);
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
    let earlier = |seconds: f64| {
        let at = unix_now() - seconds;
        format!(
            "{{\"timestamp\": {at}, \"trigger\": \"manual\", \"overall_status\": \"OK\", \"fixes_applied\": [\"clear_weights_lock (failed)\"]}}\n"
        )
    };
    // One of them was long ago.
    bot.write(session::LOG, &(earlier(4000.0) + &earlier(3000.0)));
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

#[test]
fn a_lock_that_somebody_holds_stays() {
    let bot = Bot::new();
    let repair = only(&bot, Fix::ClearCacheLock);
    bot.stale_lock(LOCK_FILE);
    let holder = File::open(bot.path(LOCK_FILE)).unwrap();
    holder.try_lock().unwrap();
    assert_eq!(refused(&bot.mend(&repair)), (Outcome::Failed, "a process holds it".to_owned()));
    assert!(bot.path(LOCK_FILE).exists());
}

#[test]
fn a_lock_is_looked_at_again_in_the_moment_of_its_removal() {
    let bot = Bot::new();
    bot.stale_lock(LOCK_FILE);
    let (folder, name) = Folder::holding(&bot.0, Path::new(LOCK_FILE)).unwrap();
    // Renewed after the check has found it stale.
    bot.write(LOCK_FILE, "fresh");
    let error = folder.take_lock(&name, Duration::from_secs(300), "kept".as_ref()).unwrap_err();
    assert_eq!(error.to_string(), "it was renewed a moment ago");
    assert_eq!(bot.read(LOCK_FILE), "fresh");

    let bot = Bot::new();
    let repair = only(&bot, Fix::ClearCacheLock);
    bot.stale_lock(LOCK_FILE);
    let found = bot.findings();
    bot.write(LOCK_FILE, "fresh");
    let (outcome, why) = refused(&told(repair.mend(&found, Trigger::Manual).attempts));
    assert_eq!((outcome, why.as_str()), (Outcome::Skipped, "not needed any more: no lock was left behind"));
}

#[test]
fn a_file_that_its_writer_completes_meanwhile_is_not_replaced() {
    let bot = Bot::new();
    let repair = only(&bot, Fix::CreateWeightsFile);
    bot.write("data/uw_weights.json", "{\"flow\": 1.");
    let found = bot.findings();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(SETTLED / 4);
            bot.write("data/uw_weights.json", "{\"flow\": 1.5}");
        });
        assert_eq!(refused(&told(repair.mend(&found, Trigger::Manual).attempts)).0, Outcome::Skipped);
    });
    assert_eq!(bot.read("data/uw_weights.json"), "{\"flow\": 1.5}");
}

#[test]
fn two_do_it_once() {
    for fix in Fix::ALL {
        let bot = Bot::new();
        let repair = only(&bot, fix);
        match fix {
            Fix::CreateWeightsFile => bot.write("data/uw_weights.json", "{}"),
            Fix::ResetEntryThresholds => bot.write("data/entry_thresholds.json", "{\"base\": 9}"),
            Fix::ClearCacheLock => bot.stale_lock(LOCK_FILE),
        }
        let (found, together) = (bot.findings(), Barrier::new(4));
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let race = || {
                together.wait();
                refused(&told(repair.mend(&found, Trigger::Scheduled).attempts))
            };
            let racers: Vec<_> = (0..4).map(|_| scope.spawn(race)).collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).collect()
        });
        let done = |outcome| outcomes.iter().filter(|(found, _)| *found == outcome).count();
        assert_eq!((done(Outcome::Success), done(Outcome::Skipped)), (1, 3), "{fix:?}: {outcomes:?}");
        let session = bot.sessions();
        assert_eq!(session.len(), 1);
        assert_eq!(session[0]["fixes_applied"], json!([format!("{} (success)", fix.name())]));
        assert_eq!(bot.files().keys().filter(|name| name.contains(".before-fix-")).count(), 1);
    }
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
