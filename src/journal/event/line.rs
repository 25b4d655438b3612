//! A line's JSON in one flat struct, whose fields accept any JSON value: so an unknown field, or a field that the event does
//! not have, cannot reject a line, and a wrong type can be named with its field.
//!
//! It is filled in its place: it is large, and the moves of a derived `Deserialize` cost as much as a third of the parsing.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::json_object;
use crate::journal::rejection::{Reason, Rejection};

/// Declares [`Line`] and the look-up of its fields by their names.
macro_rules! line {
    ($($field:ident),+) => {
        /// A line whose JSON has been read.
        #[derive(Default)]
        pub struct Line<'a> {
            $(pub(super) $field: Field<'a>),+
        }

        impl<'a> Line<'a> {
            fn field(&mut self, name: &str) -> Option<(&'static str, &mut Field<'a>)> {
                match name {
                    $(stringify!($field) => Some((stringify!($field), &mut self.$field)),)+
                    _ => None,
                }
            }
        }
    };
}

line! {
    event, ts, seconds, ok, executed, active, endpoint, action, confidence, error_code, symbol, side, status, slippage_bps,
    component, error_type, state, trigger, check, usd, daily_loss_limit_usd, regime, drift_usd
}

/// A field's value, whatever it is. `null` is as good as absent, but is there: the field may not come again.
#[derive(Default)]
pub(super) enum Field<'a> {
    #[default]
    Absent,
    Null,
    Number(f64),
    Text(Cow<'a, str>),
    Bool(bool),
    Nested,
}

impl<'a> Line<'a> {
    /// Reads one line without its line end. `line` should be UTF-8 and one JSON object.
    pub fn parse(line: &'a [u8]) -> Result<Self, Rejection> {
        let mut parsed = Self::default();
        parsed.read(line)?;
        Ok(parsed)
    }

    /// The same into a new line in its place, which spares the hot path two moves of it.
    pub fn read(&mut self, line: &'a [u8]) -> Result<(), Rejection> {
        let mut json = serde_json::Deserializer::from_str(json_object(line)?);
        let read = json.deserialize_map(LineVisitor(self)).and_then(|()| json.end());
        read.map_err(|error| Rejection::from_json(&error))
    }
}

impl<'a> Field<'a> {
    fn is_absent(&self) -> bool {
        matches!(self, Field::Absent | Field::Null)
    }

    pub(super) fn number(&self, name: &'static str) -> Result<f64, Rejection> {
        self.optional_number(name)?.ok_or_else(|| self.wrong(name, "a number"))
    }

    pub(super) fn optional_number(&self, name: &'static str) -> Result<Option<f64>, Rejection> {
        match self {
            Field::Number(value) => Ok(Some(*value)),
            Field::Absent | Field::Null => Ok(None),
            _ => Err(self.wrong(name, "a number")),
        }
    }

    pub(super) fn text(&self, name: &'static str) -> Result<&str, Rejection> {
        match self {
            Field::Text(value) => Ok(value),
            _ => Err(self.wrong(name, "a string")),
        }
    }

    pub(super) fn text_or<'s>(&'s self, name: &'static str, default: &'s str) -> Result<&'s str, Rejection> {
        if self.is_absent() { Ok(default) } else { self.text(name) }
    }

    pub(super) fn one_of(&self, name: &'static str, allowed: &'static [&'static str]) -> Result<&'static str, Rejection> {
        let value = self.text(name)?;
        allowed
            .iter()
            .find(|allowed| **allowed == value)
            .copied()
            .ok_or_else(|| Rejection::found(name, &format!("one of {}", allowed.join(", ")), value))
    }

    pub(super) fn bool(&self, name: &'static str) -> Result<bool, Rejection> {
        match self {
            Field::Bool(value) => Ok(*value),
            _ => Err(self.wrong(name, "true or false")),
        }
    }

    pub(super) fn bool_or(&self, name: &'static str, default: bool) -> Result<bool, Rejection> {
        if self.is_absent() { Ok(default) } else { self.bool(name) }
    }

    fn wrong(&self, name: &'static str, expected: &str) -> Rejection {
        let found = match self {
            Field::Absent | Field::Null => "nothing",
            Field::Number(_) => "a number",
            Field::Text(_) => "a string",
            Field::Bool(_) => "true or false",
            Field::Nested => "an object or array",
        };
        Rejection::new(Reason::Schema, format!("field {name:?} to be {expected}, but found {found}"))
    }
}

/// Fills the line.
struct LineVisitor<'l, 'de>(&'l mut Line<'de>);

impl<'de> Visitor<'de> for LineVisitor<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(field) = map.next_key_seed(Name(self.0))? {
            match field {
                Some((_, field @ Field::Absent)) => *field = map.next_value()?,
                Some((name, _)) => return Err(A::Error::duplicate_field(name)),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// Finds the field that a key names.
struct Name<'l, 'de>(&'l mut Line<'de>);

impl<'l, 'de> DeserializeSeed<'de> for Name<'l, 'de> {
    type Value = Option<(&'static str, &'l mut Field<'de>)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'l, 'de> Visitor<'de> for Name<'l, 'de> {
    type Value = Option<(&'static str, &'l mut Field<'de>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.field(name))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Field<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor)
    }
}

struct FieldVisitor;

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = Field<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Field::Number(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Field::Number(value as f64))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Field::Number(value as f64))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Field::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Field::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Field::Bool(value))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Field::Null)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Field::Nested)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Field::Nested)
    }
}
