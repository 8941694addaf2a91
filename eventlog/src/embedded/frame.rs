//! The frame of one record on disk.
//!
//! Little endian: payload length u32 · crc32c u32 · offset i64 · time in µs since 1970 i64 · flags u8 · payload. The
//! checksum starts from the segment's salt and covers all but itself. Frames of one atomic group stand together; all but
//! the last say that more follow.

pub(super) const FRAME_HEADER_BYTES: usize = 25;
const CRC: std::ops::Range<usize> = 4..8;
const MORE_FOLLOWS: u8 = 1;
const CONTROL: u8 = 2;

/// What precedes a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHeader {
    pub(super) payload_bytes: u32,
    /// A record's offset; for a control frame the offset of the record that comes next.
    pub(super) offset: i64,
    pub(super) micros: i64,
    /// Whether the atomic group goes on.
    pub(super) more: bool,
    /// Whether the payload holds group positions; such a frame takes no offset.
    pub(super) control: bool,
}

impl FrameHeader {
    /// `None` when no frame can begin with these bytes. The checksum is not looked at.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (payload_bytes, rest) = bytes.split_first_chunk()?;
        let (_crc, rest) = rest.split_first_chunk::<4>()?;
        let (offset, rest) = rest.split_first_chunk()?;
        let (micros, rest) = rest.split_first_chunk()?;
        let flags = *rest.first()?;
        (flags & !(MORE_FOLLOWS | CONTROL) == 0).then(|| Self {
            payload_bytes: u32::from_le_bytes(*payload_bytes),
            offset: i64::from_le_bytes(*offset),
            micros: i64::from_le_bytes(*micros),
            more: flags & MORE_FOLLOWS != 0,
            control: flags & CONTROL != 0,
        })
    }

    pub(super) fn frame_bytes(&self) -> u64 {
        FRAME_HEADER_BYTES as u64 + u64::from(self.payload_bytes)
    }

    /// Appends the frame of `payload`, whose length the header must name.
    pub(super) fn encode(&self, salt: u32, payload: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.payload_bytes.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.offset.to_le_bytes());
        out.extend_from_slice(&self.micros.to_le_bytes());
        out.push((u8::from(self.more) * MORE_FOLLOWS) | (u8::from(self.control) * CONTROL));
        out.extend_from_slice(payload);
        let crc = checksum(salt, &out[start..]);
        out[start..][CRC].copy_from_slice(&crc.to_le_bytes());
    }
}

/// Whether a whole frame's checksum holds.
pub(super) fn is_sound(salt: u32, frame: &[u8]) -> bool {
    frame.get(CRC).is_some_and(|stored| stored == checksum(salt, frame).to_le_bytes())
}

fn checksum(salt: u32, frame: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c_append(salt, &frame[..CRC.start]), &frame[CRC.end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_back_as_written_and_any_flipped_bit_is_noticed() {
        let header =
            FrameHeader { payload_bytes: 5, offset: 7, micros: 1_700_000_000_000_000, more: true, control: false };
        let mut frame = Vec::new();
        header.encode(99, b"hello", &mut frame);
        assert_eq!(frame.len() as u64, header.frame_bytes());
        assert_eq!(FrameHeader::parse(&frame), Some(header));
        assert!(is_sound(99, &frame));
        assert!(!is_sound(98, &frame), "a frame of another segment is not one of this");
        for bit in 0..frame.len() * 8 {
            let mut flipped = frame.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_sound(99, &flipped), "bit {bit}");
        }
    }

    #[test]
    fn zeros_are_no_frame() {
        assert!(!is_sound(0, &[0; FRAME_HEADER_BYTES]));
    }
}
