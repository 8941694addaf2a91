"""Runs contestants in turns (A B C A B C …), so that what is compared was measured in the same minutes."""

import os
import shutil
import time
import traceback

from harness.bench import say
from harness.machine import busy_seconds
from harness.processes import Failed, Process

SHOWN = (
    "rows_per_second",
    "events_per_second",
    "p99_ms",
    "cpu_s_per_million",
    "peak_memory_mib",
    "postgres_p99_s",
    "iceberg_p99_s",
    "commit_ms",
)


def run(bench, benchmark):
    """Fills in the runs of each contestant; returns how much of the machine others used meanwhile, in percent."""
    rounds = benchmark.rounds or bench.scale.rounds
    say(f"\n{benchmark.title}: {rounds} × {', '.join(one.name for one in benchmark.contestants)}")
    others = []
    try:
        benchmark.set_up(bench)
        for number in range(1, rounds + 1):
            for contestant in benchmark.contestants:
                if not contestant.failure:
                    others.append(run_one(bench, contestant, f"{number}/{rounds}"))
    except Exception as error:
        for contestant in benchmark.contestants:
            contestant.failure = contestant.failure or f"not set up: {told(error)}"
        say(f"  failed: {told(error)}")
    finally:
        benchmark.tear_down(bench)
    return max(others, default=0)


def run_one(bench, contestant, turn):
    work = bench.new_work(contestant.name)
    started, busy = time.monotonic(), busy_seconds()
    own = own_cpu_seconds(bench)
    try:
        figures = contestant.run(bench, work)
        contestant.runs.append(figures)
        say(f"  {turn} {contestant.name}: {summary(figures)}  [{time.monotonic() - started:.0f} s]")
    except Exception as error:
        contestant.failure = told(error)
        say(f"  {turn} {contestant.name} FAILED: {contestant.failure}")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return percent_of_others(bench, started, busy, own)


def told(error):
    """What is expected to happen is told in words, all else with where it happened: the other contestants go on."""
    return str(error) if isinstance(error, Failed) else "".join(traceback.format_exception(error)).strip()


def own_cpu_seconds(bench):
    """Everything that this run has started: what it waits for is in the times of its children."""
    times = os.times()
    waited = times.user + times.system + times.children_user + times.children_system
    return waited + Process.unwaited_cpu_seconds + bench.kafka.cpu_seconds() + bench.postgres.cpu_seconds()


def percent_of_others(bench, started, busy, own):
    now, stolen = busy_seconds()
    foreign = (now - busy[0]) - (own_cpu_seconds(bench) - own) + (stolen - busy[1])
    return round(100 * max(0, foreign) / ((time.monotonic() - started) * len(os.sched_getaffinity(0))))


def summary(figures):
    return ", ".join(f"{name} {short(figures[name])}" for name in SHOWN if name in figures)


def short(value):
    return f"{value:,.4g}" if value < 1_000 else f"{value:,.0f}"
