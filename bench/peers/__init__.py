"""The alternatives, each with the best settings that were found for it; bench/peers/fetch.sh fetches them."""

import pathlib
import subprocess

HERE = pathlib.Path(__file__).resolve().parent


def fetch(name):
    """The folder of an alternative, which is fetched the first time."""
    found = subprocess.run([HERE / "fetch.sh", name], stdout=subprocess.PIPE, check=True, text=True)
    return pathlib.Path(found.stdout.strip())
