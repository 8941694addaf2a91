"""Writes the data files by which user agents are read, from the Python packages of dev/requirements.txt.

usage: user_agents.py FOLDER

To renew them: raise the versions of ua-parser-builtins and crawler-user-agents in dev/requirements.txt, then
    "$(dev/venv.sh)" dev/user_agents.py visit/data
"""

import json
import pathlib
import sys

import crawleruseragents
from ua_parser_builtins.matchers import MATCHERS

NUMBERS = ("major", "minor", "patch", "patch_minor")
BROWSER_KEYS = ("family_replacement", "v1_replacement", "v2_replacement", "v3_replacement", "v4_replacement")
OS_KEYS = ("os_replacement", "os_v1_replacement", "os_v2_replacement", "os_v3_replacement", "os_v4_replacement")

# What a matcher takes when the rule says nothing: the groups in their order.
DEFAULTS = ("$1", "$2", "$3", "$4", "$5")


def rules(matchers, keys):
    for matcher in matchers:
        values = [matcher.family, *(getattr(matcher, number) for number in NUMBERS)]
        said = zip(keys, values, DEFAULTS)
        yield {"regex": matcher.regex, **{key: value for key, value, default in said if value and value != default}}


def crawlers(spiders):
    """Every pattern of the list of crawlers, then those by which uap-core tells a spider before all devices."""
    return [crawler["pattern"] for crawler in crawleruseragents.CRAWLER_USER_AGENTS_DATA] + spiders


def spiders(device_matchers):
    """uap-core's patterns of spiders: those that come before every device, and those that come after."""
    is_spider = [matcher.family == "Spider" for matcher in device_matchers]
    first_device = is_spider.index(False)
    patterns = [f"(?i){matcher.regex}" if matcher.regex_flag else matcher.regex for matcher in device_matchers]
    found = [(number, pattern) for number, pattern in enumerate(patterns) if is_spider[number]]
    before = [pattern for number, pattern in found if number < first_device]
    after = [pattern for number, pattern in found if number > first_device]
    return before, after


def lines(items):
    """A JSON array with an item a line, for changes to be read."""
    return "[\n" + ",\n".join(json.dumps(item) for item in items) + "\n]"


def main(folder):
    browsers, systems, devices = MATCHERS
    before, after = spiders(devices)
    files = {
        "browsers.json": rules(browsers, BROWSER_KEYS),
        "systems.json": rules(systems, OS_KEYS),
        "crawlers.json": crawlers(before),
        "spiders.json": after,
    }
    for name, items in files.items():
        (folder / name).write_text(lines(items) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]))
