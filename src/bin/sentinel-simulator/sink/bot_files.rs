//! What the bot's folder holds besides its logs and its state: all that the exporter's checks read, and all of it well.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::SinkError;
use super::lines::LineFile;
use crate::moment::Moment;

/// Files that are written once, unless they are there.
const FILES: [(&str, &str); 6] = [
    ("main.py", "def _normalize_flow_trade(trade):\n    return {key: trade[key] for key in (\"flow_conv\", \"signal_type\")}\n"),
    ("uw_enrichment_v2.py", "enriched_symbol[\"sentiment\"] = sentiment\nenriched_symbol[\"conviction\"] = conviction\n"),
    ("data/uw_weights.json", "{\"options_flow\": 2.4, \"dark_pool\": 1.3, \"insider\": 0.5}\n"),
    ("data/entry_thresholds.json", "{\"base\": 2.7, \"canary\": 2.9, \"champion\": 3.2}\n"),
    ("data/uw_attribution.jsonl", ""),
    ("logs/run.jsonl", ""),
];
const CACHE: &str = r#"{"AAPL": {}, "MSFT": {}, "NVDA": {}, "QQQ": {}, "SPY": {}, "TSLA": {}}"#;

/// The open files.
pub(super) struct BotFiles {
    cache: PathBuf,
    orders: LineFile,
    refreshed: Option<Moment>,
}

/// A line of `data/live_orders.jsonl`.
#[derive(Serialize)]
struct Fill {
    #[serde(rename = "_ts")]
    ts: f64,
    event: &'static str,
    symbol: &'static str,
}

impl BotFiles {
    /// Writes what is missing below `root`.
    pub(super) fn open(root: &Path) -> Result<Self, SinkError> {
        let data = root.join("data");
        fs::create_dir_all(&data).map_err(|error| SinkError::new(&format!("folder {}", data.display()), "create it", error))?;
        for (name, text) in FILES {
            let path = root.join(name);
            match fs::File::create_new(&path).and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes())) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                    return Err(SinkError::new(&format!("file {}", path.display()), "write it", error));
                }
                _ => {}
            }
        }
        let orders = LineFile::open("orders", &data.join("live_orders.jsonl"))?;
        Ok(Self { cache: data.join("uw_flow_cache.json"), orders, refreshed: None })
    }

    /// The bot's daemon has written its cache again, and an order was filled.
    pub(super) fn refresh(&mut self, at: Moment) -> Result<(), SinkError> {
        if self.refreshed.replace(at) == Some(at) {
            return Ok(());
        }
        let failed = |error| SinkError::new(&format!("file {}", self.cache.display()), "replace it", error);
        let aside = self.cache.with_extension("json.tmp");
        fs::write(&aside, CACHE).and_then(|()| fs::rename(&aside, &self.cache)).map_err(failed)?;
        self.orders.append(&Fill { ts: at.seconds(), event: "MARKET_FILLED", symbol: "SPY" })?;
        self.orders.flush()
    }
}
