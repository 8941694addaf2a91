"""bench/results.json: everything that was measured, on what, and how it was judged."""

import json

from harness.figures import FAILED, MISSED, judge
from harness.processes import Failed

SOMETHING_FAILED = 2


def of_benchmark(benchmark, others_percent, seconds):
    return {
        "name": benchmark.name,
        "title": benchmark.title,
        **({"axis": benchmark.axis[0], "drawn": benchmark.axis[1]} if benchmark.axis else {}),
        "others_percent": others_percent,
        "seconds": round(seconds),
        "contestants": [
            {"name": one.name, "role": one.role, "failure": one.failure, "figures": one.figures()}
            for one in benchmark.contestants
        ],
        "verdicts": [judge(benchmark, check) for check in benchmark.checks],
    }


class Unfinished:
    """What has been found so far, in a file, for a later run under the same conditions to go on with."""

    def __init__(self, path, conditions):
        self.path = path
        self.conditions = conditions
        self.found = {}

    def resume(self):
        if not self.path.exists():
            return
        kept = json.loads(self.path.read_text())
        changed = [name for name, value in self.conditions.items() if kept["conditions"].get(name) != value]
        if changed:
            raise Failed(f"{self.path} was measured with other {', '.join(changed)}: --resume cannot go on with it")
        self.found = kept["found"]

    def keep(self, found):
        """What has failed is left to be done again."""
        if not any(contestant["failure"] for contestant in found["contestants"]):
            self.found[found["name"]] = found
            write(self.path, {"conditions": self.conditions, "found": self.found})


def merged(path, found, part):
    """What the file holds, with this run's part ("benchmarks" or "curves") in the place of the old one."""
    try:
        kept = json.loads(path.read_text())
    except (OSError, ValueError):
        kept = {}
    return {key: value for key, value in kept.items() if key in ("benchmarks", "curves")} | {part: found}


def write(path, results):
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")


def exit_code(benchmarks):
    """0: all targets that were judged are reached; 1: one is missed; 2: a contestant failed."""
    verdicts = {row["verdict"] for one in benchmarks for row in one["verdicts"]}
    failed = any(contestant["failure"] for one in benchmarks for contestant in one["contestants"])
    if failed or FAILED in verdicts:
        return SOMETHING_FAILED
    return 1 if MISSED in verdicts else 0
