"""Plots of a results.json: latency.svg and sweep.svg beside it. Run by the work folder's Python, which has matplotlib.

    plots.py results.json"""
import json
import pathlib
import sys

import matplotlib

import cases

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "smx"
from matplotlib import pyplot  # noqa: E402  the backend is chosen first


def plot_case(axes, case, rows, counts):
    """A bar for each engine and number of threads; smx's stand out."""
    engines = [engine for engine in cases.TITLES if any(row["engine"] == engine for row in rows)]
    height = 0.8 / len(counts)
    for row in rows:
        y = engines.index(row["engine"]) + counts.index(row["threads"]) * height
        bar = axes.barh(y, row["min_ms"], height, color=f"C{counts.index(row['threads'])}",
                        alpha=1 if row["engine"] == cases.SMX else 0.5)
        axes.bar_label(bar, fmt="%.1f", padding=2, fontsize=7)
    axes.set_yticks([i + 0.4 - height / 2 for i in range(len(engines))], [cases.TITLES[engine] for engine in engines],
                    fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.tick_params(axis="x", labelsize=7)
    axes.set_title(case.title, fontsize=9)


def plot_latency(results, path):
    shown = [case for case in cases.CASES if any(row["case"] == case.name for row in results["rows"])]
    figure, grid = pyplot.subplots((len(shown) + 1) // 2, 2, figsize=(11, 2.2 * ((len(shown) + 1) // 2)), squeeze=False,
                                   layout="constrained")
    panels = list(grid.flat)
    counts = sorted({row["threads"] for row in results["rows"]})
    for axes, case in zip(panels, shown):
        plot_case(axes, case, [row for row in results["rows"] if row["case"] == case.name], counts)
    for axes in panels[len(shown):]:
        axes.axis("off")
    handles = [pyplot.Rectangle((0, 0), 1, 1, color=f"C{i}") for i in range(len(counts))]
    figure.legend(handles, [f"{threads} thread{'s' * (threads > 1)}" for threads in counts], loc="outside lower right")
    host = results["machine"]
    figure.suptitle(f"Least milliseconds a text, {host['cpu']}, {host['int8_isa']}", fontsize=10)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def plot_sweep(results, path):
    points = results["sweep"]["points"]
    figure, axes = pyplot.subplots(figsize=(6, 4), layout="constrained")
    lengths = [point["length"] for point in points]
    axes.plot(lengths, [point["min_ms"] for point in points], ".-", label="smx int8, one thread")
    if "reading_ms" in points[0]:
        axes.plot(lengths, [point["reading_ms"] for point in points], "--", label="reading the weights once")
    axes.set(xlabel="tokens", ylabel="least milliseconds a text", xlim=(0, None), ylim=(0, None))
    axes.set_title(f"Sparse Mixer Base, masked, {results['machine']['int8_isa']}", fontsize=10)
    axes.legend()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def main():
    path = pathlib.Path(sys.argv[1])
    results = json.loads(path.read_text(encoding="utf-8"))
    if results["rows"]:
        plot_latency(results, path.with_name("latency.svg"))
    if "sweep" in results:
        plot_sweep(results, path.with_name("sweep.svg"))


main()
