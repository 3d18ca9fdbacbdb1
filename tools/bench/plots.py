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
        axes.bar_label(bar, fmt="%.0f" if row["min_ms"] >= 100 else "%.1f", padding=3, fontsize=8)
    axes.set_yticks([i + 0.4 - height / 2 for i in range(len(engines))], [cases.TITLES[engine] for engine in engines],
                    fontsize=9)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.tick_params(axis="x", labelsize=8)
    axes.set_xlabel("ms", fontsize=8, loc="right", labelpad=1)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(case.title, fontsize=10, fontweight="bold", loc="left")


def plot_latency(results, path):
    shown = [case for case in cases.CASES if any(row["case"] == case.name for row in results["rows"])]
    figure, grid = pyplot.subplots((len(shown) + 1) // 2, 2, figsize=(11, 2.4 * ((len(shown) + 1) // 2)), squeeze=False,
                                   layout="constrained")
    panels = list(grid.flat)
    counts = sorted({row["threads"] for row in results["rows"]})
    for axes, case in zip(panels, shown):
        plot_case(axes, case, [row for row in results["rows"] if row["case"] == case.name], counts)
    for axes in panels[len(shown):]:
        axes.axis("off")
    handles = [pyplot.Rectangle((0, 0), 1, 1, color=f"C{i}") for i in range(len(counts))]
    panels[-1].legend(handles, [f"{threads} thread{'s' * (threads > 1)}" for threads in counts],
                      loc="center" if len(shown) < len(panels) else "lower right")
    host = results["machine"]
    figure.suptitle(f"Least milliseconds a text, less is better; int8, random weights; {host['cpu']}, "
                    f"{host['int8_isa']}", fontsize=11)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def plot_sweep(results, path):
    points = results["sweep"]["points"]
    figure, axes = pyplot.subplots(figsize=(6, 4), layout="constrained")
    lengths = [point["length"] for point in points]
    axes.plot(lengths, [point["min_ms"] for point in points], ".-", label="smx int8, one thread")
    if "reading_ms" in points[0]:
        axes.plot(lengths, [point["reading_ms"] for point in points], "--", label="reading the weights once")
    axes.set(xlabel="tokens", ylabel="least milliseconds a text", xlim=(0, None), ylim=(0, None),
             xticks=range(0, lengths[-1] + 1, 64))
    axes.grid(color="0.9")
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(f"Sparse Mixer Base, masked, {results['machine']['int8_isa']}", fontsize=10)
    axes.legend(frameon=False)
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
