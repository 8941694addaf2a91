"""Memory against how far the three sinks are behind."""

from benchmarks.three_sinks import deliver
from harness.figures import PAGEBERG, Benchmark, Check, Contestant


def point(events):
    def run(bench, work):
        topic = bench.tools.fill(bench.kafka, events)
        try:
            return deliver(bench, work, topic, events)
        finally:
            bench.kafka.delete_topics(topic)

    return run


def curve(scale):
    points = [Contestant(str(events), PAGEBERG, point(events), 10 + events / 40_000) for events in scale.backlogs]
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
