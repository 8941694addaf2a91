//! A body's Content-Encoding, and its decompression within limits.

use std::io::{self, Read};

use axum::http::HeaderMap;
use axum::http::header::CONTENT_ENCODING;
use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;

use super::BodyError;
use super::budget::Share;

/// The encodings taken, as a sender is told.
pub const TAKEN: &str = "gzip, zstd, identity";

/// Decompression stops to look at the limits after this many bytes.
const STEP_BYTES: u64 = 64 << 10;

/// RFC 9659: with Content-Encoding zstd a window of more than 8 MiB is not for use.
const ZSTD_WINDOW_LOG: u32 = 23;

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Not at all.
    Identity,
    /// RFC 1952, any number of members.
    Gzip,
    /// RFC 8878, any number of frames.
    Zstd,
}

impl Encoding {
    /// Reads the header; without one the body is not compressed.
    ///
    /// # Errors
    /// `UnknownEncoding` for any other encoding, and for several of them.
    pub fn of(headers: &HeaderMap) -> Result<Self, BodyError> {
        let values = headers.get_all(CONTENT_ENCODING).into_iter();
        let names = values.flat_map(|value| value.to_str().unwrap_or("unreadable").split(','));
        let mut found = Self::Identity;
        for name in names.map(str::trim) {
            let encoding = Self::named(name).ok_or(BodyError::UnknownEncoding)?;
            if encoding != Self::Identity && found != Self::Identity {
                return Err(BodyError::UnknownEncoding);
            }
            found = if encoding == Self::Identity { found } else { encoding };
        }
        Ok(found)
    }

    fn named(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "" | "identity" => Some(Self::Identity),
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Decompresses a whole body to at most `limit` bytes, taken of `share` as they come.
    ///
    /// # Errors
    /// `TooLarge`, `Exhausted`, or `Undecodable` when it is not what the encoding says, or broken off.
    pub fn decode(self, body: Bytes, limit: usize, share: &mut Share) -> Result<Bytes, BodyError> {
        match self {
            Self::Identity => Ok(body),
            Self::Gzip => drain(MultiGzDecoder::new(&body[..]), limit, share),
            Self::Zstd => drain(zstd_decoder(&body).map_err(BodyError::Undecodable)?, limit, share),
        }
    }
}

fn zstd_decoder(body: &[u8]) -> io::Result<impl Read> {
    let mut decoder = zstd::Decoder::with_buffer(body)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG)?;
    Ok(decoder)
}

fn drain(mut decoder: impl Read, limit: usize, share: &mut Share) -> Result<Bytes, BodyError> {
    let mut decoded = Vec::new();
    loop {
        let step = decoder.by_ref().take(STEP_BYTES).read_to_end(&mut decoded).map_err(BodyError::Undecodable)?;
        if decoded.len() > limit {
            return Err(BodyError::TooLarge { limit });
        }
        if step == 0 {
            return Ok(decoded.into());
        }
        share.take(step)?;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::body::Budget;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn decode(encoding: Encoding, body: Vec<u8>, limit: usize) -> Result<Bytes, BodyError> {
        encoding.decode(body.into(), limit, &mut Budget::new(1 << 20).share())
    }

    #[test]
    fn one_known_encoding_is_taken_and_nothing_else() {
        for (values, encoding) in [
            (&[][..], Some(Encoding::Identity)),
            (&[""], Some(Encoding::Identity)),
            (&["GZIP"], Some(Encoding::Gzip)),
            (&["identity, zstd"], Some(Encoding::Zstd)),
            (&["x-gzip"], Some(Encoding::Gzip)),
            (&["br"], None),
            (&["gzip, gzip"], None),
            (&["gzip", "zstd"], None),
            (&["gz\u{e9}p"], None),
        ] {
            let headers = values.iter().map(|value| (CONTENT_ENCODING, value.parse().unwrap())).collect();
            assert_eq!(Encoding::of(&headers).ok(), encoding, "{values:?}");
        }
    }

    #[test]
    fn a_body_is_decompressed_whole_or_refused() {
        let text = b"{\"url\":\"a\"}".repeat(20_000);
        let members = [gzip(&text[..99]), gzip(&text[99..])].concat();
        assert_eq!(decode(Encoding::Gzip, members.clone(), text.len()).unwrap(), text);
        let frames = zstd::encode_all(&text[..], 3).unwrap();
        assert_eq!(decode(Encoding::Zstd, frames.clone(), text.len()).unwrap(), text);
        for (encoding, body) in [
            (Encoding::Gzip, members[..members.len() - 5].to_vec()),
            (Encoding::Zstd, frames[..frames.len() - 5].to_vec()),
            (Encoding::Gzip, frames),
            (Encoding::Zstd, members),
        ] {
            assert!(matches!(decode(encoding, body, text.len()), Err(BodyError::Undecodable(_))), "{encoding:?}");
        }
    }

    #[test]
    fn a_bomb_ends_at_the_limit_of_the_body_or_of_the_memory() {
        let zeros = vec![0; 8 << 20];
        for (encoding, body) in
            [(Encoding::Gzip, gzip(&zeros)), (Encoding::Zstd, zstd::encode_all(&zeros[..], 3).unwrap())]
        {
            assert!(matches!(decode(encoding, body.clone(), 100_000), Err(BodyError::TooLarge { .. })));
            assert!(matches!(decode(encoding, body, 8 << 20), Err(BodyError::Exhausted(_))));
        }
    }

    #[test]
    fn a_zstd_window_beyond_eight_mebibytes_is_refused() {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(27).unwrap();
        encoder.write_all(b"{}").unwrap();
        let body = encoder.finish().unwrap();
        assert!(matches!(decode(Encoding::Zstd, body, 100), Err(BodyError::Undecodable(_))));
    }
}
