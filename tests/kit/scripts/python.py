"""Runs Python for tests, each time in a process of its own, forked from one that has loaded DuckDB and PyIceberg already,
which takes longer than most of what the tests do with them. Ends when standard input does.

usage: python.py

Prints its address. A client sends a line with the interpreter's arguments as a JSON list: `-c` and a program, or a file, and
what follows. It gets a JSON object back: succeeded, stdout, stderr.
"""

import json
import os
import runpy
import select
import socketserver
import sys
import tempfile
import traceback

# A process with threads is not forked lightly.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import duckdb  # noqa: F401
import duckdb_extensions  # noqa: F401
import pyiceberg.catalog.rest  # noqa: F401
import pyiceberg.catalog.sql  # noqa: F401
import pyiceberg.io.pyarrow  # noqa: F401


class Run(socketserver.StreamRequestHandler):
    """One run, in the forked process."""

    def handle(self):
        arguments = json.loads(self.rfile.readline())
        with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
            os.dup2(stdout.fileno(), 1)
            os.dup2(stderr.fileno(), 2)
            succeeded = succeeds(arguments)
            sys.stdout.flush()
            sys.stderr.flush()
            said = {"succeeded": succeeded, "stdout": content(stdout), "stderr": content(stderr)}
        self.wfile.write(json.dumps(said).encode())


def succeeds(arguments):
    try:
        if arguments[0] == "-c":
            sys.argv = ["-c", *arguments[2:]]
            exec(compile(arguments[1], "<string>", "exec"), {"__name__": "__main__"})
        else:
            sys.argv = arguments
            runpy.run_path(arguments[0], run_name="__main__")
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return not end.code
    except BaseException:
        traceback.print_exc()
        return False
    return True


def content(file):
    file.seek(0)
    return file.read().decode(errors="replace")


class Server(socketserver.ForkingTCPServer):
    request_queue_size = 64

    def service_actions(self):
        super().service_actions()
        if select.select([sys.stdin], [], [], 0)[0] and not sys.stdin.read(1):
            sys.exit()


if __name__ == "__main__":
    server = Server(("127.0.0.1", 0), Run)
    host, port = server.server_address
    print(f"{host}:{port}", flush=True)
    server.serve_forever(poll_interval=0.2)
