"""How much is measured: `smoke` shows that everything runs, `quick` gives an idea, `full` gives figures to rely on."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    name: str
    # Runs of each contestant.
    rounds: int
    # Events of a backlog for Iceberg alone, and for anything with Postgres.
    iceberg_events: int
    postgres_events: int
    # Seconds of load over HTTP, before and while it is measured.
    warm_seconds: int
    http_seconds: int
    # Runs and seconds of the freshness measurement.
    freshness_rounds: int
    freshness_seconds: int
    iceberg_commit_ms: int
    # Curves: the points.
    partitions: tuple
    partition_events: int
    backlogs: tuple
    snapshots: int
    connections: tuple
    connection_seconds: int
    days: tuple
    backfill_events: int


SMOKE = Scale("smoke", 1, 20_000, 20_000, 1, 1, 1, 6, 1_000, (1, 4), 20_000, (5_000, 20_000), 60, (64, 256), 3, (1, 20), 20_000)
QUICK = Scale(
    "quick", 3, 1_000_000, 600_000, 1, 3, 1, 30, 10_000,
    (1, 4, 16, 64), 300_000, (10_000, 100_000, 1_000_000), 500, (64, 256, 1_000, 4_000, 10_000), 6, (1, 40, 400), 400_000,
)
FULL = Scale(
    "full", 5, 8_000_000, 2_000_000, 4, 10, 3, 60, 10_000,
    (1, 4, 16, 64), 2_000_000, (10_000, 100_000, 1_000_000, 10_000_000), 2_000, (64, 256, 1_000, 4_000, 10_000), 15, (1, 40, 400), 4_000_000,
)
SCALES = {scale.name: scale for scale in (SMOKE, QUICK, FULL)}
