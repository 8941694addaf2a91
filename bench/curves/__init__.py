"""One file for each thing that grows. A curve is a benchmark whose contestants are its points."""

from curves import backfill, backlog, connections, partitions, snapshots


def all_of(scale, _peers):
    """All curves in the order of their runs."""
    return [
        partitions.curve(scale),
        backlog.curve(scale),
        backfill.curve(scale),
        connections.curve(scale),
        snapshots.curve(scale),
    ]
