//! The series of one family, sorted by label set.
//!
//! Their texts stand one after another in one string, so that a scrape reads memory from end to end: a string for each
//! series would be scattered, and a miss of the cache costs more than the copying.

use super::series::{self, Value};
use crate::family::FamilyInfo;

/// One label set of a family with its value.
#[derive(Clone, Copy, Debug)]
pub struct Series<'a> {
    texts: &'a str,
    row: &'a Row,
}

impl<'a> Series<'a> {
    /// The label set as the text format writes it, without braces: `side="buy",symbol="EURUSD"`; empty without labels.
    pub fn key(&self) -> &'a str {
        self.row.key(self.texts)
    }

    /// The values of its labels, in the family's order.
    pub fn labels(&self) -> Vec<String> {
        let (mut values, mut rest) = (Vec::new(), self.key());
        while let Some((_, after)) = rest.split_once("=\"") {
            let (mut value, mut chars) = (String::new(), after.chars());
            while let Some(char) = chars.next().filter(|char| *char != '"') {
                match char {
                    '\\' => value.extend(chars.next().map(|escaped| if escaped == 'n' { '\n' } else { escaped })),
                    char => value.push(char),
                }
            }
            values.push(value);
            rest = chars.as_str();
        }
        values
    }

    /// The value.
    pub fn value(&self) -> &'a Value {
        &self.row.value
    }

    /// What stands before the value; for a histogram all of its lines' beginnings, one after another.
    pub fn text(&self) -> &'a [u8] {
        // As bytes: a string would look for a character's boundary at both ends.
        &self.texts.as_bytes()[self.row.start..][..self.row.len as usize]
    }
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    texts: String,
    rows: Vec<Row>,
    scratch: String,
}

#[derive(Clone, Debug)]
struct Row {
    /// Where its text begins in [`Rows::texts`].
    start: usize,
    len: u32,
    /// Where in its text the key begins.
    key: u16,
    /// True when nothing in the key is escaped.
    plain: bool,
    key_len: u32,
    value: Value,
}

impl Row {
    fn key<'a>(&self, texts: &'a str) -> &'a str {
        let start = self.start + usize::from(self.key);
        &texts[start..start + self.key_len as usize]
    }
}

impl Rows {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Series<'_>> {
        self.rows.iter().map(|row| Series { texts: &self.texts, row })
    }

    pub(super) fn values(&mut self) -> impl Iterator<Item = &mut Value> {
        self.rows.iter_mut().map(|row| &mut row.value)
    }

    /// The value of the series at `at`, which is there.
    pub(super) fn value(&mut self, at: usize) -> &mut Value {
        &mut self.rows[at].value
    }

    /// Where the series of this key is, or would be.
    pub(super) fn find(&self, key: &str) -> Result<usize, usize> {
        self.rows.binary_search_by(|row| row.key(&self.texts).cmp(key))
    }

    /// True when there is a series at `at` and its label set is `labels`. Values that had to be escaped, or would be cut to
    /// `limit` bytes, are not compared.
    pub(super) fn has(&self, at: usize, info: &FamilyInfo, labels: &[&str], limit: usize) -> bool {
        let Some(row) = self.rows.get(at).filter(|row| row.plain) else { return false };
        let mut rest = row.key(&self.texts);
        for (name, value) in info.labels.iter().zip(labels) {
            let quoted = rest.strip_prefix(*name).and_then(|rest| rest.strip_prefix("=\""));
            let after = quoted.and_then(|rest| rest.strip_prefix(*value)).and_then(|rest| rest.strip_prefix('"'));
            let Some(after) = after.filter(|_| value.len() <= limit) else { return false };
            rest = after.strip_prefix(',').unwrap_or(after);
        }
        rest.is_empty()
    }

    /// Puts a new series where [`Self::find`] would have found it.
    pub(super) fn insert(&mut self, at: usize, info: &FamilyInfo, key: &str) {
        let (key_start, value) = series::born(info, key, &mut self.scratch);
        let start = self.rows.get(at).map_or(self.texts.len(), |row| row.start);
        let len = self.scratch.len();
        self.texts.insert_str(start, &self.scratch);
        self.rows[at..].iter_mut().for_each(|row| row.start += len);
        let (plain, key_len) = (!key.contains('\\'), key.len() as u32);
        self.rows.insert(at, Row { start, len: len as u32, key: key_start as u16, plain, key_len, value });
    }

    pub(super) fn remove(&mut self, at: usize) {
        let row = self.rows.remove(at);
        self.texts.replace_range(row.start..row.start + row.len as usize, "");
        self.rows[at..].iter_mut().for_each(|later| later.start -= row.len as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::API_ERRORS;

    #[test]
    fn labels_are_read_back_from_their_text() {
        let mut rows = Rows::default();
        rows.insert(0, API_ERRORS.info(), r#"endpoint="a=\"b\",\\",error_code="1\n2""#);
        assert_eq!(rows.iter().next().unwrap().labels(), ["a=\"b\",\\", "1\n2"]);
        rows.insert(0, API_ERRORS.info(), "");
        assert_eq!(rows.iter().next().unwrap().labels(), [""; 0]);
    }

    #[test]
    fn a_label_set_is_known_by_its_values_and_not_by_the_text_of_their_escapes() {
        let mut rows = Rows::default();
        rows.insert(0, API_ERRORS.info(), r#"endpoint="\\",error_code="x""#);
        rows.insert(1, API_ERRORS.info(), r#"endpoint="hub",error_code="429""#);
        let has = |at, labels: &[&str; 2]| rows.has(at, API_ERRORS.info(), labels, 4);
        assert!(has(1, &["hub", "429"]));
        for (at, labels) in [
            (0, ["\\\\", "x"]),
            (1, ["hub", "42"]),
            (1, ["hub", "4290"]),
            (1, ["hu", "429"]),
            (1, ["", "hub"]),
            (1, ["hub\",error_code=", "429"]),
            (2, ["hub", "429"]),
        ] {
            assert!(!has(at, &labels), "{labels:?}");
        }
    }
}
