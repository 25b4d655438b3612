//! The checkpoint: ledger and positions in one file, so that one rename saves both or neither.
//!
//! The file is a line with version, CRC-32 and length, and then JSON. Floats are kept as their bits: what was read back is what was saved.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::batches::Batches;
use super::keys::Key;
use super::ledger::Ledger;
use super::tail::Position;
use crate::catalogue;
use crate::family::Store;
use crate::sample::{Limits, Value};

const MAGIC: &str = "sentinel-checkpoint";

/// What is saved, by version.
#[derive(Debug, Serialize, Deserialize)]
pub enum Snapshot {
    /// The first form.
    V1 {
        /// How far every file has been read.
        positions: Vec<Position>,
        /// The counts as of those positions.
        ledger: SavedLedger,
    },
}

/// A [`Ledger`] by names, so that a changed catalogue reads it still.
#[derive(Debug, Serialize, Deserialize)]
pub struct SavedLedger {
    families: BTreeMap<String, Vec<(String, SavedValue)>>,
    mock_signal: Option<u64>,
    #[serde(default)]
    schema_cache_reload: Option<u64>,
    batch_watermark: Option<i64>,
    known_batches: Vec<(u128, i64)>,
    #[serde(default)]
    keys: Vec<Key>,
}

#[derive(Debug, Serialize, Deserialize)]
enum SavedValue {
    Counter(u64),
    Gauge(u64),
    Elapsed(u64),
    Histogram { counts: Vec<u64>, sum: u64 },
}

impl SavedLedger {
    /// A copy of `ledger`.
    pub fn of(ledger: &Ledger) -> Self {
        let families = catalogue::ALL.iter().filter(|info| info.store == Store::Ledger).map(|info| {
            let series = ledger.samples.series(info);
            (info.name.to_owned(), series.map(|series| (series.key().to_owned(), SavedValue::of(series.value()))).collect())
        });
        Self {
            families: families.collect(),
            mock_signal: ledger.mock_signal.map(f64::to_bits),
            schema_cache_reload: ledger.schema_cache_reload.map(f64::to_bits),
            batch_watermark: ledger.batches.watermark,
            known_batches: ledger.batches.known.iter().map(|(id, at)| (*id, *at)).collect(),
            keys: ledger.keys.keys().collect(),
        }
    }

    /// The ledger that was saved. A family that the catalogue no longer has is left out.
    pub fn into_ledger(self, limits: Limits) -> Ledger {
        let mut ledger = Ledger::new(limits);
        for (name, series) in self.families {
            let Some(info) = catalogue::ALL.iter().find(|info| info.name == name && info.store == Store::Ledger) else {
                tracing::warn!(family = name, "the checkpoint has a family that this version does not have");
                continue;
            };
            for (key, saved) in series {
                ledger.samples.restore(info, &key, |value| saved.restore(value));
            }
        }
        ledger.mock_signal = self.mock_signal.map(f64::from_bits);
        ledger.schema_cache_reload = self.schema_cache_reload.map(f64::from_bits);
        ledger.batches = Batches { watermark: self.batch_watermark, known: self.known_batches.into_iter().collect() };
        ledger.keys = self.keys.into_iter().collect();
        ledger
    }
}

impl SavedValue {
    fn of(value: &Value) -> Self {
        match value {
            Value::Counter(count) => SavedValue::Counter(*count),
            Value::Gauge(value) => SavedValue::Gauge(value.to_bits()),
            Value::Elapsed(since) => SavedValue::Elapsed(since.to_bits()),
            Value::Histogram(buckets) => SavedValue::Histogram { counts: buckets.counts.to_vec(), sum: buckets.sum.to_bits() },
        }
    }

    /// Puts itself in the place of a new value of the family's kind; one of another kind stays new.
    fn restore(self, value: &mut Value) {
        match (self, value) {
            (SavedValue::Counter(saved), Value::Counter(count)) => *count = saved,
            (SavedValue::Gauge(bits), value @ (Value::Gauge(_) | Value::Elapsed(_))) => {
                *value = Value::Gauge(f64::from_bits(bits))
            }
            (SavedValue::Elapsed(bits), value @ (Value::Gauge(_) | Value::Elapsed(_))) => {
                *value = Value::Elapsed(f64::from_bits(bits));
            }
            (SavedValue::Histogram { counts, sum }, Value::Histogram(buckets)) if counts.len() == buckets.counts.len() => {
                buckets.counts = counts.into();
                buckets.sum = f64::from_bits(sum);
            }
            (saved, _) => tracing::warn!(?saved, "the checkpoint has a value that does not fit its family"),
        }
    }
}

/// What a start found.
#[derive(Debug)]
pub enum Found {
    /// Nothing: the first start on this folder.
    Nothing,
    /// A checkpoint.
    Snapshot(Box<Snapshot>),
    /// Checkpoints, none of which is whole.
    Damaged,
}

/// The checkpoint's files in `state_dir`.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    folder: PathBuf,
}

