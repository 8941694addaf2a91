"""How much is measured: `smoke` shows that everything runs, `quick` gives an idea, `full` gives figures to rely on."""

from dataclasses import dataclass, replace


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
    # Curves: runs of each point, the points, and what is done at each.
    curve_rounds: int
    partitions: tuple
    partition_events: int
    backlogs: tuple
    snapshots: int
    connections: tuple
    connection_seconds: int
    days: tuple
    backfill_events: int


QUICK = Scale(
    name="quick",
    rounds=3,
    iceberg_events=1_000_000,
    postgres_events=600_000,
    warm_seconds=1,
    http_seconds=3,
    freshness_rounds=1,
    freshness_seconds=30,
    iceberg_commit_ms=10_000,
    curve_rounds=2,
    partitions=(1, 4, 16, 64),
    partition_events=300_000,
    backlogs=(10_000, 100_000, 1_000_000),
    snapshots=500,
    connections=(64, 256, 1_000, 4_000, 10_000),
    connection_seconds=6,
    days=(1, 40, 400),
    backfill_events=400_000,
)
SMOKE = replace(
    QUICK,
    name="smoke",
    rounds=1,
    iceberg_events=20_000,
    postgres_events=20_000,
    http_seconds=1,
    freshness_seconds=6,
    iceberg_commit_ms=1_000,
    curve_rounds=1,
    partitions=(1, 4),
    partition_events=20_000,
    backlogs=(5_000, 20_000),
    snapshots=60,
    connections=(64, 256),
    connection_seconds=3,
    days=(1, 20),
    backfill_events=20_000,
)
FULL = replace(
    QUICK,
    name="full",
    rounds=5,
    # Half a minute of Kafka Connect, which commits every 10 s: of fewer commits nothing steady could be told.
    iceberg_events=8_000_000,
    postgres_events=2_000_000,
    warm_seconds=2,
    http_seconds=10,
    freshness_rounds=5,
    partition_events=2_000_000,
    backlogs=(10_000, 100_000, 1_000_000, 10_000_000),
    snapshots=2_000,
    connection_seconds=15,
    backfill_events=4_000_000,
)
SCALES = {scale.name: scale for scale in (SMOKE, QUICK, FULL)}
