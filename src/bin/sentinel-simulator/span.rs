//! Lengths of time on the command line: `90s`, `6h30m`, `1d`.

use std::time::Duration;

/// Reads numbers with units (d, h, m, s) in a row; `0` needs none. The error says what was expected.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let expected = || format!("expected a length of time such as 90s, 6h30m or 1d, not {text:?}");
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut seconds = 0_u64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(expected)?;
        let number: u64 = rest[..digits].parse().map_err(|_| expected())?;
        let unit = match rest.as_bytes().get(digits) {
            Some(b'd') => 86_400,
            Some(b'h') => 3_600,
            Some(b'm') => 60,
            Some(b's') => 1,
            _ => return Err(expected()),
        };
        // A century bounds the sum, so that no later arithmetic needs to think of overflow.
        seconds = number
            .checked_mul(unit)
            .and_then(|part| part.checked_add(seconds))
            .filter(|&sum| sum <= 100 * 366 * 86_400)
            .ok_or_else(expected)?;
        rest = &rest[digits + 1..];
    }
    if text.is_empty() {
        return Err(expected());
    }
    Ok(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::parse;

    #[test]
    fn reads_units_in_a_row() {
        assert_eq!(parse("6h30m"), Ok(Duration::from_secs(23_400)));
        assert_eq!(parse("1d"), Ok(Duration::from_secs(86_400)));
        assert_eq!(parse("0"), Ok(Duration::ZERO));
    }

    #[test]
    fn refuses_what_is_no_length_of_time() {
        for text in ["", "5", "h", "1x", "-1h", "1h-", "1ü", "99999999999d"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
