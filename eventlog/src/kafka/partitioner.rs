//! The partition of a key, as librdkafka's `murmur2_random` and Java clients choose it.

const M: u32 = 0x5bd1_e995;
const SEED: u32 = 0x9747_b28c;

/// The partition of a key that is not empty.
pub(super) fn partition(key: &[u8], partitions: u32) -> Option<i32> {
    let hash = murmur2(key) & 0x7fff_ffff;
    i32::try_from(hash.checked_rem(partitions)?).ok()
}

fn murmur2(key: &[u8]) -> u32 {
    let mut hash = SEED ^ key.len() as u32;
    let (words, rest) = key.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !rest.is_empty() {
        let mut tail = [0; 4];
        tail[..rest.len()].copy_from_slice(rest);
        hash = (hash ^ u32::from_le_bytes(tail)).wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Apache Kafka's own tests give it (UtilsTest.testMurmur2).
    #[test]
    fn the_hash_is_that_of_java_clients() {
        for (key, hash) in [
            ("21", -973_932_308_i32),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
        }
        assert_eq!((partition(b"21", 0), partition(b"21", 1)), (None, Some(0)));
    }
}
