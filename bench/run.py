"""Measures pageberg from outside and judges what was found. See bench/README.md.

usage: run.py benchmarks|curves [--scale smoke|quick|full] [--peers] [--only NAME[,NAME]] [--rounds N] [--binary FILE]
              [--tools FOLDER] [--geo FILE]… [--output FOLDER]

Exit code: 0 all targets judged are reached, 1 some are missed, 2 something failed, 3 nothing could be measured.
"""

import argparse
import dataclasses
import pathlib
import signal
import subprocess
import sys
import time

from harness import chart, machine, results, runner, table
from harness.bench import Bench, say
from harness.processes import Failed
from harness.scale import SCALES

HERE = pathlib.Path(__file__).resolve().parent
NOTHING_MEASURED = 3
INTERRUPTED = 130
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["benchmarks", "curves"])
    parser.add_argument("--scale", choices=SCALES, default="quick")
    parser.add_argument("--peers", action="store_true", help="with the alternatives that are fetched from registries")
    parser.add_argument("--rounds", type=int, help="runs of each contestant, instead of the scale's")
    parser.add_argument("--only", default="", help="names, or beginnings of names, separated by commas")
    parser.add_argument("--binary", type=pathlib.Path, default=HERE.parent / "target/release/pageberg")
    parser.add_argument("--tools", type=pathlib.Path, default=HERE.parent / "target/bench/release")
    parser.add_argument("--geo", type=pathlib.Path, action="append", default=[])
    parser.add_argument("--output", type=pathlib.Path, default=HERE)
    return parser.parse_args()


def chosen(all_of, only):
    names = [name for name in only.split(",") if name]
    return [one for one in all_of if not names or any(one.name.startswith(name) for name in names)]


def estimate(bench, chosen_ones):
    seconds = 20.0
    for one in chosen_ones:
        seconds += sum(contestant.seconds for contestant in one.contestants) * (one.rounds or bench.scale.rounds)
    factor = {"smoke": 0.6, "quick": 1, "full": 4}[bench.scale.name]
    say(f"{bench.scale.name} scale: about {seconds * factor / 60:.0f} minutes on two cores")


def measure(options):
    if options.what == "curves":
        import curves as parts
    else:
        import benchmarks as parts
    with Bench(SCALES[options.scale], options.binary.resolve(), options.tools.resolve(), options.geo) as bench:
        if options.rounds:
            bench.scale = dataclasses.replace(bench.scale, rounds=options.rounds)
        wanted = chosen(parts.all_of(bench.scale, options.peers), options.only)
        estimate(bench, wanted)
        versions = machine.versions(bench.binary, bench.kafka.version(), bench.postgres.version(), bench.project)
        found = [results.of_benchmark(one, runner.run(bench, one)) for one in wanted]
        return {
            "date": machine.today(),
            "scale": options.scale,
            "machine": machine.describe(),
            "versions": versions,
            "event_bytes": bench.event_size,
            "geo": [path.name for path in options.geo],
            "found": found,
        }


def draw(measured, options, name):
    if options.what == "benchmarks":
        (options.output / f"{name}.svg").write_text(chart.bars(measured))
        return
    prefix = "" if name == "results" else f"{name}_"
    for curve in measured["found"]:
        (options.output / f"{prefix}{curve['name']}.svg").write_text(chart.lines(curve))


def main():
    options = arguments()
    for one in SIGNALS:
        signal.signal(one, signal.default_int_handler)
    started = time.monotonic()
    try:
        measured = measure(options)
    except (Failed, OSError, subprocess.SubprocessError) as error:
        say(f"nothing could be measured: {error}")
        sys.exit(NOTHING_MEASURED)
    except KeyboardInterrupt:
        say("interrupted: everything is stopped, nothing is written")
        sys.exit(INTERRUPTED)
    options.output.mkdir(parents=True, exist_ok=True)
    # A part of a run, or a tiny one, leaves the figures of a whole one alone.
    name = "part" if options.only or options.scale == "smoke" else "results"
    path = options.output / f"{name}.json"
    results.write(path, results.merged(path, measured, options.what))
    draw(measured, options, name)
    print("\n".join(table.lines(measured["found"])))
    say(f"\n{path} written after {(time.monotonic() - started) / 60:.1f} minutes")
    sys.exit(results.exit_code(measured["found"]))


if __name__ == "__main__":
    main()
