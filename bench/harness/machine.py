"""What was measured on: the machine, the versions of everything, and how busy others kept it."""

import datetime
import hashlib
import os
import pathlib
import platform
import subprocess

from harness.processes import TICKS


def field(path, name):
    for line in pathlib.Path(path).read_text().splitlines():
        if line.startswith(name):
            return line.split(":", 1)[1].strip()
    return "unknown"


def first_line(*command):
    try:
        found = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    except OSError:
        return "missing"
    return (found.stdout.splitlines() or ["unknown"])[0].strip()


def describe():
    return {
        "cpu": field("/proc/cpuinfo", "model name"),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(int(field("/proc/meminfo", "MemTotal").split()[0]) / 2**20, 1),
        "kernel": platform.release(),
        "architecture": platform.machine(),
    }


def commit(project):
    return first_line("git", "-C", str(project), "describe", "--always", "--dirty")


def versions(binary, kafka, postgres):
    return {
        "pageberg": first_line(binary, "--version"),
        "binary": hashlib.sha256(binary.read_bytes()).hexdigest()[:12],
        "kafka": kafka,
        "postgres": postgres,
        "java": first_line("java", "-version"),
        "wrk": first_line("wrk", "-v").removesuffix("Copyright (C) 2012 Will Glozer").strip(),
        "rustc": first_line("rustc", "--version"),
        "python": platform.python_version(),
    }


def today():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")


def busy_seconds():
    """CPU time that all processes had since the start of the machine, and what the hypervisor took, in seconds."""
    fields = [int(value) for value in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return (sum(fields[:3]) + fields[5] + fields[6]) / TICKS, fields[7] / TICKS
