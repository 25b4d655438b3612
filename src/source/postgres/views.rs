//! What is asked of the database, and what its answers mean. Answers are text: NUMERIC, NaN and NULL all read well in it.

use super::session::Row;
use crate::catalogue as family;
use crate::journal::batches::Batch;
use crate::sample::SampleSet;

/// A view: how to ask for it, and what to make of its rows.
pub(super) struct View {
    pub(super) name: &'static str,
    pub(super) sql: &'static str,
    pub(super) read: fn(&[Row], &mut SampleSet) -> Result<(), String>,
}

pub(super) static ALL: [View; 3] = [
    View {
        name: "ops.v_batch_performance",
        sql: "SELECT extract(epoch FROM hour_bucket), total_batches, completed_batches, failed_batches, \
              total_rows, inserted_rows, skipped_rows, error_rows, \
              avg_parse_ms, avg_db_ms, avg_total_ms, dedupe_rate_pct, error_rate_pct \
              FROM ops.v_batch_performance ORDER BY hour_bucket DESC NULLS LAST LIMIT 1",
        read: read_hour,
    },
    View {
        name: "ops.v_error_distribution",
        sql: "SELECT CASE WHEN rank <= 20 THEN coalesce(nullif(error_code::text, ''), 'unknown') ELSE 'other' END, \
              sum(occurrence_count), sum(affected_batches), max(extract(epoch FROM last_seen_at)), \
              max(CASE WHEN rank <= 5 THEN left(sample_message::text, 200) END) \
              FROM (SELECT *, row_number() OVER (ORDER BY occurrence_count DESC, error_code) AS rank \
                    FROM ops.v_error_distribution) AS ranked GROUP BY 1",
        read: read_errors,
    },
    View {
        name: "ops.v_pipeline_health",
        sql: "SELECT coalesce(status::text, 'unknown'), batch_count, oldest_age_minutes, extract(epoch FROM newest_batch_at) \
              FROM ops.v_pipeline_health",
        read: read_pipeline,
    },
];

fn read_hour(rows: &[Row], samples: &mut SampleSet) -> Result<(), String> {
    samples.create(family::OPS_HOUR_START_TIMESTAMP.info());
    samples.create(family::OPS_HOUR_BATCHES.info());
    samples.create(family::OPS_HOUR_ROWS.info());
    let Some(row) = rows.first() else { return Ok(()) };
    let count = |at| Ok::<_, String>(number(row, at)?.unwrap_or(0.0));
    samples.set(&family::OPS_HOUR_START_TIMESTAMP, [], count(0)?);

    let (total, completed, failed) = (count(1)?, count(2)?, count(3)?);
    samples.set(&family::OPS_HOUR_BATCHES, ["completed"], completed);
    samples.set(&family::OPS_HOUR_BATCHES, ["failed"], failed);
    samples.set(&family::OPS_HOUR_BATCHES, ["in_progress"], total - completed - failed);

    let (total, inserted, skipped, error) = (count(4)?, count(5)?, count(6)?, count(7)?);
    samples.set(&family::OPS_HOUR_ROWS, ["inserted"], inserted);
    samples.set(&family::OPS_HOUR_ROWS, ["skipped"], skipped);
    samples.set(&family::OPS_HOUR_ROWS, ["error"], error);
    samples.set(&family::OPS_HOUR_ROWS, ["other"], total - inserted - skipped - error);

    for (at, stage) in [(8, "parse"), (9, "db"), (10, "total")] {
        if let Some(milliseconds) = number(row, at)? {
            samples.set(&family::OPS_HOUR_AVG_DURATION, [stage], milliseconds / 1000.0);
        }
    }
    for (at, ratio) in [(11, &family::OPS_HOUR_DEDUPE), (12, &family::OPS_HOUR_ERROR)] {
        if let Some(percent) = number(row, at)? {
            samples.set(ratio, [], percent / 100.0);
        }
    }
    Ok(())
}

fn read_errors(rows: &[Row], samples: &mut SampleSet) -> Result<(), String> {
    for row in rows {
        let code = text(row, 0)?;
        for (at, gauge) in [
            (1, &family::OPS_ERROR_OCCURRENCES),
            (2, &family::OPS_ERROR_AFFECTED_BATCHES),
            (3, &family::OPS_ERROR_LAST_SEEN_TIMESTAMP),
        ] {
            if let Some(value) = number(row, at)? {
                samples.set(gauge, [code], value);
            }
        }
        if let Some(Some(message)) = row.get(4) {
            samples.set_remark(code, message);
        }
    }
    Ok(())
}

fn read_pipeline(rows: &[Row], samples: &mut SampleSet) -> Result<(), String> {
    samples.create(family::OPS_PIPELINE_BATCHES.info());
    samples.create(family::OPS_PIPELINE_OLDEST_AGE.info());
    for row in rows {
        let status = text(row, 0)?;
        samples.set(&family::OPS_PIPELINE_BATCHES, [status], number(row, 1)?.unwrap_or(0.0));
        samples.set(&family::OPS_PIPELINE_OLDEST_AGE, [status], number(row, 2)?.unwrap_or(0.0) * 60.0);
        if let Some(newest) = number(row, 3)? {
            samples.set(&family::OPS_PIPELINE_NEWEST_TIMESTAMP, [status], newest);
        }
    }
    Ok(())
}

/// Batches asked for at a time.
pub(super) const BATCH_PAGE: usize = 1000;

