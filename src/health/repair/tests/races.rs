//! Others who change the same files in the same moment.

use std::sync::Barrier;

use super::*;

#[test]
fn a_lock_that_somebody_holds_stays() {
    let bot = Bot::new();
    let repair = only(&bot, Fix::ClearCacheLock);
    bot.stale_lock(LOCK_FILE);
    let holder = File::open(bot.path(LOCK_FILE)).unwrap();
    holder.try_lock().unwrap();
    assert_eq!(refused(&bot.mend(&repair)), (Outcome::Failed, format!("{LOCK_FILE}: a process holds it")));
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
            // The log is opened before the file is left to its writer for a while.
            let begun = std::time::Instant::now();
            while !bot.path(session::LOG).exists() {
                assert!(begun.elapsed() < Duration::from_secs(30), "no repair began");
                std::thread::yield_now();
            }
            std::thread::sleep(SETTLED / 20);
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
