//! What a poll found of one thing that it looked at, or why it found nothing.

use std::borrow::Cow;
use std::fmt;

use crate::sample::SampleSet;

/// What was wrong with a part of a poll: text for the log and the status page, without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceError(pub String);

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A part of what a source looks at, which fails by itself.
pub struct Part {
    /// Its name for the log and the status page.
    pub name: Cow<'static, str>,
    /// All its samples, or why there are none.
    pub outcome: Result<SampleSet, SourceError>,
    /// What is wrong with the thing itself, such as an endpoint that is down. The look at it succeeded, and its samples say the same.
    pub trouble: Option<String>,
}

impl Part {
    /// A part without trouble.
    pub fn new(name: impl Into<Cow<'static, str>>, outcome: Result<SampleSet, SourceError>) -> Self {
        Self { name: name.into(), outcome, trouble: None }
    }
}

/// The name of a part, and what is wrong with it.
pub type Wrong = (Cow<'static, str>, String);

/// The names of parts, and what is wrong with them. Neighbours that fail for the same reason, such as a database that is not there, share one.
pub fn by_reason<'a>(wrong: impl IntoIterator<Item = &'a Wrong>) -> Vec<(String, &'a str)> {
    let wrong: Vec<_> = wrong.into_iter().collect();
    let shared = |same: &[&'a Wrong]| {
        let names = same.iter().map(|(name, _)| &**name).collect::<Vec<_>>().join(", ");
        Some((names, same.first()?.1.as_str()))
    };
    wrong.chunk_by(|(_, one), (_, next)| one == next).filter_map(shared).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_fail_for_the_same_reason_are_told_together() {
        let wrong = [("a", "refused"), ("b", "refused"), ("c", "late"), ("d", "refused")];
        let wrong = wrong.map(|(name, why)| (Cow::from(name), why.to_owned()));
        let expected = [("a, b", "refused"), ("c", "late"), ("d", "refused")];
        assert_eq!(by_reason(&wrong), expected.map(|(names, why)| (names.to_owned(), why)));
        assert_eq!(by_reason(&[]), []);
    }
}
