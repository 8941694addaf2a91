//! A field in quotes, with the escapes that web servers write undone.

/// A quoted field and what follows it.
pub struct Quoted<'a> {
    /// The bytes that were logged, as UTF-8; what is none becomes U+FFFD.
    pub text: String,
    /// Whether the closing quote is there.
    pub closed: bool,
    pub rest: &'a [u8],
}

/// Takes the quoted field at the beginning of `text`, after blanks; `None` when there is none.
pub fn take(text: &[u8]) -> Option<Quoted<'_>> {
    let body = text.trim_ascii_start().strip_prefix(b"\"")?;
    let mut bytes = Vec::with_capacity(body.len().min(256));
    let mut rest = body;
    loop {
        rest = match rest {
            [] => return Some(Quoted { text: lossy(bytes), closed: false, rest }),
            [b'"', after @ ..] => return Some(Quoted { text: lossy(bytes), closed: true, rest: after }),
            [b'\\', escape @ ..] => unescape(escape, &mut bytes),
            [byte, after @ ..] => {
                bytes.push(*byte);
                after
            }
        }
    }
}

fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Undoes the escape that follows a backslash; an unknown one stays as it is.
fn unescape<'a>(escape: &'a [u8], bytes: &mut Vec<u8>) -> &'a [u8] {
    let (byte, after) = match escape {
        [b'x', high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
            (hex_digit(*high) << 4 | hex_digit(*low), after)
        }
        [quote @ (b'"' | b'\\'), after @ ..] => (*quote, after),
        [b'n', after @ ..] => (b'\n', after),
        [b'r', after @ ..] => (b'\r', after),
        [b't', after @ ..] => (b'\t', after),
        [b'v', after @ ..] => (0x0b, after),
        [b'b', after @ ..] => (0x08, after),
        unknown => (b'\\', unknown),
    };
    bytes.push(byte);
    after
}

fn hex_digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}
