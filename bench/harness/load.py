"""Load over HTTP: wrk, which asks again as soon as it is answered, and open_loop, which asks at a fixed rate."""

from dataclasses import dataclass

from harness.processes import Failed, run


@dataclass
class Load:
    """What a load found. Times in milliseconds."""

    requests: int
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_seconds: float


def wrk(bench, url, connections, seconds, events_a_request):
    """Closed loop on one thread."""
    script = "one.lua" if events_a_request == 1 else "lines.lua"
    command = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds}s",
        "--timeout",
        "20s",
        "-s",
        bench.folder / "lua" / script,
        url,
    ]
    environment = {"EVENTS": bench.events_file, "EVENTS_A_REQUEST": events_a_request}
    finished = run("wrk", command, bench.work / "load", environment, seconds + 60)
    found = finished.found
    if found["errors"]:
        raise Failed(f"{found['errors']} requests of {found['requests']} failed")
    rate = found["requests"] / found["seconds"]
    return Load(found["requests"], rate, found["p50_ms"], found["p99_ms"], finished.cpu_seconds)


def open_loop(bench, address, path, events_a_second, connections, seconds, events_a_request=1, events_file=None):
    """Latencies count from when a request was due."""
    arguments = [
        address,
        path,
        events_a_second,
        connections,
        seconds,
        events_a_request,
        events_file or bench.events_file,
    ]
    finished = run("open_loop", [bench.tools.path("open_loop"), *arguments], bench.work / "load", None, seconds + 120)
    found = finished.found
    if found["refused"]:
        raise Failed(f"{found['refused']} requests of {found['requests']} were refused")
    rate = found["requests"] / found["seconds"]
    return Load(found["requests"], rate, found["p50_ms"], found["p99_ms"], finished.cpu_seconds)
