"""What a vendor's own reader says of addresses.

usage: reference.py FORMAT FILE <ADDRESSES

Reads an address a line, writes a JSON object a line: the fields of a place as text, those that are unknown left out.
"""

import io
import ipaddress
import json
import socket
import sys

PLACEHOLDERS = ("This record is unavailable", "This parameter is unavailable", "IPV6 ADDRESS MISSING")

# How addresses begin that may stand for one of IPv4: mapped, 6to4, Teredo.
TUNNELS = ("::ffff:", "2002:", "2001:0:", "2001::")


class Bin:
    """IP2Location's BIN files, read by the package IP2Location."""

    FIELDS = {
        "country": "country_short",
        "country_name": "country_long",
        "state": "region",
        "city": "city",
        "postcode": "zipcode",
        "latitude": "latitude",
        "longitude": "longitude",
        "timezone": "timezone",
        "asn": "asn",
        "as_org": "as_name",
    }

    def __init__(self, path):
        import IP2Location

        self.database = IP2Location.IP2Location(path)
        # It reads the file for every step of its search; from memory that takes a third of the time.
        with self.database._f as file:
            file.seek(0)
            self.database._f = io.BytesIO(file.read())

    def place(self, address):
        record = self.database.get_all(address)
        known = {name: self.known(getattr(record, field)) for name, field in self.FIELDS.items()}
        if known["country"] == "??":
            known["country"] = None
        if known["country"] is None and known["latitude"] == known["longitude"] == "0.000000":
            known["latitude"] = known["longitude"] = None
        return as_json(known)

    @staticmethod
    def known(text):
        if text in ("", "-", None) or text.startswith(PLACEHOLDERS):
            return None
        # It takes every text for ISO 8859-1.
        try:
            return text.encode("iso-8859-1").decode("utf-8")
        except UnicodeDecodeError:
            return text


class Mmdb:
    """MMDB files, read by the package maxminddb; nested as MaxMind's or flat as those of ip-location-db."""

    def __init__(self, path, mode):
        import maxminddb

        self.database = maxminddb.open_database(path, getattr(maxminddb, mode))
        self.known = {}

    def place(self, address):
        if address.startswith(TUNNELS):
            address = str(embedded(ipaddress.IPv6Address(address)))
        try:
            record, prefix = self.database.get_with_prefix_len(address)
        except ValueError:  # IPv6 in a database of IPv4
            return "{}"
        if not isinstance(record, dict):
            return "{}"
        packed = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
        network = (len(packed), prefix, int.from_bytes(packed, "big") >> (len(packed) * 8 - prefix))
        if network not in self.known:
            self.known[network] = as_json(fields(record))
        return self.known[network]


def fields(record):
    is_nested = not isinstance(record.get("city", record.get("country_code")), str)
    known = nested(record) if is_nested else flat(record)
    degrees = {name: f"{known[name]:.6f}" for name in ("latitude", "longitude") if known.get(name) is not None}
    return {name: str(value) for name, value in known.items() if value not in ("", None)} | degrees


def embedded(address):
    """The IPv4 address that one of IPv6 stands for, if it does."""
    client = address.teredo and address.teredo[1]
    return address.ipv4_mapped or address.sixtofour or client or address


def nested(record):
    country, traits, location = (record.get(name, {}) for name in ("country", "traits", "location"))
    region = record.get("subdivisions", [{}])[0]
    return {
        "country": country.get("iso_code"),
        "country_name": country.get("names", {}).get("en"),
        "state": region.get("names", {}).get("en"),
        "region_code": region.get("iso_code"),
        "city": record.get("city", {}).get("names", {}).get("en"),
        "continent": record.get("continent", {}).get("code"),
        "postcode": record.get("postal", {}).get("code"),
        "latitude": location.get("latitude"),
        "longitude": location.get("longitude"),
        "accuracy_km": location.get("accuracy_radius"),
        "timezone": location.get("time_zone"),
        "asn": record.get("autonomous_system_number", traits.get("autonomous_system_number")),
        "as_org": record.get("autonomous_system_organization", traits.get("autonomous_system_organization")),
    }


def flat(record):
    same = ("city", "postcode", "latitude", "longitude", "timezone")
    return {name: record.get(name) for name in same} | {
        "country": record.get("country_code"),
        "state": record.get("state1"),
    }


READERS = {
    "bin": Bin,
    "mmdb": lambda path: Mmdb(path, "MODE_MMAP_EXT"),
    "mmdb-pure": lambda path: Mmdb(path, "MODE_MEMORY"),
}


def main(format, path):
    reader = READERS[format](path)
    for line in sys.stdin:
        print(reader.place(line.strip()))


def as_json(place):
    return json.dumps({name: value for name, value in place.items() if value is not None})


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