/// Completed batches in the order of completion, after `cursor` (Unix microseconds and id), or of the last 15 minutes without one.
/// The first column is the database's clock, which comes without a batch too.
pub(super) fn batches_sql(cursor: Option<(i64, u128)>) -> String {
    let after = match cursor {
        Some((micros, id)) => {
            format!("(completed_at, id) > ('epoch'::timestamptz + {micros} * interval '1 microsecond', '{id:032x}'::uuid)")
        }
        None => "completed_at >= now() - interval '15 minutes'".to_owned(),
    };
    format!(
        "SELECT round(extract(epoch FROM now()) * 1000000)::bigint, page.* FROM (SELECT 1) AS one LEFT JOIN \
         (SELECT id::text, round(extract(epoch FROM completed_at) * 1000000)::bigint AS completed, \
          parse_duration_ms::bigint + db_duration_ms, row_count_invalid, row_count_total \
          FROM intake.simplicity_batches WHERE status::text = 'completed' AND completed_at < 'infinity' AND {after} \
          ORDER BY completed_at, intake.simplicity_batches.id LIMIT {BATCH_PAGE}) AS page ON true ORDER BY page.completed, page.id"
    )
}

/// The database's clock in Unix microseconds, and the batches.
pub(super) fn read_batches(rows: &[Row]) -> Result<(i64, Vec<Batch>), String> {
    let first = rows.first().ok_or("expected a row, found none")?;
    let now = integer(first, 0)?;
    let batches = rows.iter().filter(|row| row.get(1).is_some_and(Option::is_some)).map(batch);
    Ok((now, batches.collect::<Result<_, _>>()?))
}

fn batch(row: &Row) -> Result<Batch, String> {
    let id = text(row, 1)?;
    let id = u128::from_str_radix(&id.replace('-', ""), 16).map_err(|_| format!("id: expected a UUID, found {id:?}"))?;
    let known = |value: Option<f64>| value.filter(|value| *value >= 0.0);
    let error_ratio = match (known(number(row, 4)?), known(number(row, 5)?)) {
        (Some(0.0), Some(_)) => Some(0.0),
        (Some(invalid), Some(total)) => Some((invalid / total).min(1.0)),
        _ => None,
    };
    let seconds = known(number(row, 3)?).map(|milliseconds| milliseconds / 1000.0);
    Ok(Batch { id, completed_at: integer(row, 2)?, seconds, error_ratio })
}

/// A number; NULL and NaN are none.
fn number(row: &Row, at: usize) -> Result<Option<f64>, String> {
    let Some(Some(text)) = row.get(at) else { return Ok(None) };
    let value: f64 = text.parse().map_err(|_| format!("column {}: expected a number, found {text:?}", at + 1))?;
    Ok((!value.is_nan()).then_some(value))
}

fn integer(row: &Row, at: usize) -> Result<i64, String> {
    let text = text(row, at)?;
    text.parse().map_err(|_| format!("column {}: expected a whole number, found {text:?}", at + 1))
}

fn text(row: &Row, at: usize) -> Result<&str, String> {
    row.get(at).and_then(Option::as_deref).ok_or_else(|| format!("column {}: expected text, found NULL", at + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{Limits, Value};

    fn row(columns: &[&str]) -> Row {
        columns.iter().map(|text| (*text != "NULL").then(|| (*text).to_owned())).collect()
    }

    fn gauges(samples: &SampleSet, info: &crate::family::FamilyInfo) -> Vec<(String, f64)> {
        let gauge = |value: &Value| if let Value::Gauge(value) = value { *value } else { f64::NAN };
        samples.series(info).map(|series| (series.key().to_owned(), gauge(series.value()))).collect()
    }

    #[test]
    fn the_parts_of_an_hour_sum_to_its_totals() {
        let mut samples = SampleSet::new(Limits::default());
        let hour =
            row(&["1768132800.000000", "10", "6", "1", "1000", "700", "200", "50", "NULL", "NaN", "1500.5", "20.0", "5.0"]);
        read_hour(&[hour], &mut samples).unwrap();
        let sum = |info| gauges(&samples, info).iter().map(|(_, value)| value).sum::<f64>();
        assert_eq!(sum(family::OPS_HOUR_BATCHES.info()), 10.0);
        assert_eq!(sum(family::OPS_HOUR_ROWS.info()), 1000.0);
        assert_eq!(gauges(&samples, family::OPS_HOUR_AVG_DURATION.info()), [("stage=\"total\"".to_owned(), 1.5005)]);
        assert_eq!(gauges(&samples, family::OPS_HOUR_DEDUPE.info())[0].1, 0.2);
    }

    #[test]
    fn a_batch_without_figures_has_no_observation() {
        let id = "00000000-0000-0000-0000-00000000002a";
        let rows = [row(&["5", id, "4", "1500", "0", "0"]), row(&["5", id, "4", "NULL", "NULL", "3"])];
        let (now, batches) = read_batches(&rows).unwrap();
        assert_eq!((now, batches[0].id, batches[0].seconds, batches[0].error_ratio), (5, 42, Some(1.5), Some(0.0)));
        assert_eq!((batches[1].seconds, batches[1].error_ratio), (None, None));
        assert_eq!(read_batches(&[row(&["5", "NULL", "NULL", "NULL", "NULL", "NULL"])]), Ok((5, vec![])));
    }

    #[test]
    fn an_answer_of_another_form_is_named() {
        let error = read_pipeline(&[row(&["staging", "many", "1", "1"])], &mut SampleSet::new(Limits::default())).unwrap_err();
        assert_eq!(error, "column 2: expected a number, found \"many\"");
    }
}
