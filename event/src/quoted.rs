//! Texts as JSON strings (RFC 8259, section 7), looked at many bytes at a time: most need no escapes.

/// Bytes that are looked at together.
const LANE: usize = 16;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends a text as a JSON string, byte for byte as serde_json writes it.
pub fn write_json_text(text: &str, into: &mut Vec<u8>) {
    // Of two control characters serde has shorter escapes. Hardly any text has one.
    if text.bytes().fold(u8::MAX, u8::min) >= b' ' {
        write_text(text, into);
    } else {
        serde_json::to_writer(into, text).expect("texts always serialise");
    }
}

/// Appends a text in quotes.
pub(crate) fn write_text(text: &str, into: &mut Vec<u8>) {
    // Enough unless every seventh byte has to be escaped.
    into.reserve(text.len() + text.len() / 6 + 2);
    into.push(b'"');
    let (lanes, rest) = text.as_bytes().as_chunks::<LANE>();
    lanes.iter().for_each(|lane| write_lane(lane, into));
    if rest.iter().any(|byte| needs_escape(*byte)) {
        for byte in rest {
            if needs_escape(*byte) { write_escape(*byte, into) } else { into.push(*byte) }
        }
    } else {
        into.extend_from_slice(rest);
    }
    into.push(b'"');
}

fn write_lane(lane: &[u8; LANE], into: &mut Vec<u8>) {
    // One byte of the number tells of one of the lane, the lowest of the first.
    let mut escapes = u128::from_le_bytes(lane.map(|byte| u8::from(needs_escape(byte))));
    let mut start = 0;
    while escapes != 0 {
        let at = (escapes.trailing_zeros() / u8::BITS) as usize;
        into.extend_from_slice(&lane[start..at]);
        write_escape(lane[at], into);
        escapes &= escapes - 1;
        start = at + 1;
    }
    into.extend_from_slice(&lane[start..]);
}

fn needs_escape(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

fn write_escape(byte: u8, into: &mut Vec<u8>) {
    let letter = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            return into.extend_from_slice(&[b'\\', b'u', b'0', b'0', b'0' + (byte >> 4), HEX[usize::from(byte & 15)]]);
        }
    };
    into.extend_from_slice(&[b'\\', letter]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_read_back_as_it_was_wherever_its_escapes_stand() {
        let escaped =
            ["\"", "\\", "\n", "\r\t", "\0", "\u{8}\u{c}\u{1f}", "\u{7f}\u{80}", "\u{e9}\u{1f600}", "{\"a\":\"b\"}"];
        for (text, before) in escaped.iter().flat_map(|text| (0..40).map(move |before| (text, before))) {
            for after in [0, 1, 15, 16, 17] {
                let text = ["x".repeat(before), (*text).to_owned(), "y".repeat(after)].concat();
                let mut json = b"before".to_vec();
                write_text(&text, &mut json);
                let json = json.strip_prefix(b"before").unwrap();
                assert_eq!(serde_json::from_slice::<String>(json).unwrap(), text);
                let mut json = Vec::new();
                write_json_text(&text, &mut json);
                assert_eq!(json, serde_json::to_vec(&text).unwrap());
            }
        }
    }
}
