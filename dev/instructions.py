"""Counts the instructions of an event in each stage of its path, and compares them with those in dev/instructions.json.

usage: dev/instructions.py [--record] [STAGE]…

A count is the difference between two runs of one program under Valgrind with different numbers of events: what starting
costs is in both, and no other process disturbs it. The programs are the crates' examples, from the same build as the tests.

Exit code: 0 no stage costs more than its figure allows, 1 one does, 2 nothing can be compared.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass

PROJECT = pathlib.Path(__file__).resolve().parents[1]
FIGURES = PROJECT / "dev/instructions.json"
# Where what was counted is kept, for callgrind_annotate.
PROFILES = PROJECT / "target/instructions"
# Seeds of hash tables, ids and the order of threads differ from run to run by half a percent; what libraries choose for a
# processor differs from machine to machine.
TOLERANCE = 0.10
OVER, UNKNOWN = 1, 2

@dataclass(frozen=True)
class Stage:
    """A program that takes a number, for each of which it handles so many events."""

    program: str
    arguments: str
    few: int
    many: int
    events_each: int = 1


STAGES = {
    "decode": Stage("stages", "decode {}", 1, 3, 10_000),
    "decode, enrich": Stage("stages", "enrich {}", 1, 3, 10_000),
    "COPY row": Stage("rows", "postgres {}", 1, 9, 4_096),
    "Kafka record": Stage("rows", "kafka {}", 1, 9, 4_096),
    "Parquet row": Stage("rows", "iceberg {}", 1, 9, 4_096),
    "append, one by one": Stage("append", "1 {}", 2_000, 6_000),
    "append, 100 at a time": Stage("append", "100 {}", 10_000, 30_000),
    # So many, since a clock is calibrated at first by time, not by count.
    "request with one": Stage("requests", "one {}", 1_000, 11_000),
    "request with 100": Stage("requests", "lines {}", 50, 350, 100),
}


def build(stages):
    """Builds the programs; returns where they are, by name."""
    command = ["cargo", "build", "--workspace", "--locked", "--message-format=json-render-diagnostics"]
    command += [part for program in sorted({one.program for one in stages}) for part in ("--example", program)]
    built = subprocess.run(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=True)
    artifacts = [json.loads(line) for line in built.stdout.splitlines()]
    return {one["target"]["name"]: one["executable"] for one in artifacts if one.get("executable")}


def count(program, arguments, profile):
    """Instructions of all threads of one run."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}", program, *arguments.split()]
        ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    found = re.search(r"Collected : (\d+)", ran.stderr)
    if ran.returncode != 0 or not found:
        raise RuntimeError(f"{' '.join(command)} ended with {ran.returncode}:\n{ran.stderr[-2_000:]}")
    return int(found[1])


def instructions_of_an_event(name, stage, program):
    profile = PROFILES / f"{name.replace(', ', '-').replace(' ', '-')}.out"
    few, many = (count(program, stage.arguments.format(number), profile) for number in (stage.few, stage.many))
    return round((many - few) / (stage.many - stage.few) / stage.events_each)


def measure(stages):
    programs = build(stages.values())
    PROFILES.mkdir(parents=True, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as workers:
        counting = {
            name: workers.submit(instructions_of_an_event, name, stage, programs[stage.program])
            for name, stage in stages.items()
        }
        return {name: found.result() for name, found in counting.items()}


def compare(found, known):
    """Prints a line for each stage; returns whether one costs too much, or has no figure."""
    is_over = False
    for name, instructions in found.items():
        figure = known.get(name)
        change = (instructions - figure) / figure if figure else 0
        is_more, is_less = not figure or change > TOLERANCE, change < -TOLERANCE
        verdict = "no figure" if not figure else "TOO MANY" if is_more else "fewer" if is_less else ""
        print(f"{name:22} {figure or 0:>7,} → {instructions:>7,}  {change:+6.1%}  {verdict}".rstrip())
        is_over |= is_more
    if is_over:
        print(f"More than {TOLERANCE:.0%} over {FIGURES.name}, or not in it. Where: callgrind_annotate target/instructions/*.out")
        print("What is worth its cost is recorded with: make instructions RECORD=1")
    return is_over


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--record", action="store_true", help="make what is counted the figures to compare with")
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=", ".join(STAGES))
    options = parser.parse_args()
    stages = {name: STAGES[name] for name in options.stages or STAGES}
    figures, machine = json.loads(FIGURES.read_text()), platform.machine()
    known = figures.get(machine, {})
    found = measure(stages)
    is_over = compare(found, known)
    if options.record:
        figures[machine] = {name: (known | found)[name] for name in STAGES if name in known | found}
        FIGURES.write_text(json.dumps(figures, indent=2) + "\n")
    elif is_over:
        sys.exit(OVER if known else UNKNOWN)


if __name__ == "__main__":
    main()
