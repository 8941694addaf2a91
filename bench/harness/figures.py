"""What is measured and judged: runs give figures, figures of several runs give a ratio, a ratio gives a verdict."""

import statistics
from dataclasses import dataclass, field

REACHED, MISSED, NOT_RUN, FAILED = "reached", "missed", "not run", "failed"
PAGEBERG, ALTERNATIVE, LIMIT = "pageberg", "alternative", "limit"


@dataclass
class Contestant:
    """One that does a benchmark's work. `run(bench, work)` returns a dictionary of figures."""

    name: str
    role: str
    run: callable
    # What one run takes on two cores, in seconds, to tell beforehand when all will be done.
    seconds: float = 0
    runs: list = field(default_factory=list)
    failure: str = ""

    def figures(self):
        """Min, median and max of each figure over the runs."""
        names = dict.fromkeys(name for run in self.runs for name in run)
        return {name: spread([run[name] for run in self.runs if name in run]) for name in names}


@dataclass
class Check:
    """A target. `ratio` is that of the first contestant's figure to that of `against`; without it the figure itself."""

    contestant: str
    figure: str
    against: str = ""
    at_least: float = None
    at_most: float = None


@dataclass
class Benchmark:
    name: str
    title: str
    contestants: list
    checks: list
    # Called before the first run and after the last one.
    set_up: callable = lambda _bench: None
    tear_down: callable = lambda _bench: None
    rounds: int = None
    # Of a curve: what its contestants' names are, and the figures that are drawn against it.
    axis: tuple = ()

    def seconds(self, scale):
        """What all its runs take."""
        return sum(one.seconds for one in self.contestants) * (self.rounds or scale.rounds)

    def contestant(self, name):
        return next((one for one in self.contestants if one.name == name), None)


def spread(values):
    return {
        "min": rounded(min(values)),
        "median": rounded(statistics.median(values)),
        "max": rounded(max(values)),
        "runs": [rounded(value) for value in values],
    }


def rounded(value):
    """Four digits that mean something."""
    return float(f"{value:.4g}") if abs(value) < 1_000 else round(value)


def ratios(one, other, figure):
    """Round by round, so that each ratio is of the same minutes."""
    pairs = zip(one.runs, other.runs)
    return [a[figure] / b[figure] for a, b in pairs if figure in a and b.get(figure)]


def judge(benchmark, check):
    """A row of the table."""
    one, other = benchmark.contestant(check.contestant), benchmark.contestant(check.against)
    row = {
        "contestant": check.contestant,
        "figure": check.figure,
        "against": check.against,
        "at_least": check.at_least,
        "at_most": check.at_most,
    }
    if not one or check.against and not other:
        return row | {"verdict": NOT_RUN}
    found = (
        ratios(one, other, check.figure) if other else [run[check.figure] for run in one.runs if check.figure in run]
    )
    row |= {"value": median_of(one, check.figure), "other": median_of(other, check.figure) if other else None}
    if not found:
        return row | {"verdict": FAILED if one.failure or other and other.failure else NOT_RUN}
    median = statistics.median(found)
    reached = (check.at_least is None or median >= check.at_least) and (
        check.at_most is None or median <= check.at_most
    )
    return row | {"ratio": spread(found) if other else None, "verdict": REACHED if reached else MISSED}


def median_of(contestant, figure):
    values = [run[figure] for run in contestant.runs if figure in run]
    return rounded(statistics.median(values)) if values else None
