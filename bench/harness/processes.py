"""Processes that a run starts: ended by their ids whatever happens, their CPU time and memory read from /proc."""

import atexit
import json
import os
import pathlib
import socket
import subprocess
import time

TICKS = os.sysconf("SC_CLK_TCK")
STOP_SECONDS = 60
RUNNING = []


class Failed(Exception):
    """A contestant did not do its work; the others go on."""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def until(what, holds, timeout_seconds, alive=None, pause_seconds=0.05):
    """Waits until `holds()` is true and returns it; `alive` is a process without which waiting is useless."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        if value := holds():
            return value
        if alive and not alive.is_alive():
            raise Failed(f"{alive.name} ended before: {what}; its log ends with\n{alive.last_lines()}")
        if time.monotonic() > deadline:
            raise Failed(f"not within {timeout_seconds:.0f} s: {what}")
        time.sleep(pause_seconds)


def descendants(pid):
    """The process and all below it."""
    children = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = [pid]
    for one in found:
        found.extend(children.get(one, []))
    return found


def tree_cpu_seconds(pid):
    """CPU time of a process and all below it, in seconds."""
    return sum(cpu_seconds(one) for one in descendants(pid))


def cpu_seconds(pid):
    """CPU time of a process and all that it ever started and waited for, in seconds; 0 when it has ended."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return sum(int(field) for field in fields[11:15]) / TICKS


def tree_peak_memory_mib(pid):
    """The sum of the peaks (VmHWM) of a process and all below it: what they share counts more than once."""
    kib = 0
    for one in descendants(pid):
        try:
            status = pathlib.Path(f"/proc/{one}/status").read_text()
        except OSError:
            continue
        kib += sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    return kib / 1024


class Process:
    """A program in a session of its own, so that the terminal's Ctrl-C does not reach it."""

    # CPU time of what was killed together with the process that would have waited for it.
    unwaited_cpu_seconds = 0

    def __init__(self, name, command, folder, environment=None):
        self.name = name
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / f"{name}.log"
        inherited = {
            key: os.environ[key] for key in ("PATH", "HOME", "LANG", "JAVA_HOME", "TMPDIR") if key in os.environ
        }
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(
                [str(part) for part in command],
                cwd=folder,
                env=inherited | {key: str(value) for key, value in (environment or {}).items()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        RUNNING.append(self)

    @property
    def pid(self):
        return self.child.pid

    def is_alive(self):
        return self.child.poll() is None

    def cpu_seconds(self):
        return tree_cpu_seconds(self.pid)

    def peak_memory_mib(self):
        return tree_peak_memory_mib(self.pid)

    def last_lines(self, count=8):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])

    def stop(self):
        """SIGTERM, and SIGKILL to it and all below it when that does not help."""
        if self in RUNNING:
            RUNNING.remove(self)
        if not self.is_alive():
            return
        self.child.terminate()
        try:
            self.child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self):
        tree = descendants(self.pid)
        Process.unwaited_cpu_seconds += sum(cpu_seconds(pid) for pid in tree[1:])
        for pid in reversed(tree):
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                pass
        self.child.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def stop_all():
    for process in list(reversed(RUNNING)):
        process.kill() if process.is_alive() else RUNNING.remove(process)


atexit.register(stop_all)


class Finished:
    """What a program that has ended printed last, as JSON, and what it cost."""

    def __init__(self, found, cpu_seconds):
        self.found = found
        self.cpu_seconds = cpu_seconds


def run(name, command, folder, environment=None, timeout_seconds=900):
    """Runs a program to its end."""
    process = Process(name, command, folder, environment)
    try:
        return finish(process, timeout_seconds)
    finally:
        process.stop()


def finish(process, timeout_seconds):
    """Waits for the end of a program, which tells its CPU time."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        if time.monotonic() > deadline:
            raise Failed(f"{process.name} has not ended within {timeout_seconds:.0f} s")
        time.sleep(0.02)
    process.child.returncode = os.waitstatus_to_exitcode(status)
    if process.child.returncode != 0:
        raise Failed(f"{process.name} ended with {process.child.returncode}:\n{process.last_lines()}")
    lines = [line for line in process.log.read_text(errors="replace").splitlines() if line.startswith("{")]
    return Finished(json.loads(lines[-1]) if lines else None, usage.ru_utime + usage.ru_stime)


def printed(script, *arguments):
    """What a script prints; a Ctrl-C does not reach it, nor what it starts."""
    command = [str(script), *map(str, arguments)]
    return subprocess.run(
        command, stdout=subprocess.PIPE, check=True, text=True, start_new_session=True
    ).stdout.strip()


def answers_tcp(address):
    host, port = address.rsplit(":", 1)
    try:
        with socket.create_connection((host, int(port)), 1):
            return True
    except OSError:
        return False
