//! Repairs in a bot's folder of their own: what they do, what they refuse, how often, and beside others.

mod fixes;
mod pace;
mod races;
mod refusals;

use std::fs::{self, File};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

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

    /// Every file with its content.
    fn files(&self) -> BTreeMap<String, String> {
        let mut files = BTreeMap::new();
        for folder in ["data", "state"] {
            for entry in fs::read_dir(self.path(folder)).unwrap() {
                let name = format!("{folder}/{}", entry.unwrap().file_name().to_string_lossy());
                files.insert(name.clone(), fs::read_to_string(self.path(&name)).unwrap_or_default());
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

/// A repair with the other files well.
fn only(bot: &Bot, fix: Fix) -> Repair {
    bot.write("data/uw_weights.json", "{\"flow\": 1}");
    bot.write("data/entry_thresholds.json", "{\"base\": 2.7}");
    let mut repair = bot.repair();
    repair.settings.fixes = vec![fix];
    repair
}
