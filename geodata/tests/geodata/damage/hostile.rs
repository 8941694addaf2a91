//! What a file is put through, here and by the fuzzer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::Arc;

use geodata::{DatabaseFile, GeoDatabase, Located};

const LOOK_UPS: u32 = 32;

/// Takes the bytes for those of a geo database file, and looks up addresses from all over and these. Whether it could be
/// opened.
pub fn look_up(bytes: &[u8], also: &[IpAddr]) -> bool {
    let Ok(file) = DatabaseFile::from_bytes(Path::new("hostile"), bytes.to_vec()) else { return false };
    let database = GeoDatabase::new(vec![Arc::new(file)]);
    for address in addresses().chain(also.iter().copied()) {
        assert_harmless(&database.locate(address));
    }
    true
}

/// That every sink can store it.
fn assert_harmless(located: &Located) {
    let place = &*located.place;
    let names = [&place.country_name, &place.state, &place.region_code, &place.city, &place.postcode];
    let codes = [&place.country, &place.continent, &place.timezone, &place.as_org];
    let texts = names.into_iter().chain(codes).filter_map(Option::as_deref).chain(located.database.as_deref());
    for text in texts {
        assert!(text.chars().count() <= 200 && !text.contains(char::is_control), "{text:?}");
    }
    assert!(place.latitude.is_none_or(|degrees| degrees.abs() <= 90.0), "{place:?}");
    assert!(place.longitude.is_none_or(|degrees| degrees.abs() <= 180.0), "{place:?}");
}

/// Every few networks of IPv4, and of the part of IPv6 that is in use.
fn addresses() -> impl Iterator<Item = IpAddr> {
    let v4 = (0..LOOK_UPS).map(|part| Ipv4Addr::from_bits(part * (u32::MAX / LOOK_UPS) + 0x0108_0808).into());
    let v6 = (0..LOOK_UPS).map(|part| Ipv6Addr::from_bits(1 << 125 | u128::from(part) << 120 | 0x4860 << 96).into());
    v4.chain(v6)
}
