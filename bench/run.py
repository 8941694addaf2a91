"""Measures pageberg from outside and judges what was found. See bench/README.md.

usage: run.py benchmarks|curves [--scale smoke|quick|full] [--peers] [--only NAME[,NAME]] [--resume] [--rounds N]
              [--binary FILE] [--tools FOLDER] [--geo FILE]… [--output FOLDER]

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
    parser.add_argument("--resume", action="store_true", help="go on with an unfinished run under the same conditions")
    parser.add_argument("--binary", type=pathlib.Path, default=HERE.parent / "target/release/pageberg")
    parser.add_argument("--tools", type=pathlib.Path, default=HERE.parent / "target/limits")
    parser.add_argument("--geo", type=pathlib.Path, action="append", default=[])
    parser.add_argument("--output", type=pathlib.Path, default=HERE)
    return parser.parse_args()


def chosen(all_of, only):
    names = [name for name in only.split(",") if name]
    return [one for one in all_of if not names or any(one.name.startswith(name) for name in names)]


def estimate(bench, ones):
    minutes = sum(one.seconds(bench.scale) for one in ones) / 60
    say(f"{bench.scale.name} scale: about {minutes:.0f} minutes on two cores")


def measure(options):
    """What was found, this time or in the run that this one goes on with."""
    if options.what == "curves":
        import curves as parts
    else:
        import benchmarks as parts
    with Bench(SCALES[options.scale], options.binary.resolve(), options.tools.resolve(), options.geo) as bench:
        if options.rounds:
            bench.scale = dataclasses.replace(bench.scale, rounds=options.rounds)
        everything, measured = parts.all_of(bench.scale, options.peers), conditions(bench, options)
        unfinished = results.Unfinished(unfinished_path(options), measured)
        if options.resume:
            unfinished.resume()
        bench.found = dict(unfinished.found)
        wanted = [one for one in chosen(everything, options.only) if one.name not in bench.found]
        estimate(bench, wanted)
        for one in wanted:
            started = time.monotonic()
            others_percent = runner.run(bench, one)
            bench.found[one.name] = results.of_benchmark(one, others_percent, time.monotonic() - started)
            if options.resume or not options.only:
                unfinished.keep(bench.found[one.name])
        found = [bench.found[one.name] for one in everything if one.name in bench.found]
        when = {"date": machine.today(), "commit": machine.commit(bench.project)}
        return when | measured | {"is_whole": len(found) == len(everything), "found": found}


def conditions(bench, options):
    """What figures depend on besides pageberg, which is known by its binary."""
    return {
        "scale": bench.scale.name,
        "rounds": bench.scale.rounds,
        "peers": options.peers,
        "machine": machine.describe(),
        "versions": machine.versions(bench.binary, bench.kafka.version(), bench.postgres.version()),
        "event_bytes": bench.event_size,
        "geo": [path.name for path in options.geo],
    }


def unfinished_path(options):
    return options.output / f"unfinished_{options.what}_{options.scale}.json"


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
    options.output.mkdir(parents=True, exist_ok=True)
    try:
        measured = measure(options)
    except (Failed, OSError, subprocess.SubprocessError) as error:
        say(f"nothing could be measured: {error}")
        sys.exit(NOTHING_MEASURED)
    except KeyboardInterrupt:
        say("interrupted: everything is stopped; --resume goes on after what has been finished")
        sys.exit(INTERRUPTED)
    # A part of a run, or a tiny one, leaves the figures of a whole one alone.
    name = "results" if measured["is_whole"] and options.scale != "smoke" else "part"
    path = options.output / f"{name}.json"
    results.write(path, results.merged(path, measured, options.what))
    draw(measured, options, name)
    print("\n".join(table.lines(measured["found"])))
    say(f"\n{path} written after {(time.monotonic() - started) / 60:.1f} minutes")
    code = results.exit_code(measured["found"])
    if measured["is_whole"] and code != results.SOMETHING_FAILED:
        unfinished_path(options).unlink(missing_ok=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
