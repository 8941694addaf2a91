"""bench/results.json: everything that was measured, on what, and how it was judged."""

import json

from harness.figures import FAILED, MISSED, judge


def of_benchmark(benchmark, others_percent):
    return {
        "name": benchmark.name,
        "title": benchmark.title,
        **({"axis": benchmark.axis[0], "drawn": benchmark.axis[1]} if benchmark.axis else {}),
        "others_percent": others_percent,
        "contestants": [
            {"name": one.name, "role": one.role, "failure": one.failure, "figures": one.figures()}
            for one in benchmark.contestants
        ],
        "verdicts": [judge(benchmark, check) for check in benchmark.checks],
    }


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
        return 2
    return 1 if MISSED in verdicts else 0
