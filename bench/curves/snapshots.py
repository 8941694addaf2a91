"""Time between two commits, made one after the other as fast as it goes, against the snapshots that the table has.

One run makes all the points: each is the median over a tenth of the snapshots, as their own times tell.
"""

import statistics

from harness.figures import PAGEBERG, Benchmark, Check, Contestant
from harness.pageberg import pipeline
from harness.processes import Failed, until

POINTS = 10
EVENTS_A_COMMIT = 100
SETTINGS = {
    "PAGEBERG_ICEBERG__COMMIT_EVENTS": EVENTS_A_COMMIT,
    "PAGEBERG_ICEBERG__MAINTENANCE__ENABLED": "false",
}
# Of a commit, at most, when it is made after so many others.
COMMIT_SECONDS = 0.5


class Points:
    """The points that one run has found, handed out one by one."""

    def __init__(self):
        self.found = []

    def run(self, number):
        def one(bench, work):
            if number == 0:
                self.found = measure(bench, work)
            if not self.found:
                raise Failed("the run that makes all points has failed")
            return self.found[number]

        return one


def measure(bench, work):
    wanted = bench.scale.snapshots
    events, patience = wanted * EVENTS_A_COMMIT, 60 + wanted * COMMIT_SECONDS
    with (
        bench.backlog(events, days=1, partitions=1) as topic,
        pipeline(bench, work, topic, ["iceberg"], **SETTINGS) as process,
    ):
        until("all is committed", lambda: process.delivered(["iceberg"]) == events, patience, process, 0.5)
        process.expect_iceberg_rows(events)
        snapshots = process.table_metadata()["snapshots"]
    times = sorted(snapshot["timestamp-ms"] for snapshot in snapshots)
    gaps = [after - before for before, after in zip(times, times[1:])]
    size = max(1, len(gaps) // POINTS)
    parts = [gaps[number * size : (number + 1) * size] for number in range(POINTS)]
    return [
        {"snapshots": (number + 1) * size, "commit_ms": statistics.median(part)} if part else {}
        for number, part in enumerate(parts)
    ]


def curve(scale):
    points = Points()
    names = [f"{(number + 1) * 10} %" for number in range(POINTS)]
    seconds = [scale.snapshots / 10] + [0] * (POINTS - 1)
    contestants = [Contestant(name, PAGEBERG, points.run(number), seconds[number]) for number, name in enumerate(names)]
    return Benchmark(
        "curve_snapshots",
        f"Time of a commit against snapshots of the table (100 %: {scale.snapshots:,})",
        contestants,
        # No worse than linear: twice as many snapshots, at most twice the time.
        [Check(names[-1], "commit_ms", names[POINTS // 2 - 1], at_most=2)],
        rounds=1,
        axis=("snapshots", ("commit_ms",)),
    )
