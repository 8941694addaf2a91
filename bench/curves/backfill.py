"""Cost of an Iceberg backlog against the days, which are partitions of the table, that its events are spread over."""

from harness.backlog import work_off
from harness.figures import PAGEBERG, Benchmark, Check, Contestant
from harness.pageberg import pipeline


def point(days):
    def run(bench, work):
        events = bench.scale.backfill_events
        with bench.backlog(events, days=days) as topic, pipeline(bench, work, topic, ["iceberg"]) as process:
            found = work_off(process, lambda: process.delivered(["iceberg"]), events, {"kafka": bench.kafka})
            process.expect_iceberg_rows(events)
        files = list(work.glob("data/**/*.parquet"))
        return found | {"data_files": len(files), "bytes_per_row": sum(file.stat().st_size for file in files) / events}

    return run


def curve(scale):
    points = [Contestant(str(days), PAGEBERG, point(days), 10 + scale.backfill_events / 80_000) for days in scale.days]
    first, last = points[0].name, points[-1].name
    return Benchmark(
        "curve_backfill",
        "Iceberg against days that a backlog covers",
        points,
        [
            Check(last, "rows_per_second_overall", first, at_least=0.5),
            Check(last, "cpu_s_per_million_overall", first, at_most=2),
            Check(last, "peak_memory_mib", first, at_most=1.25),
        ],
        rounds=scale.curve_rounds,
        axis=("days", ("rows_per_second_overall", "cpu_s_per_million_overall", "peak_memory_mib")),
    )
