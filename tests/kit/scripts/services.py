"""Runs a service for all the tests that use it, and ends it when no test has used it for a while.

usage: services.py run NAME    runs the service; prints one line of JSON for its users once it answers
       services.py stop        ends all services

A service has a folder in .cache/services (PAGEBERG_CACHE). Its locks say who is there:
  users   held, shared, by each process that uses the service, until that process ends
  start   held by the process that starts the service, and by the service while it ends
  alive   held by the service as long as it runs
"""

import fcntl
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

PROJECT = pathlib.Path(__file__).resolve().parents[3]
CACHE = pathlib.Path(os.environ.get("PAGEBERG_CACHE") or PROJECT / ".cache")
SERVICES = CACHE / "services"
SCRIPTS = pathlib.Path(__file__).parent
IDLE_SECONDS = 60
STOP_SECONDS = 60
# Below the ephemeral range, as in tests/kit/src/ports.rs.
PORTS = range(20_000, 32_000)


class Lock:
    def __init__(self, path):
        self.file = open(path, "a")

    def take(self):
        """Whether it could be taken at once."""
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def give_back(self):
        fcntl.flock(self.file, fcntl.LOCK_UN)


class Port:
    """A free port, reserved until this process ends."""

    def __init__(self):
        folder = pathlib.Path(tempfile.gettempdir()) / "pageberg-ports"
        folder.mkdir(exist_ok=True)
        while True:
            self.number = random.choice(PORTS)
            self.lock = Lock(folder / str(self.number))
            if self.lock.take() and self.is_free():
                return

    def is_free(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.number)) != 0


def script(name, *arguments):
    """Runs a script of dev/; returns what it prints."""
    command = [PROJECT / "dev" / name, *map(str, arguments)]
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True, text=True).stdout.strip()


class Program:
    """A server that runs until its standard input ends, and prints its URL or address once it answers."""

    def __init__(self, *command):
        command = [str(part) for part in command]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()
        if not self.url:
            sys.exit(f"{command} did not start")

    def stop(self):
        self.process.stdin.close()
        self.process.wait(STOP_SECONDS)


class Kafka:
    def __init__(self, folder):
        self.data = folder / "data"
        script("kafka.sh", "remove", self.data)
        self.ports = [Port() for _ in range(4)]
        address = script("kafka.sh", "start", self.data, ",".join(str(port.number) for port in self.ports), "--tls")
        self.facts = {
            "address": address,
            "sasl_address": (self.data / "sasl-ssl").read_text().strip(),
            "mutual_tls_address": (self.data / "mutual-tls").read_text().strip(),
            "tls": str(self.data / "tls"),
        }

    def stop(self):
        script("kafka.sh", "remove", self.data)


class Postgres:
    def __init__(self, folder):
        self.data = folder / "data"
        script("postgres.sh", "remove", self.data)
        self.port = Port()
        self.facts = {"url": script("postgres.sh", "start", self.data, self.port.number)}

    def stop(self):
        script("postgres.sh", "remove", self.data)


class S3:
    def __init__(self, _):
        self.program = Program(sys.executable, SCRIPTS / "s3.py")
        self.facts = {"url": self.program.url}

    def stop(self):
        self.program.stop()


class Azure:
    def __init__(self, _):
        self.program = Program("node", SCRIPTS / "azurite.mjs", script("azurite.sh"))
        self.facts = {"url": self.program.url}

    def stop(self):
        self.program.stop()


class Python:
    def __init__(self, _):
        self.program = Program(sys.executable, SCRIPTS / "python.py")
        self.facts = {"address": self.program.url}

    def stop(self):
        self.program.stop()


class Nessie:
    def __init__(self, _):
        self.port = Port()
        self.s3 = Program(sys.executable, SCRIPTS / "s3.py", "lake")
        run = [PROJECT / "dev/nessie.sh", "run", self.port.number, self.s3.url, "s3://lake/nessie"]
        self.program = Program(*run)
        self.facts = {"url": self.program.url, "s3": self.s3.url}

    def stop(self):
        self.program.stop()
        self.s3.stop()


KINDS = {"azure": Azure, "kafka": Kafka, "nessie": Nessie, "postgres": Postgres, "python": Python, "s3": S3}


def serve(name):
    folder = SERVICES / name
    alive, start, users = (Lock(folder / lock) for lock in ("alive", "start", "users"))
    if not alive.take():
        sys.exit(f"{name} runs already")
    (folder / "pid").write_text(str(os.getpid()))
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit())
    service = KINDS[name](folder)
    try:
        facts = json.dumps(service.facts)
        (folder / "facts.json").write_text(facts)
        print(facts, flush=True)
        # The process that reads the line waits for no more.
        os.close(sys.stdout.fileno())
        wait_until_idle(start, users)
    finally:
        service.stop()


def wait_until_idle(start, users):
    """Returns with both locks held: who comes then waits for the end of the service, and starts it anew."""
    last_used = time.monotonic()
    while True:
        time.sleep(1)
        if start.take():
            if users.take():
                if time.monotonic() - last_used > IDLE_SECONDS:
                    return
                users.give_back()
            else:
                last_used = time.monotonic()
            start.give_back()


def stop():
    running = [folder for folder in SERVICES.glob("*") if not Lock(folder / "alive").take()]
    for folder in running:
        os.kill(int((folder / "pid").read_text()), signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    for folder in running:
        while not Lock(folder / "alive").take():
            if time.monotonic() > deadline:
                sys.exit(f"services.py: {folder.name} has not ended within {STOP_SECONDS} s")
            time.sleep(0.05)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["run", name] if name in KINDS:
            serve(name)
        case ["stop"]:
            stop()
        case _:
            sys.exit(__doc__)
