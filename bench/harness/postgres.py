"""A real Postgres, started by dev/postgres.sh: a database for each run."""

import psycopg

from harness.processes import Failed, printed, tree_cpu_seconds

# Settings of the server that the runs need, besides its defaults.
SETTINGS = {
    # Tells when each row became visible.
    "track_commit_timestamp": "on",
    # Or else checkpoints come by the volume of a backlog and not by time.
    "max_wal_size": "8GB",
}
INSERTED = "SELECT n_tup_ins FROM pg_stat_user_tables WHERE relname = 'processed_events'"
NEARLY = 0.9


class Postgres:
    def __init__(self, project, folder):
        self.script = project / "dev/postgres.sh"
        self.folder = folder
        self.url = self.call("start", folder, "0")
        for name, value in SETTINGS.items():
            self.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        self.call("stop", folder)
        self.url = self.call("start", folder, "0")
        self.pid = int((folder / "server/postmaster.pid").read_text().splitlines()[0])
        self.count = 0

    def call(self, verb, *arguments):
        return printed(self.script, verb, *arguments)

    def remove(self):
        self.call("remove", self.folder)

    def execute(self, statement, url=None):
        with psycopg.connect(url or self.url, autocommit=True) as connection:
            connection.execute(statement)

    def select(self, query, url):
        with psycopg.connect(url, autocommit=True) as connection:
            return connection.execute(query).fetchone()

    def version(self):
        return self.select("SHOW server_version", self.url)[0]

    def cpu_seconds(self):
        return tree_cpu_seconds(self.pid)

    def create_database(self):
        """A new, empty database; returns its URL."""
        self.count += 1
        name = f"bench_{self.count}"
        self.execute(f"CREATE DATABASE {name}")
        self.execute("CHECKPOINT")
        return f"{self.url.rsplit('/', 1)[0]}/{name}"

    def drop_database(self, url):
        self.execute(f"DROP DATABASE IF EXISTS {url.rsplit('/', 1)[1]} WITH (FORCE)")

    def rows(self, url):
        return self.select("SELECT count(*) FROM processed_events", url)[0]

    def visible_rows(self, url, events):
        """As the server's statistics know them, a second late, for a count at each look would take time from what is
        measured. Counted when nearly all are there: the last ones are told only after ten seconds of silence."""
        known = self.select(INSERTED, url)[0] or 0
        return known if known < NEARLY * events else self.rows(url)

    def expect_rows(self, url, events):
        if (found := self.rows(url)) != events:
            raise Failed(f"lost or repeated rows: Postgres holds {found} of {events}")