impl Checkpoint {
    /// In the folder `state_dir`, which has to exist.
    pub fn new(state_dir: &Path) -> Self {
        Self { folder: state_dir.to_owned() }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Saves `bytes` (of [`encode`]) aside, flushes them, and puts them in the place of the last, which is kept as the previous one.
    pub fn save(&self, bytes: &[u8]) -> io::Result<()> {
        let (current, aside) = (self.file("checkpoint"), self.file("checkpoint.new"));
        let mut file = File::create(&aside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        match fs::rename(&current, self.file("checkpoint.previous")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::rename(&aside, &current)?;
        File::open(&self.folder)?.sync_all()
    }

    /// Reads the last checkpoint, or the previous one. One that is damaged is kept aside under another name; an error is that of a
    /// file that may be good and cannot be read now.
    pub fn load(&self) -> io::Result<Found> {
        let mut found = Found::Nothing;
        for name in ["checkpoint", "checkpoint.previous"] {
            let path = self.file(name);
            let bytes = match fs::read(&path) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
            };
            let error = match decode(&bytes) {
                Ok(snapshot) => return Ok(Found::Snapshot(Box::new(snapshot))),
                Err(error) => error,
            };
            let kept = self.file(&format!("{name}.damaged"));
            tracing::error!(path = %path.display(), error, kept = %kept.display(), "a checkpoint is damaged");
            if let Err(error) = fs::rename(&path, &kept) {
                tracing::warn!(path = %path.display(), %error, "the damaged checkpoint cannot be renamed");
            }
            found = Found::Damaged;
        }
        Ok(found)
    }
}

/// The bytes of a checkpoint.
pub fn encode(snapshot: &Snapshot) -> Result<Vec<u8>, serde_json::Error> {
    let body = serde_json::to_vec(snapshot)?;
    let mut bytes = format!("{MAGIC} 1 {:08x} {}\n", crc32fast::hash(&body), body.len()).into_bytes();
    bytes.extend_from_slice(&body);
    Ok(bytes)
}

fn decode(bytes: &[u8]) -> Result<Snapshot, String> {
    let end = memchr::memchr(b'\n', bytes).ok_or("expected a line with version, checksum and length")?;
    let body = &bytes[end + 1..];
    let expected = format!("{MAGIC} 1 {:08x} {}", crc32fast::hash(body), body.len());
    if bytes[..end] != *expected.as_bytes() {
        let header = String::from_utf8_lossy(&bytes[..end.min(80)]);
        return Err(format!("expected {expected:?} as its first line for what follows, found {header:?}"));
    }
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::catalogue::{ORDER_LATENCY, WEBSOCKET_DOWNTIME};
    use crate::journal::batches::Batch;
    use crate::journal::ledger::Format;
    use crate::journal::reader::Mark;

    fn ledger() -> Ledger {
        let mut ledger = Ledger::new(Limits::default());
        for line in [
            r#"{"event":"order","ts":1,"symbol":"A\"B","side":"buy","status":"new","seconds":0.1}"#,
            r#"{"event":"order","ts":1,"symbol":"A","side":"buy","status":"new","seconds":0.2}"#,
            r#"{"event":"websocket","ts":5.5,"state":"disconnected"}"#,
        ] {
            ledger.count(Format::Events, line.as_bytes(), 0.0).unwrap();
        }
        ledger.mock_signal(7.25, 4.5);
        ledger.batches(&[Batch { id: u128::MAX, completed_at: 9, seconds: None, error_ratio: None }], 10);
        ledger
    }

    fn saved(ledger: &Ledger) -> Vec<u8> {
        encode(&Snapshot::V1 { positions: Vec::new(), ledger: SavedLedger::of(ledger) }).unwrap()
    }

    #[test]
    fn what_is_read_back_is_what_was_saved() {
        let bytes = saved(&ledger());
        let Snapshot::V1 { ledger: read, .. } = decode(&bytes).unwrap();
        let read = read.into_ledger(Limits::default());
        assert_eq!(saved(&read), bytes);
        let value = |info| read.samples().series(info).next().unwrap().value().clone();
        assert_eq!(value(WEBSOCKET_DOWNTIME.info()), Value::Elapsed(5.5));
        assert!(matches!(value(ORDER_LATENCY.info()), Value::Histogram(buckets) if buckets.sum == 0.1 + 0.2));
    }

    #[test]
    fn a_clock_that_begins_in_1970_hinders_no_checkpoint() {
        let mark = Mark::of_nothing(SystemTime::UNIX_EPOCH);
        let positions = vec![Position { path: PathBuf::new(), mark, finished: true }];
        assert!(encode(&Snapshot::V1 { positions, ledger: SavedLedger::of(&ledger()) }).is_ok());
    }

    #[test]
    fn a_checkpoint_cut_or_changed_anywhere_is_refused() {
        let bytes = saved(&ledger());
        for at in 0..bytes.len() {
            assert!(decode(&bytes[..at]).is_err(), "cut at {at}");
            let mut changed = bytes.clone();
            changed[at] ^= 0x20;
            assert!(decode(&changed).is_err(), "changed at {at}");
        }
    }
}
