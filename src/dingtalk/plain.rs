//! Text from outside, made harmless: labels and annotations are whatever somebody wrote, and a message is Markdown.
//!
//! What means something in Markdown, and what mentions people, becomes the look-alike that DingTalk's clients only show: which of
//! them take a backslash for an escape, and where, differs from one client to the next.

/// The longest link. Prometheus' links to an expression hold the expression.
const MAX_LINK: usize = 1000;

/// `text` on one line, at most so many characters of it.
pub(super) fn plain(text: &str, limit: usize) -> String {
    let mut plain = String::new();
    let mut length = 0;
    let mut chars = text.chars().filter(|c| !is_invisible(*c)).map(|c| if is_space(c) { ' ' } else { c }).peekable();
    let mut last = ' ';
    while let Some(c) = chars.next() {
        if c == ' ' && (last == ' ' || chars.peek().is_none_or(|next| *next == ' ')) {
            continue;
        }
        if length == limit {
            plain.push('…');
            break;
        }
        let shown = harmless(c, last, chars.peek().copied(), &plain);
        plain.push(shown);
        last = c;
        length += 1;
    }
    plain.truncate(plain.trim_end().len());
    plain
}

/// What stands for `c` between these two.
fn harmless(c: char, before: char, after: Option<char>, plain: &str) -> char {
    match c {
        '@' => '＠',
        '*' => '∗',
        '`' => '\'',
        '[' => '［',
        ']' => '］',
        '<' => '＜',
        '>' => '＞',
        '\\' => '＼',
        '|' => '｜',
        '~' => '～',
        '&' => '＆',
        '#' => '＃',
        // In the middle of a word it is no emphasis.
        '_' if !(before.is_alphanumeric() && after.is_some_and(char::is_alphanumeric)) => '＿',
        // A client makes a link of an address wherever it sees one.
        ':' if after == Some('/') => '：',
        '.' if ends_with_www(plain) => '．',
        c => c,
    }
}

fn ends_with_www(plain: &str) -> bool {
    plain.get(plain.len().saturating_sub(3)..).is_some_and(|end| end.eq_ignore_ascii_case("www"))
}

/// Line ends, tabs and all the spaces that Unicode has.
fn is_space(c: char) -> bool {
    c.is_whitespace() || c == '\u{2800}'
}

/// What is not seen but acts: controls, marks of direction, characters of no width, fillers, tags, variation selectors, private use.
fn is_invisible(c: char) -> bool {
    c.is_control() && !c.is_whitespace()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{e000}'..='\u{f8ff}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..)
}

/// Whether `url` may stand in a link: of the web, and without a character that could end it.
pub(super) fn is_link(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty()) && url.len() <= MAX_LINK && url.bytes().all(is_link_byte)
}

/// Whether `path` may stand in a text as it is: that of a file in a folder, such as docs/runbooks/sre.md#name, and no name of a host.
pub(super) fn is_path(path: &str) -> bool {
    let in_a_folder = path.split_once('/').is_some_and(|(folder, _)| !folder.is_empty() && !folder.contains('.'));
    let plain = |byte| is_link_byte(byte) && byte != b':' && byte != b'~';
    in_a_folder
        && path.len() <= 200
        && !path.contains("//")
        && !path.to_ascii_lowercase().contains("www.")
        && path.bytes().all(plain)
}

fn is_link_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._~:/?#&+,;=%-".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_stays_as_it_is() {
        for text in [
            "127.0.0.1:8000: 3 of 4 cycles failed (75 %) in 5m; the limit is 2.",
            "create_weights_file failed, PGRST002: \"stale\"",
            "亏损 180 美元（限额 200）",
            "a - b + c = d! x/y",
        ] {
            assert_eq!(plain(text, 100), text);
        }
    }

    #[test]
    fn what_means_something_becomes_its_look_alike() {
        for (text, shown) in [
            ("@all @13800000000", "＠all ＠13800000000"),
            ("[x](http://evil.example/)", "［x］(http：//evil.example/)"),
            (
                "![i](data:x) `c` *b* __u__ ~s~ #h <font> &#64;all a|b \\n",
                "!［i］(data:x) 'c' ∗b∗ ＿＿u＿＿ ～s～ ＃h ＜font＞ ＆＃64;all a｜b ＼n",
            ),
            ("dingtalk://x https:/y WWW.evil.example", "dingtalk：//x https：/y WWW．evil.example"),
            ("a\r\n\r\n# b\t\u{3000}\u{85}c\u{2028}d", "a ＃ b c d"),
            ("  \u{202e}gpj\u{2066}.exe\u{200b}\u{0}\u{7}\u{e0041}  ", "gpj.exe"),
            ("w\u{200b}ww\u{200b}.x ht\u{ad}tp:\u{2060}//y", "www．x http：//y"),
            ("", ""),
            (" \n ", ""),
        ] {
            assert_eq!(plain(text, 100), shown, "{text:?}");
        }
    }

    #[test]
    fn it_is_cut_between_characters() {
        assert_eq!(plain("亏损亏损", 3), "亏损亏…");
        assert_eq!(plain("abc", 3), "abc");
        assert_eq!(plain("abc   ", 3), "abc");
        assert_eq!(plain("ab   c", 3), "ab …");
        assert_eq!(plain(&"x".repeat(1 << 20), 5), "xxxxx…");
    }

    #[test]
    fn only_links_of_the_web_are_links() {
        for good in ["https://a", "http://127.0.0.1:9090/graph?g0.expr=up%20%3D%3D+0&g0.tab=1#x"] {
            assert!(is_link(good), "{good}");
        }
        let long = format!("https://{}", "a".repeat(MAX_LINK));
        for bad in [
            "",
            "https://",
            "javascript:alert",
            "dingtalk://a",
            "https://a b",
            "https://a)[b](c",
            "https://me@evil",
            "https://a\n",
            "/d/x",
            &long,
            "HTTPS://a",
        ] {
            assert!(!is_link(bad), "{bad}");
        }
        assert!(is_path("docs/runbooks/sre.md#sentinelwatchdog"));
        for bad in [
            "",
            "a",
            "http://a",
            "a:b/c",
            "//evil.example",
            "a/b c",
            "a/)(b",
            "a/@all",
            "evil.example/x",
            "a/www.evil.example",
            "/a",
            "a//b",
        ] {
            assert!(!is_path(bad), "{bad}");
        }
    }
}
