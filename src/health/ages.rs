//! Judgements over the age of files: a lock that nobody removes, a daemon that writes no more.

use std::path::PathBuf;
use std::time::Duration;

use super::finding::Finding;
use crate::files::Unreadable;

type Age = Result<Duration, Unreadable>;

/// A lock is held for moments; an old one was left by a process that died.
pub(super) fn cache_lock(locks: &[(PathBuf, Age)], limit: Duration) -> Finding {
    let threshold = format!("at most {} old", humantime::format_duration(limit));
    let mut stale: Option<(&PathBuf, Duration)> = None;
    for (path, age) in locks {
        match age {
            Ok(age) if *age > limit && stale.is_none_or(|(_, oldest)| *age > oldest) => stale = Some((path, *age)),
            Ok(_) | Err(Unreadable::Missing) => {}
            Err(why) => return Finding::unknown(format!("{}: {why}", path.display())),
        }
    }
    let Some((path, age)) = stale else { return Finding::ok("no lock was left behind").threshold(threshold) };
    let finding = Finding::critical(format!("{} was left behind {} s ago", path.display(), age.as_secs()));
    Finding { file: Some(path.display().to_string()), ..finding }.value(age.as_secs()).threshold(threshold).mendable()
}

/// The daemon writes its cache all the time.
pub(super) fn uw_daemon_liveness(age: &Age, limit: Duration) -> Finding {
    let threshold = format!("at most {} old", humantime::format_duration(limit));
    let finding = match age {
        Ok(age) => {
            let message = format!("the cache was written {} s ago", age.as_secs());
            let finding = if *age > limit { Finding::critical(message) } else { Finding::ok(message) };
            finding.value(age.as_secs())
        }
        Err(Unreadable::Missing) => Finding::critical("there is no cache"),
        Err(why) => Finding::unknown(why),
    };
    finding.threshold(threshold)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level::{Critical, Ok as Fine, Warning};
    use super::*;

    const LIMIT: Duration = Duration::from_secs(300);

    fn old(seconds: u64) -> Age {
        Ok(Duration::from_secs(seconds))
    }

    fn denied() -> Age {
        Err(Unreadable::Other("Permission denied".to_owned()))
    }

    #[test]
    fn locks() {
        let judged = |data: Age, state: Age| cache_lock(&[("data/l".into(), data), ("state/l".into(), state)], LIMIT);
        assert_eq!(judged(Err(Unreadable::Missing), Err(Unreadable::Missing)).level, Fine);
        assert_eq!(judged(old(300), old(0)).level, Fine);
        let finding = judged(old(301), old(4000));
        assert_eq!((finding.level, finding.mendable, finding.file.as_deref()), (Critical, true, Some("state/l")), "the oldest");
        assert_eq!(judged(old(301), Err(Unreadable::Missing)).file.as_deref(), Some("data/l"));
        let finding = judged(old(0), denied());
        assert_eq!((finding.level, finding.message.as_str()), (Warning, "cannot be checked: state/l: Permission denied"));
    }

    #[test]
    fn liveness() {
        assert_eq!(uw_daemon_liveness(&old(300), LIMIT).level, Fine);
        assert_eq!(uw_daemon_liveness(&old(301), LIMIT).level, Critical);
        assert_eq!(uw_daemon_liveness(&Err(Unreadable::Missing), LIMIT).level, Critical);
        assert_eq!(uw_daemon_liveness(&denied(), LIMIT).level, Warning);
    }
}
