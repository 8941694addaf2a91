"""The charts: bars of what contestants did per second, and a line for each figure of a curve."""

from harness.svg import COLOURS, FAINT, INK, Drawing
from harness.table import UNITS, figure

WIDTH = 760
NAMES = 170
BARS = 400
ROW = 22
RATES = ("rows_per_second", "events_per_second")
PANEL_WIDTH, PANEL_HEIGHT, MARGIN = 250, 170, 60


def bars(measured):
    """Each benchmark's throughput, as bars with the spread of the runs."""
    groups = [(one, rate) for one in measured["found"] if (rate := rate_of(one))]
    rows = sum(1 + len(ran(one, rate)) for one, rate in groups)
    drawing = Drawing(WIDTH, 70 + rows * ROW + 14 * len(groups))
    machine = measured["machine"]
    drawing.text(16, 26, "Throughput, everything on the same cores", 16, weight="bold")
    conditions = f"{machine['cpu']}, {machine['cores']} cores, {measured['date']}, {measured['scale']} run"
    drawing.text(16, 46, conditions, 11, colour=FAINT)
    y = 70
    for one, rate in groups:
        drawing.text(16, y + 8, one["title"], 12, weight="bold")
        y += ROW
        most = max(contestant["figures"][rate]["max"] for contestant in ran(one, rate))
        for contestant in ran(one, rate):
            bar(drawing, y, contestant, contestant["figures"][rate], most, UNITS[rate])
            y += ROW
        y += 14
    return drawing.svg()


def rate_of(benchmark):
    return next((rate for rate in RATES if ran(benchmark, rate)), None)


def ran(benchmark, rate):
    return [one for one in benchmark["contestants"] if rate in one["figures"]]


def bar(drawing, y, contestant, spread, most, unit):
    x = lambda value: NAMES + BARS * value / most
    drawing.text(NAMES - 8, y + 8, contestant["name"], 12, "end")
    drawing.bar(NAMES, y - 3, x(spread["median"]) - NAMES, ROW - 8, COLOURS[contestant["role"]])
    drawing.line([(x(spread["min"]), y + 4), (x(spread["max"]), y + 4)], INK)
    cost = contestant["figures"].get("cpu_s_per_million")
    costs = f", {figure(cost['median'])} CPU-s/M" if cost else ""
    drawing.text(NAMES + BARS + 8, y + 8, f"{figure(spread['median'])} {unit}{costs}", 11)


def lines(curve):
    """A panel for each figure of a curve."""
    drawing = Drawing(MARGIN + len(curve["drawn"]) * (PANEL_WIDTH + MARGIN), PANEL_HEIGHT + 110)
    drawing.text(16, 26, curve["title"], 15, weight="bold")
    for number, name in enumerate(curve["drawn"]):
        panel(drawing, MARGIN + number * (PANEL_WIDTH + MARGIN), 60, curve, name)
    return drawing.svg()


def panel(drawing, left, top, curve, name):
    points = [(one["name"], one["figures"][name]) for one in curve["contestants"] if name in one["figures"]]
    if not points:
        return
    most = max(spread["max"] for _, spread in points) or 1
    bottom = top + PANEL_HEIGHT
    step = PANEL_WIDTH / max(1, len(points) - 1)
    y = lambda value: bottom - PANEL_HEIGHT * value / most
    drawing.text(left, top - 12, f"{UNITS.get(name, name)}, at most {figure(most)}", 11)
    drawing.line([(left, top), (left, bottom), (left + PANEL_WIDTH, bottom)])
    drawing.line(
        [(left + i * step, y(spread["median"])) for i, (_, spread) in enumerate(points)], COLOURS["pageberg"], 2
    )
    for i, (label, spread) in enumerate(points):
        x = left + i * step
        drawing.line([(x, y(spread["min"])), (x, y(spread["max"]))], INK)
        drawing.dot(x, y(spread["median"]), COLOURS["pageberg"])
        drawing.text(x, bottom + 16, label, 9, "middle", FAINT)
    drawing.text(left + PANEL_WIDTH / 2, bottom + 34, curve["axis"], 11, "middle")
