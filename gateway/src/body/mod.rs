//! A request's body: read within its limits of size, time and memory, and decompressed.

mod budget;
mod encoding;
mod memory;
mod read;

use std::io;

use axum::http::header::ACCEPT_ENCODING;
use axum::http::{HeaderValue, StatusCode};

pub use budget::{Budget, Exhausted, Share};
pub use encoding::Encoding;
pub use memory::{Memory, json_tree_bytes};
pub use read::{Limits, discard, read};

use crate::problem::Problem;

/// Why a body could not be had.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// A Content-Encoding that is not taken, or several.
    #[error("the Content-Encoding is not taken; it may be one of: {}", encoding::TAKEN)]
    UnknownEncoding,
    /// More bytes than allowed, as sent or after decompression.
    #[error("the body is over the limit of {limit} bytes, which holds before and after decompression")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// It did not arrive in time.
    #[error("the body did not arrive within {limit_ms} ms")]
    TooSlow {
        /// The time allowed, in milliseconds.
        limit_ms: u64,
    },
    /// The requests in flight use all the memory there is for them.
    #[error("too much is being received at the moment")]
    Exhausted(#[from] Exhausted),
    /// The sender broke off, or its chunks are malformed.
    #[error("the body broke off, or is not framed as HTTP asks")]
    Broken(#[source] axum::Error),
    /// Not what the Content-Encoding says, or broken off.
    #[error("the body cannot be decompressed as its Content-Encoding says")]
    Undecodable(#[source] io::Error),
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        let detail = error.to_string();
        match error {
            BodyError::UnknownEncoding => {
                // RFC 9110, section 15.5.16.
                let taken = HeaderValue::from_static(encoding::TAKEN);
                Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail).with_header(ACCEPT_ENCODING, taken)
            }
            BodyError::TooLarge { .. } => Self::new(StatusCode::PAYLOAD_TOO_LARGE, detail),
            BodyError::TooSlow { .. } => Self::new(StatusCode::REQUEST_TIMEOUT, detail),
            BodyError::Exhausted(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after_seconds(1),
            BodyError::Broken(_) | BodyError::Undecodable(_) => Self::new(StatusCode::BAD_REQUEST, detail),
        }
    }
}
