//! Buffers and compressors that scrapes use one after another, so that a page of any size is not allocated each time.

use std::sync::{Arc, Mutex};

use flate2::{Compress, CompressError, Compression, FlushCompress, Status};
use hyper::body::Bytes;

use crate::locked;

/// How many of each are kept; more scrapes at once than these are rare.
const KEPT: usize = 4;
/// The window of gzip: 32 KiB.
const WINDOW_BITS: u8 = 15;

/// What nobody uses now.
#[derive(Default)]
pub(super) struct Scratch {
    buffers: Mutex<Vec<Vec<u8>>>,
    compressors: Mutex<Vec<Compress>>,
}

/// A buffer that goes back when nobody needs it any more: the client has its answer, or is gone.
pub(super) struct Buffer {
    /// What is in it.
    pub(super) bytes: Vec<u8>,
    home: Arc<Scratch>,
}

impl Scratch {
    /// An empty buffer, as large as it was when it came back.
    pub(super) fn buffer(self: &Arc<Self>) -> Buffer {
        let bytes = locked(&self.buffers).pop().unwrap_or_default();
        Buffer { bytes, home: self.clone() }
    }

    /// `plain` as gzip, compressed for speed.
    pub(super) fn gzip(self: &Arc<Self>, plain: &[u8]) -> Result<Buffer, CompressError> {
        let kept = locked(&self.compressors).pop();
        let mut compressor = kept.unwrap_or_else(|| Compress::new_gzip(Compression::fast(), WINDOW_BITS));
        compressor.reset();
        let mut out = self.buffer();
        loop {
            let rest = &plain[compressor.total_in() as usize..];
            out.bytes.reserve(rest.len() / 8 + 256);
            if compressor.compress_vec(rest, &mut out.bytes, FlushCompress::Finish)? == Status::StreamEnd {
                break;
            }
        }
        keep(&self.compressors, compressor);
        Ok(out)
    }
}

impl Buffer {
    /// What is in it, as a body; the buffer goes back when the body has been sent.
    pub(super) fn into_body(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        keep(&self.home.buffers, bytes);
    }
}

fn keep<T>(kept: &Mutex<Vec<T>>, one: T) {
    let mut kept = locked(kept);
    if kept.len() < KEPT {
        kept.push(one);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_reused_compressor_gives_whole_pages() {
        let scratch = Arc::new(Scratch::default());
        for size in [0, 10, 1_000_000, 3] {
            let page = b"sentinel_x 1\n".iter().copied().cycle().take(size).collect::<Vec<_>>();
            let compressed = scratch.gzip(&page).unwrap();
            let mut read = Vec::new();
            flate2::read::GzDecoder::new(compressed.as_ref()).read_to_end(&mut read).unwrap();
            assert!(read == page, "{size} bytes");
        }
        assert_eq!(locked(&scratch.compressors).len(), 1);
    }
}
