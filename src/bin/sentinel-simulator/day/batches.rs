//! The intake pipeline: about 40 batches an hour, by day and night, each from `uploaded` to `completed` within two minutes. A
//! batch's whole way is planned when it arrives.

use super::dice::{Dice, Seldom};
use super::plan::Plan;
use super::{Action, Agenda, Process};
use crate::faults::Fault;
use crate::moment::Moment;

/// Error codes with their message; the pipeline leaves the code out of some.
const ERRORS: [(Option<&str>, &str); 6] = [
    (Some("MISSING_FIELD"), "required field account is missing"),
    (Some("INVALID_DATE"), "expected a date like 2026-01-05"),
    (Some("DUPLICATE_KEY"), "the key was already in this batch"),
    (Some("INVALID_AMOUNT"), "expected a number"),
    (Some("UNKNOWN_CURRENCY"), "the currency is not in the list"),
    (None, "the row could not be read"),
];

/// A row of `intake.simplicity_batches`.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    /// A UUID in its usual notation.
    pub(crate) id: String,
    /// One of the pipeline's statuses.
    pub(crate) status: &'static str,
    /// When it arrived.
    pub(crate) created: Moment,
    /// When it was completed.
    pub(crate) completed: Option<Moment>,
    /// What parsing took, in milliseconds, once it is done.
    pub(crate) parse_millis: Option<u32>,
    /// What the database took, in milliseconds, once it is done.
    pub(crate) database_millis: Option<u32>,
    /// The number of rows, 0 until it is known.
    pub(crate) total: u32,
    /// Of these, how many were inserted.
    pub(crate) inserted: u32,
    /// Of these, how many were known already.
    pub(crate) duplicate: u32,
    /// Of these, how many were invalid.
    pub(crate) invalid: u32,
}

/// A row of `intake.row_errors`.
#[derive(Debug, Clone)]
pub(crate) struct RowError {
    /// What was wrong, if the pipeline has a name for it.
    pub(crate) code: Option<&'static str>,
    /// The same in words.
    pub(crate) message: &'static str,
}

/// What a batch holds: so many rows, of which so many were known already or are invalid.
struct Rows {
    total: u32,
    duplicate: u32,
    invalid: u32,
    errors: Vec<RowError>,
}

/// How a batch ends.
enum Fate {
    Completed,
    Failed,
    /// It stops after so many stages.
    Stuck(usize),
}

/// The arrival of batches.
pub(super) struct Intake {
    dice: Dice,
    ids: Dice,
    failure: Seldom,
}

impl Intake {
    /// None yet.
    pub(super) fn new(plan: &Plan) -> Self {
        let mut dice = plan.dice("batches");
        Self {
            failure: Seldom::new(plan.begin, &mut dice, (0.9, 1.6)),
            // A later run with the same seed is about other batches, which may meet these in the same database.
            ids: plan.dice(&format!("batch ids from {}", plan.begin.millis())),
            dice,
        }
    }

    fn fate(&mut self, now: Moment, plan: &Plan) -> Fate {
        if plan.has(Fault::StuckBatches, now) && self.dice.chance(0.5) {
            return Fate::Stuck(self.dice.pick(&[2, 3, 4, 5]));
        }
        let failing = plan.has(Fault::FailedBatches, now) && self.dice.chance(0.5);
        // Among the first batches of an hour, one failure would be a large share of them.
        if failing || now.minute() >= 20 && self.failure.happens(now, &mut self.dice) { Fate::Failed } else { Fate::Completed }
    }

    fn rows(&mut self, now: Moment, plan: &Plan) -> Rows {
        let total = self.dice.count(500, 3000);
        let mut errors = Vec::new();
        let kinds = if self.dice.chance(0.3) { 0 } else { self.dice.count(1, 3) };
        for _ in 0..kinds {
            let (code, message) = self.dice.pick(&ERRORS);
            let rows = self.dice.count(1, 4);
            errors.extend((0..rows).map(|_| RowError { code, message }));
        }
        let invalid = if plan.has(Fault::ErrorSpike, now) {
            // Of so many the pipeline keeps a few as examples.
            let (code, message) = self.dice.pick(&ERRORS);
            errors.push(RowError { code, message });
            share(total, self.dice.between(0.25, 0.4))
        } else {
            errors.len() as u32
        };
        let (least, most) = match plan.has(Fault::Duplicates, now) {
            true => (0.6, 0.8),
            false => (0.1, 0.28),
        };
        let duplicate = share(total, self.dice.between(least, most)).min(total - invalid);
        Rows { total, duplicate, invalid, errors }
    }

    fn arrive(&mut self, now: Moment, plan: &Plan, agenda: &mut Agenda) {
        let fate = self.fate(now, plan);
        let seconds = self.dice.between(20.0, 120.0);
        let mut rows = self.rows(now, plan);
        let last_stage = self.dice.pick(&["inserting", "inserting", "upserting", "processing"]);

        let mut batch = Batch {
            id: uuid(self.ids.bits()),
            status: "uploaded",
            created: plan.stamp(now),
            completed: None,
            parse_millis: None,
            database_millis: None,
            total: 0,
            inserted: 0,
            duplicate: 0,
            invalid: 0,
        };
        let stages = ["uploaded", "staging", "validating", "transforming", last_stage];
        let reached = match fate {
            Fate::Completed => stages.len(),
            // A batch fails where its rows are looked at for the first time.
            Fate::Failed => 3,
            Fate::Stuck(stages) => stages,
        };
        for (stage, share) in stages.into_iter().zip([0.0, 0.05, 0.2, 0.4, 0.5]).take(reached) {
            let at = now.plus(seconds * share);
            batch.status = stage;
            match stage {
                "validating" => {
                    batch.total = rows.total;
                    batch.parse_millis = Some((seconds * 200.0) as u32);
                }
                "transforming" => {
                    batch.invalid = rows.invalid;
                    if !rows.errors.is_empty() {
                        let errors = std::mem::take(&mut rows.errors);
                        agenda.act(at, Action::RowErrors(batch.id.clone(), errors));
                    }
                }
                _ => {}
            }
            agenda.act(at, Action::Batch(batch.clone()));
        }
        let done = now.plus(seconds);
        match fate {
            Fate::Completed => {
                batch.status = "completed";
                batch.completed = Some(plan.stamp(done));
                batch.database_millis = Some((seconds * 500.0) as u32);
                batch.duplicate = rows.duplicate;
                batch.inserted = rows.total - rows.invalid - rows.duplicate;
                agenda.act(done, Action::Batch(batch));
            }
            Fate::Failed => {
                batch.status = "failed";
                agenda.act(done, Action::Batch(batch));
            }
            Fate::Stuck(_) => {}
        }
    }
}

impl Process for Intake {
    fn step(&mut self, now: Moment, plan: &Plan, agenda: &mut Agenda) -> Moment {
        if plan.has(Fault::QuietPipeline, now) {
            return plan.end;
        }
        self.arrive(now, plan, agenda);
        now.plus(self.dice.between(60.0, 120.0))
    }
}

fn share(total: u32, share: f64) -> u32 {
    (f64::from(total) * share) as u32
}

/// A random (version 4) UUID of these bits.
fn uuid(bits: u128) -> String {
    let bits = bits & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
