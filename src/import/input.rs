//! A log file as a stream of lines: plain, gzip or zstd by its first bytes, from any offset on.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;

/// Longer lines are skipped, so that a file without line ends needs no memory.
pub const MAX_LINE_BYTES: usize = 1024 * 1024;

const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
const ZSTD_MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// A place between two lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// Decompressed bytes before it.
    pub offset: u64,
    /// Lines before it.
    pub line: u64,
}

/// A line without its line end.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    pub bytes: Vec<u8>,
    pub start: Cursor,
    /// Whether a line end follows. Without one, a server may still be writing this line.
    pub ended: bool,
    /// Whether it was longer than [`MAX_LINE_BYTES`]; `bytes` holds its beginning.
    pub too_long: bool,
}

/// Reads lines and knows where it stands.
pub struct Lines {
    reader: Box<dyn BufRead + Send>,
    at: Cursor,
}

impl Lines {
    /// Reads a file from `from` on, counting the bytes read from the disk in `read_bytes`.
    pub fn open(path: &Path, from: Cursor, read_bytes: Arc<AtomicU64>) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut magic = Vec::new();
        (&mut file).take(ZSTD_MAGIC.len() as u64).read_to_end(&mut magic)?;
        if is_compressed(&magic) {
            file.rewind()?;
            let mut reader = decoder(BufReader::new(Counted { inner: file, read_bytes }))?;
            skip(&mut reader, from.offset)?;
            return Ok(Self { reader, at: from });
        }
        if from.offset > file.metadata()?.len() {
            return Err(shorter());
        }
        file.seek(SeekFrom::Start(from.offset))?;
        read_bytes.store(from.offset, Ordering::Relaxed);
        Ok(Self { reader: Box::new(BufReader::new(Counted { inner: file, read_bytes })), at: from })
    }

    /// Reads a stream, which nobody can read a second time.
    pub fn stream(stream: impl Read + Send + 'static, read_bytes: Arc<AtomicU64>) -> io::Result<Self> {
        let reader = decoder(BufReader::new(Counted { inner: stream, read_bytes }))?;
        Ok(Self { reader, at: Cursor::default() })
    }

    /// The next line, `None` at the end.
    pub fn next_line(&mut self) -> io::Result<Option<Line>> {
        let mut line = Line { bytes: Vec::new(), start: self.at, ended: false, too_long: false };
        while !line.ended {
            let chunk = self.reader.fill_buf()?;
            if chunk.is_empty() {
                break;
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let part = &chunk[..end.unwrap_or(chunk.len())];
            let room = MAX_LINE_BYTES - line.bytes.len();
            line.too_long |= part.len() > room;
            line.bytes.extend_from_slice(&part[..part.len().min(room)]);
            line.ended = end.is_some();
            let used = part.len() + usize::from(line.ended);
            self.reader.consume(used);
            self.at.offset += used as u64;
        }
        if self.at == line.start {
            return Ok(None);
        }
        self.at.line += 1;
        if line.bytes.last() == Some(&b'\r') {
            line.bytes.pop();
        }
        Ok(Some(line))
    }

    /// Where the next line begins.
    pub fn at(&self) -> Cursor {
        self.at
    }
}

fn is_compressed(magic: &[u8]) -> bool {
    magic.starts_with(GZIP_MAGIC) || magic.starts_with(ZSTD_MAGIC)
}

fn decoder(mut reader: impl BufRead + Send + 'static) -> io::Result<Box<dyn BufRead + Send>> {
    let magic = reader.fill_buf()?;
    if magic.starts_with(GZIP_MAGIC) {
        Ok(Box::new(BufReader::new(MultiGzDecoder::new(reader))))
    } else if magic.starts_with(ZSTD_MAGIC) {
        Ok(Box::new(BufReader::new(zstd::stream::read::Decoder::with_buffer(reader)?)))
    } else {
        Ok(Box::new(reader))
    }
}

fn skip(reader: &mut impl BufRead, bytes: u64) -> io::Result<()> {
    let skipped = io::copy(&mut reader.take(bytes), &mut io::sink())?;
    if skipped < bytes { Err(shorter()) } else { Ok(()) }
}

fn shorter() -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "the file is shorter than what was imported of it: it is not the same file any more",
    )
}

struct Counted<R> {
    inner: R,
    read_bytes: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read_bytes.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn all_lines(bytes: &[u8], from: Cursor) -> Vec<Line> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let mut lines = Lines::open(file.path(), from, Arc::default()).unwrap();
        std::iter::from_fn(|| lines.next_line().unwrap()).collect()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn the_first_bytes_tell_the_compression_and_offsets_are_those_of_the_text() {
        let text = b"one\r\n\ntwo";
        let two_members = [gzip(b"one\r\n"), gzip(b"\ntwo")].concat();
        for file in [text.to_vec(), gzip(text), two_members, zstd::encode_all(&text[..], 1).unwrap()] {
            let lines = all_lines(&file, Cursor::default());
            let seen: Vec<_> = lines.iter().map(|line| (&line.bytes[..], line.start.offset, line.ended)).collect();
            assert_eq!(seen, [(&b"one"[..], 0, true), (b"", 5, true), (b"two", 6, false)]);
            let rest = all_lines(&file, Cursor { offset: 6, line: 2 });
            assert_eq!(rest, lines[2..]);
        }
    }

    #[test]
    fn a_line_without_end_takes_no_more_memory_than_the_limit() {
        let text = ["x".repeat(MAX_LINE_BYTES + 1), "next".to_owned()].join("\n");
        let lines = all_lines(text.as_bytes(), Cursor::default());
        assert_eq!((lines[0].bytes.len(), lines[0].too_long), (MAX_LINE_BYTES, true));
        assert_eq!((&lines[1].bytes[..], lines[1].too_long), (&b"next"[..], false));
    }

    #[test]
    fn a_file_that_has_shrunk_is_not_resumed() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let from = Cursor { offset: 1, line: 1 };
        assert!(Lines::open(file.path(), from, Arc::default()).is_err());
        std::fs::write(file.path(), gzip(b"")).unwrap();
        assert!(Lines::open(file.path(), from, Arc::default()).is_err());
    }
}
