//! The partition key: keeps one visitor's events in order without telling who the visitor is.

use crate::id::Fnv;

/// A stable 8-byte hash of host and client address, so that the key holds no plain address.
pub fn partition_key(host: Option<&str>, ip: Option<&str>) -> [u8; 8] {
    let seed = [host.unwrap_or_default(), "\n", ip.unwrap_or_default()];
    let Fnv(hash) = seed.iter().fold(Fnv::default(), |hash, text| hash.with(text.as_bytes()));
    let folded = (hash >> 64) ^ (hash & u128::from(u64::MAX));
    u64::try_from(folded).unwrap_or_default().to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_depends_on_host_and_address_and_on_nothing_else() {
        assert_eq!(partition_key(Some("a"), Some("1.1.1.1")), partition_key(Some("a"), Some("1.1.1.1")));
        assert_ne!(partition_key(Some("a"), Some("1.1.1.1")), partition_key(Some("a"), Some("1.1.1.2")));
        assert_ne!(partition_key(Some("a"), None), partition_key(None, Some("a")));
    }
}
