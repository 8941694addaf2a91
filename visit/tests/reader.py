"""What the Python packages of the same rules say of user agents: a JSON array of texts in, an array of readings out.

A reading: browser, its version, operating system, its version, and whether it is a bot; null for what is not known.
"""

import json
import sys

from crawleruseragents import is_crawler
from ua_parser import parse


def version(found):
    numbers = (found.major, found.minor, found.patch, found.patch_minor)
    known = numbers[: next((at for at, number in enumerate(numbers) if not number), len(numbers))]
    return ".".join(known) or None


def read(text):
    found = parse(text)
    browser, system, device = found.user_agent, found.os, found.device
    return [
        browser and browser.family,
        browser and version(browser),
        system and system.family,
        system and version(system),
        is_crawler(text) or (device is not None and device.family == "Spider"),
    ]


json.dump([read(text) for text in json.load(sys.stdin)], sys.stdout)
