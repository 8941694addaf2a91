"""Memory against how far the three sinks are behind."""

from benchmarks import three_sinks
from harness.figures import PAGEBERG, Benchmark, Check, Contestant


def curve(scale):
    points = [
        Contestant(str(events), PAGEBERG, three_sinks.over(events), 10 + events / 80_000) for events in scale.backlogs
    ]
    # Below a million the buffers are not all in use yet: from there on it must be flat.
    first = points[-2].name
    return Benchmark(
        "curve_backlog",
        "Three sinks against events behind",
        points,
        [Check(points[-1].name, "peak_memory_mib", first, at_most=1.25)],
        rounds=1,
        axis=("events behind", ("peak_memory_mib",)),
    )
