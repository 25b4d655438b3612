//! Text from outside in messages for people: on one line, and without what a terminal would obey.

use std::fmt::Write;

/// `text` as a message shows it.
pub(crate) fn told(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        // Writing to a string cannot fail.
        let _ = if c.is_control() { write!(shown, "{}", c.escape_default()) } else { shown.write_char(c) };
    }
    shown
}

/// The same of its beginning, for a text of any length.
pub(crate) fn told_briefly(text: &str) -> String {
    const LONGEST: usize = 400;
    let end = text.floor_char_boundary(LONGEST);
    told(&text[..end]) + if end < text.len() { "…" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_one_line() {
        for (text, shown) in [("", ""), ("é \"x\" \\n", "é \"x\" \\n"), ("a\nb\t\u{1b}[2J\u{9b}", "a\\nb\\t\\u{1b}[2J\\u{9b}")]
        {
            assert_eq!(told(text), shown);
            assert_eq!(told_briefly(text), shown);
        }
        assert_eq!(told_briefly(&"é".repeat(10_000)), "é".repeat(200) + "…");
    }
}
