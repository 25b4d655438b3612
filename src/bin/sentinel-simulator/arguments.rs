//! The command line, and the plan of the day that it describes. Everything is checked here, before a file is touched.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use crate::day::Plan;
use crate::faults::{Faults, Onset};
use crate::moment::Moment;
use crate::span;

/// A seeded trading day at any speed: the events, state files and database rows of a trading shop, healthy or with faults.
///
/// The same seed, start and other arguments give the same bytes. The first day opens --backfill before --start and closes 6.5 h
/// after it; every later one opens 24 h after the one before.
#[derive(Debug, Parser)]
#[command(name = "sentinel-simulator", version)]
pub(crate) struct Arguments {
    /// What all chance comes from
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,

    /// The simulated time at which the day begins: now, or RFC 3339
    #[arg(long, default_value = "now", value_name = "TIME", value_parser = Moment::parse)]
    start: Moment,

    /// How much to simulate before --start, without faults and at full speed
    #[arg(long, default_value = "0", value_name = "SPAN", value_parser = span::parse)]
    backfill: Duration,

    /// How long to go on after --start: a span such as 6h30m, or forever
    #[arg(long, default_value = "forever", value_name = "SPAN", value_parser = Length::parse)]
    duration: Length,

    /// Simulated seconds a real second, or max for no waiting
    #[arg(long, default_value = "1", value_name = "N", value_parser = Speed::parse)]
    pub(crate) speed: Speed,

    /// What times are written: simulated ones, or real ones, those at which each thing happens at this --speed
    #[arg(long, value_enum, default_value_t = Stamps::Simulated, value_name = "WHICH")]
    stamps: Stamps,

    /// Append the trading events to this file
    #[arg(long, value_name = "PATH")]
    pub(crate) journal: Option<PathBuf>,

    /// Keep the trading bot's state/ and logs/ below this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) sre_root: Option<PathBuf>,

    /// Write batches to the database whose URL this file holds; without it, to the one in SENTINEL_POSTGRES_URL if that is set
    #[arg(long, value_name = "FILE")]
    pub(crate) postgres_url_file: Option<PathBuf>,

    /// Let this go wrong, AFTER the start (a span; default at once); may be repeated
    #[arg(long = "fault", value_name = "NAME[@AFTER]")]
    faults: Vec<Onset>,

    /// Hold no kill switch drills: each is an alert, for which an ordinary day has no other reason
    #[arg(long)]
    without_drills: bool,

    /// Print the names of all faults, one line each, and exit
    #[arg(long)]
    pub(crate) list_faults: bool,
}

impl Arguments {
    /// The plan of the day. The error says which argument leads out of the time that events can carry.
    pub(crate) fn plan(&self) -> Result<Plan, String> {
        let begin = self.start.plus(-self.backfill.as_secs_f64());
        if begin < Moment::FIRST {
            return Err("--backfill reaches back before 1970; expected a shorter one".to_owned());
        }
        let end = match self.duration {
            Length::Forever => Moment::LAST,
            Length::Of(duration) => self.start.plus(duration.as_secs_f64()).min(Moment::LAST),
        };
        let stamp_speed = match (self.stamps, self.speed) {
            (Stamps::Simulated, _) => 1.0,
            (Stamps::Real, Speed::Times(speed)) => speed,
            (Stamps::Real, Speed::Max) => return Err("--stamps real needs a --speed that is a number".to_owned()),
        };
        let faults = Faults::new(&self.faults, self.start);
        Ok(Plan { seed: self.seed, begin, start: self.start, end, stamp_speed, faults, drills: !self.without_drills })
    }
}

/// How long the simulation goes on after its start.
#[derive(Debug, Clone, Copy)]
enum Length {
    Forever,
    Of(Duration),
}

impl Length {
    fn parse(text: &str) -> Result<Self, String> {
        if text == "forever" {
            return Ok(Self::Forever);
        }
        span::parse(text).map(Self::Of)
    }
}

/// Which times are written.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Stamps {
    Simulated,
    Real,
}

/// How fast simulated time passes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Speed {
    /// Without waiting.
    Max,
    /// This many simulated seconds a real second.
    Times(f64),
}

impl Speed {
    fn parse(text: &str) -> Result<Self, String> {
        if text == "max" {
            return Ok(Self::Max);
        }
        match text.parse() {
            // Slower than this, the wait for the next minute no longer fits into any clock.
            Ok(times) if (0.001..=1e9).contains(&times) => Ok(Self::Times(times)),
            _ => Err("expected max or a number from 0.001 to 1e9".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::Arguments;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_plan_follows_from_the_arguments() -> Result<(), String> {
        let line = "sentinel-simulator --start 2026-01-05T14:30:00Z --backfill 1h --duration 2h";
        let arguments = Arguments::try_parse_from(line.split(' ')).map_err(|error| error.to_string())?;
        let plan = arguments.plan()?;
        assert_eq!(plan.begin.zulu(), "2026-01-05T13:30:00Z");
        assert_eq!(plan.end.zulu(), "2026-01-05T16:30:00Z");
        Ok(())
    }

    #[test]
    fn real_stamps_keep_pace_with_the_speed() -> Result<(), String> {
        let line = "sentinel-simulator --start 2026-01-05T14:30:00Z --speed 60 --stamps real";
        let arguments = Arguments::try_parse_from(line.split(' ')).map_err(|error| error.to_string())?;
        let plan = arguments.plan()?;
        assert_eq!(plan.stamp(plan.start.plus(3600.0)).zulu(), "2026-01-05T14:31:00Z");
        assert_eq!(plan.stamp(plan.start.plus(-60.0)).zulu(), "2026-01-05T14:29:59Z");

        let arguments = Arguments::try_parse_from("sentinel-simulator --speed max --stamps real".split(' '));
        assert!(arguments.is_ok_and(|arguments| arguments.plan().is_err()));
        Ok(())
    }

    #[test]
    fn a_mistake_is_an_error() {
        for argument in ["--speed=0", "--speed=NaN", "--start=1/2/2026", "--fault=x", "--duration=ever"] {
            assert!(Arguments::try_parse_from(["sentinel-simulator", argument]).is_err(), "{argument}");
        }
    }
}
