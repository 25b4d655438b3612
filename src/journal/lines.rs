//! Bytes into lines.

/// The longest event, in bytes without its line end.
pub const MAX_LINE: usize = 64 * 1024;

/// Whole lines as they stand in a file.
pub struct Chunk<'a> {
    bytes: &'a [u8],
    offset: u64,
    /// Bytes of the first line that stand before `bytes` and were passed over because it is oversize.
    skipped: u64,
    /// The longest line that is read, in bytes without its line end.
    longest: usize,
}

/// A line, or what is known of one that is too long.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// Its bytes without the line end.
    Whole(&'a [u8]),
    /// Its length in bytes.
    Oversize(u64),
}

impl<'a> Chunk<'a> {
    /// `bytes` ends in a line end; `offset` is where its first line begins in the file, `skipped` bytes before `bytes`.
    /// A line of more than `longest` bytes is oversize.
    pub fn new(bytes: &'a [u8], offset: u64, skipped: u64, longest: usize) -> Self {
        Self { bytes, offset, skipped, longest }
    }

    /// No lines.
    pub fn empty() -> Self {
        Self { bytes: &[], offset: 0, skipped: 0, longest: 0 }
    }

    /// The lines with their offsets in the file. Blank ones are left out: they hold no event, and a writer that
    /// finds a torn line before it begins with a line end.
    pub fn lines(self) -> impl Iterator<Item = (u64, Line<'a>)> {
        let Chunk { bytes, mut offset, mut skipped, longest } = self;
        let mut start = 0;
        memchr::memchr_iter(b'\n', bytes).filter_map(move |end| {
            let line = &bytes[start..end];
            let at = offset;
            let length = skipped + line.len() as u64;
            offset += length + 1;
            (start, skipped) = (end + 1, 0);
            match length {
                _ if length > longest as u64 => Some((at, Line::Oversize(length))),
                _ if line.trim_ascii().is_empty() => None,
                _ => Some((at, Line::Whole(line))),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_with_their_offsets_and_without_blank_ones() {
        let lines: Vec<_> = Chunk::new(b"one\n\n \r\ntwo\n", 100, 0, MAX_LINE).lines().collect();
        assert_eq!(lines, [(100, Line::Whole(b"one")), (108, Line::Whole(b"two"))]);
    }

    #[test]
    fn a_line_of_64_kib_is_read_and_a_longer_one_is_not() {
        let mut bytes = vec![b'x'; MAX_LINE];
        bytes.push(b'\n');
        assert!(
            matches!(Chunk::new(&bytes, 0, 0, MAX_LINE).lines().next(), Some((0, Line::Whole(line))) if line.len() == MAX_LINE)
        );
        bytes.insert(0, b'x');
        assert_eq!(Chunk::new(&bytes, 0, 0, MAX_LINE).lines().next(), Some((0, Line::Oversize(MAX_LINE as u64 + 1))));
    }

    #[test]
    fn a_line_whose_beginning_was_passed_over_is_oversize_and_the_next_is_not() {
        let lines: Vec<_> = Chunk::new(b"end\nnext\n", 7, 70_000, MAX_LINE).lines().collect();
        assert_eq!(lines, [(7, Line::Oversize(70_003)), (7 + 70_004, Line::Whole(b"next"))]);
    }
}
