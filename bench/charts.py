"""How long a chart of many points takes, against plotting libraries for terminals in the same run.

    python bench/charts.py [--points 10000,100000,1000000] [--peers PYTHON …]

Each line of the table is a process of its own, so that memory is its own too; the libraries are
looked for in this interpreter and in those that ``--peers`` names. Times are the processor's, so
that what else runs on the machine does not count. All draw the same noisy curve with one spike
into 100 × 30 cells, in braille where they have it. *first* is the first picture with the points
at hand (our pyramid of extremes is built before, in *loading*; stalls are looked for in it),
*again* a picture after one more point, *near* a hundredth of the curve. A library that knows
nothing of parts is given only the points of that part; asciichartpy knows no width and is given
every n-th point, so that it may miss the spike.

``our columns, NAME`` is a library that is given not the points but the four values of each column
that our own drawing uses: what would be left to it if it did nothing but paint.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from terminal import report

CHILD = r"""
import json, math, random, resource, sys, time
from pathlib import Path
sys.path[:0] = json.loads(sys.argv[3])
WIDTH, HEIGHT = 100, 30
name, count = sys.argv[1], int(sys.argv[2])
random.seed(7)
xs = list(range(count))
ys = [2 * math.exp(-3 * x / count) + 0.1 * random.random() for x in xs]
ys[count // 2] = 9.0

def plotext(xs, ys):
    import plotext as p
    if hasattr(p, "figure") and not hasattr(p, "plotsize"):
        p.figure.clear(); p.figure.plot_size(WIDTH, HEIGHT)
        signal = p.figure.signal(xs, ys, marker="braille"); signal.lines()
        p.figure.draw(signal)
        return str(p.figure.build())
    p.clear_figure(); p.limit_size(False, False); p.plotsize(WIDTH, HEIGHT)
    p.plot(xs, ys, marker="braille")
    return p.build()

def plotille(xs, ys):
    import plotille as p
    figure = p.Figure(); figure.width, figure.height = WIDTH - 20, HEIGHT - 6
    figure.plot(xs, ys)
    return figure.show()

def uniplot(xs, ys):
    import uniplot as p
    made = p.plot_to_string(xs=xs, ys=ys, lines=True, width=WIDTH - 10, height=HEIGHT - 5,
                            character_set="braille")
    return "\n".join(made)

def asciichartpy(xs, ys):
    import asciichartpy as p  # one column a point: it knows no width
    return p.plot(ys[:: max(1, len(ys) // (WIDTH - 12))], {"height": HEIGHT - 1})

def textual_plot():
    import asyncio
    import numpy
    from textual.app import App
    from textual_plot import HiResMode, PlotWidget

    class Peer(App):
        def compose(self):
            yield PlotWidget()

    def draw(xs, ys):
        widget = app.query_one(PlotWidget)
        widget.clear()
        widget.plot(numpy.asarray(xs, float), numpy.asarray(ys, float),
                    hires_mode=HiResMode.BRAILLE)
        widget._render_plot()

    async def run():
        async with app.run_test(size=(WIDTH, HEIGHT)) as pilot:
            await pilot.pause()
            return measured(draw)

    app = Peer()
    return asyncio.run(run())

def timed(act):
    began = time.process_time()
    act()
    return (time.process_time() - began) * 1000

def median(act, times):
    return sorted(timed(act) for _ in range(times))[times // 2]

def survives(draw):
    found = []
    for word in ("NaN", "inf"):
        try:
            draw([0, 1, 2, 3], [1.0, float(word), 1.5, 2.0])
        except Exception:
            continue
        found.append(word)
    return ", ".join(found) or "neither"

def measured(draw):
    first = timed(lambda: draw(xs, ys))
    times = 1 if first > 3000 else 3
    again = median(lambda: (xs.append(len(xs)), ys.append(0.1), draw(xs, ys)), times)
    low, high = count // 3, count // 3 + count // 100
    near = median(lambda: draw(xs[low:high], ys[low:high]), times)
    found = {"first ms": first, "again ms": again, "near ms": near, "rss": rss()}
    sys.stdout.write(json.dumps(found) + "\n"); sys.stdout.flush()
    return {**found, "drawn": survives(draw)}  # one of them ends the process on it

def rss():
    for row in Path("/proc/self/status").read_text().splitlines():
        if row.startswith("VmRSS:"):
            return int(row.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

def columns_of():
    from trainer_tui.core.series import Axis, Points, Series
    series = Series("loss")
    series.extend(Points("loss", xs, ys, [1.77e9 + x for x in xs]))
    return series, Axis

def ours(glyphs_name):
    from trainer_tui.core.stalls import Stalls
    from trainer_tui.tui import glyphs
    from trainer_tui.tui.widgets.chart import picture
    from trainer_tui.tui.widgets.chart_look import Curve, Look
    symbols = getattr(glyphs, glyphs_name)
    began = time.process_time()
    series, _ = columns_of()
    load = (time.process_time() - began) * 1000
    stalls = Stalls(series)

    def draw(look=Look()):
        return picture([Curve("loss", series, best="min", stalls=stalls.find())], WIDTH, HEIGHT,
                       look, symbols)

    def one_more():
        at = len(series)
        series.add(at, 0.1, 1.77e9 + at)
        draw()

    found = {"first ms": timed(draw), "again ms": median(one_more, 21)}
    near = Look(window=(count // 3, count // 3 + count // 100))
    found["near ms"] = median(lambda: draw(near), 21)
    found["loading ms"] = load
    smooth = Look(weight=0.9)
    found["smoothed first ms"] = timed(lambda: draw(smooth))
    found["smoothed again ms"] = median(lambda: draw(smooth), 9)
    found["drawn"] = "NaN, inf"
    return {**found, "rss": rss()}

def on_columns(draw):
    series, axis = columns_of()

    def reduced(xs_unused=None, ys_unused=None):
        cut = series.columns(axis.STEP, 0, len(series) - 1, 2 * WIDTH)
        at, values = [], []
        for x, four in enumerate(zip(cut.first, cut.low, cut.high, cut.last)):
            at += [x] * 4
            values += four
        return draw(at, values)

    found = {"first ms": timed(reduced)}
    def one_more():
        series.add(len(series), 0.1)
        reduced()
    found["again ms"] = median(one_more, 5)
    return {**found, "near ms": found["again ms"], "rss": rss(), "drawn": ""}

lead, _, library = name.rpartition(", ")
if name in ("ours", "ours, ASCII"):
    result = ours("ASCII" if library == "ASCII" else "UNICODE")
elif lead == "our columns":
    result = on_columns(globals()[library])
elif name == "textual_plot":
    result = textual_plot()
else:
    result = measured(globals()[name])
print(json.dumps(result))
"""

PEERS = ("plotext", "plotille", "uniplot", "asciichartpy", "textual_plot")
ON_COLUMNS = ("plotext", "plotille", "uniplot")
MORE = ("loading ms", "smoothed first ms", "smoothed again ms")
_LIMIT = 300


def has(python: str, module: str) -> str | None:
    """The version of a library in an interpreter; ``None``: it is not there."""
    name = module.replace("_", "-")
    code = f"import {module}; from importlib.metadata import version; print(version({name!r}))"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip() or None


def run(python: str, name: str, count: int, path: list[str]) -> dict[str, object] | None:
    """Measure one line; ``None``: it took too long or fell before it had drawn."""
    argv = [python, "-c", CHILD, name, str(count), json.dumps(path)]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=_LIMIT, check=False)
    except subprocess.TimeoutExpired:
        return None
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        print(f"{name}: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    found: dict[str, object] = json.loads(lines[-1])
    if done.returncode:
        found["drawn"] = "ends the process"
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--points", default="10000,100000,1000000")
    parser.add_argument("--peers", nargs="*", default=[], metavar="PYTHON")
    options = parser.parse_args()
    here = [str(Path(__file__).resolve().parent.parent)]
    found = {
        (module, version): python
        for python in (sys.executable, *options.peers)
        for module in PEERS
        if (version := has(python, module)) is not None
    }
    rows: list[dict[str, object]] = []
    details: list[dict[str, object]] = []
    for count in map(int, options.points.split(",")):
        lines: list[tuple[str, str, str, list[str]]] = [
            ("ours", "ours", sys.executable, here),
            ("ours, ASCII", "ours, ASCII", sys.executable, here),
        ]
        for (module, version), python in found.items():
            lines.append((f"{module} {version}", module, python, []))
            # Ours imports nothing but the standard library here.
            if module in ON_COLUMNS:
                shown = f"our columns, {module} {version}"
                lines.append((shown, f"our columns, {module}", python, here))
        own = None
        for shown, name, python, path in lines:
            result = run(python, name, count, path)
            if result is None:
                continue
            own = own or result
            rows.append(
                {
                    "drawn by": shown,
                    "points": count,
                    **{key: result[key] for key in ("first ms", "again ms", "near ms")},
                    "again, x ours": float(str(result["again ms"])) / float(str(own["again ms"])),
                    "draws": result["drawn"],
                    "RSS MB": result["rss"],
                }
            )
            if python == sys.executable and "loading ms" in result:
                details.append({"drawn by": shown, "points": count} | {k: result[k] for k in MORE})
    report("charts", rows)
    report("charts-ours", details)


if __name__ == "__main__":
    main()
