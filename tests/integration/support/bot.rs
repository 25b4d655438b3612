//! The bot's folder, with everything in it that the checks read, and all of it well.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

pub(crate) struct Bot(PathBuf);

impl Bot {
    /// Makes `bot` in this folder.
    pub(crate) fn new(folder: &Path) -> Bot {
        let bot = Bot(folder.join("bot"));
        bot.write("main.py", "def _normalize_flow_trade(t):\n    return t['flow_conv'], t['signal_type']\n");
        bot.write("uw_enrichment_v2.py", "enriched_symbol[\"sentiment\"] = s\nenriched_symbol['conviction'] = c\n");
        bot.write("data/uw_weights.json", "{\"flow\": 2.4}");
        bot.write("data/entry_thresholds.json", "{\"base\": 2.7, \"canary\": 2.9, \"champion\": 3.2}");
        bot.write("data/uw_attribution.jsonl", &"{\"score\": 3.1, \"decision\": \"taken\"}\n".repeat(30));
        bot.write("logs/run.jsonl", &"{\"orders\": 1, \"clusters\": 4}\n".repeat(10));
        let symbols = ["AAPL", "MSFT", "NVDA", "QQQ", "SPY", "TSLA"].map(|symbol| format!("\"{symbol}\": {{}}")).join(", ");
        bot.write("data/uw_flow_cache.json", &format!("{{{symbols}}}"));
        bot.write("state/position_metadata.json", "{\"AAPL\": {}, \"_updated\": 1}");
        bot.write("state/sre_metrics.json", "{\"parser_health_index\": 100.0}");
        // Whatever the market's hours are.
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        bot.write("data/live_orders.jsonl", &format!("{{\"event\": \"MARKET_FILLED\", \"_ts\": {now}}}\n"));
        bot
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Writes a lock, as old as this.
    pub(crate) fn lock(&self, name: &str, age: Duration) {
        self.write(name, "");
        File::options().write(true).open(self.path(name)).unwrap().set_modified(SystemTime::now() - age).unwrap();
    }
}
