"""How fast a backlog is worked off: rows and CPU time are looked at four times a second until all rows are visible."""

import time

from harness.processes import Failed

LOOKS_A_SECOND = 4
# Without another row for so long, a contestant has failed.
STALL_SECONDS = 60


def work_off(process, visible, events, servers):
    """Figures of one run. `visible()` is the number of rows that readers see; `servers` work along, by name."""
    started, before = time.monotonic(), costs(process, servers)
    looks, moved = [(0.0, 0, before)], 0.0
    while looks[-1][1] < events:
        time.sleep(1 / LOOKS_A_SECOND)
        if not process.is_alive():
            raise Failed(f"{process.name} ended after {looks[-1][1]} rows:\n{process.last_lines()}")
        rows = visible()
        looks.append((time.monotonic() - started, rows, costs(process, servers)))
        moved = moved if rows == looks[-2][1] else looks[-1][0]
        if looks[-1][0] > moved + STALL_SECONDS:
            raise Failed(f"{rows} of {events} rows, and no more for {STALL_SECONDS} s:\n{process.last_lines()}")
    return figures(looks, events) | {"peak_memory_mib": process.peak_memory_mib()}


def costs(process, servers):
    return {"": process.cpu_seconds()} | {f".{name}": server.cpu_seconds() for name, server in servers.items()}


def figures(looks, events):
    """Steady figures are from the first rows seen to the last step but one: without start, warm-up and the wait for a
    timer at the end. With fewer than three steps they are those of the whole."""
    seconds, _, after = looks[-1]
    steps = [look for before, look in zip(looks, looks[1:]) if look[1] > before[1]]
    first, last = (steps[0], steps[-2]) if len(steps) >= 3 else (looks[0], looks[-1])
    rows = last[1] - first[1]
    found = {"rows_per_second": rows / (last[0] - first[0]), "rows_per_second_overall": events / seconds}
    for name in after:
        found[f"cpu_s_per_million{name}"] = (last[2][name] - first[2][name]) / rows * 1e6
        found[f"cpu_s_per_million_overall{name}"] = (after[name] - looks[0][2][name]) / events * 1e6
    return found
