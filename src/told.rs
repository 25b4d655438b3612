//! Text from outside in messages for people: on one line, and without what a terminal would obey.

use std::fmt::Write;

/// `text` as a message shows it.
pub(crate) fn told(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        // Writing to a string cannot fail.
        let _ = if acts(c) { write!(shown, "{}", c.escape_default()) } else { shown.write_char(c) };
    }
    shown
}

/// Whether a terminal or an editor does something else with `c` than to show it: controls, ends of lines, and marks of direction.
pub(crate) fn acts(c: char) -> bool {
    c.is_control() || matches!(c, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The same of its beginning, for a text of any length.
pub(crate) fn told_briefly(text: &str) -> String {
    told_within(text, 400)
}

/// The same of so many bytes of it.
pub(crate) fn told_within(text: &str, bytes: usize) -> String {
    let end = text.floor_char_boundary(bytes);
    told(&text[..end]) + if end < text.len() { "…" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_one_line() {
        for (text, shown) in [
            ("", ""),
            ("é \"x\" \\n", "é \"x\" \\n"),
            ("a\nb\t\u{1b}[2J\u{9b}", "a\\nb\\t\\u{1b}[2J\\u{9b}"),
            ("a\u{202e}gpj\u{2028}", "a\\u{202e}gpj\\u{2028}"),
        ] {
            assert_eq!(told(text), shown);
            assert_eq!(told_briefly(text), shown);
        }
        assert_eq!(told_briefly(&"é".repeat(10_000)), "é".repeat(200) + "…");
    }
}
