"""Throughput and cost of all three sinks against the partitions of the topic."""

from benchmarks.three_sinks import deliver
from harness.figures import PAGEBERG, Benchmark, Check, Contestant


def point(partitions):
    def run(bench, work):
        events = bench.scale.partition_events
        topic = bench.tools.fill(bench.kafka, events, partitions=partitions)
        try:
            return deliver(bench, work, topic, events)
        finally:
            bench.kafka.delete_topics(topic)

    return run


def curve(scale):
    points = [Contestant(str(partitions), PAGEBERG, point(partitions), 25) for partitions in scale.partitions]
    first, last = points[0].name, points[-1].name
    return Benchmark(
        "curve_partitions",
        "Three sinks against partitions of the topic",
        points,
        [
            Check(last, "rows_per_second", first, at_least=0.8),
            Check(last, "cpu_s_per_million", first, at_most=1.25),
        ],
        rounds=min(2, scale.rounds),
        axis=("partitions", ("rows_per_second", "cpu_s_per_million")),
    )
