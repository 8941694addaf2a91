"""What all benchmarks share: the servers, the tools, the data, and the folder of everything temporary."""

import contextlib
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import tempfile

from harness.kafka import Kafka
from harness.postgres import Postgres
from harness.tools import Tools

# Page views for the load over HTTP: enough that none of the caches holds them all.
EVENTS = 20_000


def say(text):
    print(text, file=sys.stderr, flush=True)


class Bench:
    def __init__(self, scale, binary, tools_folder, geo_files):
        self.folder = pathlib.Path(__file__).resolve().parents[1]
        self.project = self.folder.parent
        self.scale = scale
        self.binary = binary
        self.geo_files = geo_files
        place = os.environ.get("TMPDIR") or self.folder / ".work"
        pathlib.Path(place).mkdir(parents=True, exist_ok=True)
        self.work = pathlib.Path(tempfile.mkdtemp(prefix=f"{scale.name}.", dir=place))
        self.tools = Tools(tools_folder, self.work, os.environ.get("WEBLOG"))
        self.events_file = self.work / "events.ndjson"
        self.kafka = self.postgres = None
        self.runs = 0
        # What earlier benchmarks found, by name, for those that build on it.
        self.found = {}

    def __enter__(self):
        allow_connections()
        try:
            say(f"starting Kafka and Postgres in {self.work}")
            self.kafka = Kafka(self.project, self.make("kafka"))
            self.postgres = Postgres(self.project, self.make("postgres"))
            self.event_size = self.tools.write_events(self.events_file, EVENTS, 4)["mean_bytes"]
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        # A second Ctrl-C would leave servers behind.
        for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(one, signal.SIG_IGN)
        for script in ("kafka.sh", "postgres.sh"):
            folder = self.work / script.removesuffix(".sh")
            if folder.exists():
                subprocess.run([self.project / "dev" / script, "remove", folder], check=False, start_new_session=True)
        shutil.rmtree(self.work, ignore_errors=True)

    def make(self, name):
        folder = self.work / name
        folder.mkdir()
        return folder

    @contextlib.contextmanager
    def backlog(self, events, **shape):
        """A topic that holds so many page views, for as long as it is in use."""
        topic = self.tools.fill(self.kafka, events, **shape)
        try:
            yield topic
        finally:
            self.kafka.delete_topics(topic)

    def new_work(self, name):
        """A new folder for one run, to be removed by the caller."""
        self.runs += 1
        plain = "".join(letter for letter in name if letter.isascii() and letter.isalnum())
        return self.make(f"run-{self.runs}-{plain}")


def allow_connections():
    """Lifts the soft limit of open files to the hard one, here and in all that is started from here."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
