"""The table of a run: for each benchmark its contestants, then what was asked of it."""

UNITS = {
    "rows_per_second": "rows/s",
    "rows_per_second_overall": "rows/s overall",
    "events_per_second": "events/s",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
    "cpu_s_per_million": "CPU-s per million",
    "cpu_s_per_million_overall": "CPU-s per million overall",
    "commit_ms": "ms a commit",
    "peak_memory_mib": "MiB at most",
    "postgres_p99_s": "Postgres p99 s",
    "iceberg_p99_s": "Iceberg p99 s",
}


def lines(benchmarks):
    for benchmark in benchmarks:
        yield f"\n{benchmark['title']}  (others used {benchmark['others_percent']} % of the machine at most)"
        rows = [[benchmark.get("axis", ""), *(UNITS[name] for name in shown(benchmark)), "servers' CPU-s per million"]]
        rows += [contestant(one, shown(benchmark)) for one in benchmark["contestants"]]
        yield from aligned(rows)
    yield "\nTargets"
    header = ["work", "figure", "pageberg", "alternative", "", "ratio", "target", "verdict"]
    yield from aligned([header] + [verdict(one, row) for one in benchmarks for row in one["verdicts"]])


def shown(benchmark):
    """What has a column: of figures overall only what is drawn or asked for."""
    wanted = {row["figure"] for row in benchmark["verdicts"]} | set(benchmark.get("drawn", ()))
    names = [name for name in UNITS if not name.endswith("_overall") or name in wanted]
    return [name for name in names if any(name in one["figures"] for one in benchmark["contestants"])]


def contestant(one, names):
    if one["failure"] and not one["figures"]:
        return [one["name"], f"FAILED: {one['failure'].splitlines()[0]}"]
    figures = one["figures"]
    costs = [(name, spread["median"]) for name, spread in figures.items() if name.startswith("cpu_s_per_million.")]
    servers = [f"{name.rpartition('.')[2]} {median:.2f}" for name, median in costs]
    failed = ["FAILED later"] if one["failure"] else []
    return [one["name"], *(number(figures.get(name)) for name in names), ", ".join(servers + failed)]


def number(spread):
    if not spread:
        return "–"
    return f"{figure(spread['median'])} ({figure(spread['min'])}–{figure(spread['max'])})"


def figure(value):
    return "–" if value is None else f"{value:,.0f}" if value >= 1_000 else f"{value:.3g}"


def verdict(benchmark, row):
    target = f"≥ {row['at_least']:,g}" if row["at_least"] is not None else f"≤ {row['at_most']:,g}"
    ratio = (
        f"{row['ratio']['median']:.2f} ({row['ratio']['min']:.2f}–{row['ratio']['max']:.2f})"
        if row.get("ratio")
        else "–"
    )
    times = "×" if row["against"] else ""
    name = row["contestant"] if row["contestant"] != "pageberg" else ""
    work = f"{benchmark['title']}{': ' + name if name else ''}"
    found = [figure(row.get("value")), figure(row.get("other")), row["against"]]
    return [work, UNITS.get(row["figure"], row["figure"]), *found, ratio, target + times, row["verdict"]]


def aligned(rows):
    columns = max(len(row) for row in rows)
    widths = [max((len(row[i]) for row in rows if len(row) > i), default=0) for i in range(columns)]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
