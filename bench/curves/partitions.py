"""Throughput and cost of all three sinks against the partitions of the topic."""

from benchmarks import three_sinks
from harness.figures import PAGEBERG, Benchmark, Check, Contestant


def curve(scale):
    events = scale.partition_events
    points = [
        Contestant(str(count), PAGEBERG, three_sinks.over(events, partitions=count), 12 + events / 80_000)
        for count in scale.partitions
    ]
    first, last = points[0].name, points[-1].name
    return Benchmark(
        "curve_partitions",
        "Three sinks against partitions of the topic",
        points,
        [
            Check(last, "rows_per_second", first, at_least=0.8),
            Check(last, "cpu_s_per_million", first, at_most=1.25),
        ],
        rounds=scale.curve_rounds,
        axis=("partitions", ("rows_per_second", "cpu_s_per_million")),
    )
