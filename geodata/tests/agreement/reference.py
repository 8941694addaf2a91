"""What a vendor's own reader says of addresses.

usage: reference.py FORMAT FILE <ADDRESSES

Reads an address a line, writes a JSON object a line: the fields of a place as text, those that are unknown left out.
"""

import io
import json
import sys

PLACEHOLDERS = ("This record is unavailable", "This parameter is unavailable", "IPV6 ADDRESS MISSING")


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
        return known

    @staticmethod
    def known(text):
        if text in ("", "-", None) or text.startswith(PLACEHOLDERS):
            return None
        # It takes every text for ISO 8859-1.
        try:
            return text.encode("iso-8859-1").decode("utf-8")
        except UnicodeDecodeError:
            return text


def main(format, path):
    reader = {"bin": Bin}[format](path)
    for line in sys.stdin:
        place = reader.place(line.strip())
        print(json.dumps({name: value for name, value in place.items() if value is not None}))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
