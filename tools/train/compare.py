#!/usr/bin/env python3
"""Trains architectures of equal size by the same recipe; accuracy against microseconds a text and minutes of training.

  sparse-mixer   the recipe's own: linear mixing, attention on top, experts in the middle
  bert           attention in every layer, dense
  fnet           Fourier mixing in every layer, dense
  linear         linear mixing in every layer, dense

The dense ones have as many layers and the width of the first, and the d_ff that gives them as many parameters. Every
run is a call of train.py with the flags after --, for each architecture and seed; then smx-quantize makes its int8 file,
and `smx evaluate` measures it on --test, all files in turn, --repeat times. A run that is done is not done again, and
one that was stopped goes on: the same command after a kill continues. The results are comparison.tsv, comparison.md and
two plots, accuracy_by_latency.svg and accuracy_by_training.svg.

Example:
  python3 tools/train/compare.py -o comparison --seeds 1 2 3 --test test.tsv -- train.csv --label category
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys

import runs
from errors import BadUsage, TrainError
from mixer.config import ModelConfig
from mixer.model import parameter_shapes

DENSE = {"num_moe_layers": 0, "num_attention_layers": 0}
ARCHITECTURES = {
    "sparse-mixer": {},
    "bert": {**DENSE, "model_arch": "BERT"},
    "fnet": {**DENSE, "model_arch": "F_NET"},
    "linear": DENSE,
}
COLUMNS = ("architecture", "d_ff", "parameters", "int8_bytes", "seeds", "accuracy", "lowest", "highest", "float32",
           "microseconds", "fastest", "cpu_minutes")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("-o", "--output", required=True, metavar="FOLDER")
    add("--seeds", type=int, nargs="+", default=[1], metavar="N")
    add("--only", nargs="+", choices=sorted(ARCHITECTURES), metavar="NAME", help="these (default: all)")
    add("--test", required=True, metavar="FILE", help="texts that nothing is chosen by: a table of tabs, columns text "
        "and label; see to_tsv.py")
    add("--programs", default="build/host-release/bin", metavar="FOLDER", help="of smx and smx-quantize (default: "
        "%(default)s)")
    add("--repeat", type=int, default=5, metavar="N", help="measurements of each file (default: %(default)s)")
    add("train", nargs=argparse.REMAINDER, help="-- and then what train.py takes, without -o and --work")
    args = parser.parse_args()
    args.train = args.train[1:] if args.train[:1] == ["--"] else args.train
    return args


def num_parameters(fields):
    """Without what no field of ARCHITECTURES changes: counts for one vocabulary and number of classes compare."""
    return sum(_product(shape) for shape in parameter_shapes(ModelConfig.from_dict(fields)).values())


def _product(shape):
    total = 1
    for size in shape:
        total *= size
    return total


def fields_of(name, given):
    """The configuration of an architecture: of a dense one, d_ff makes up for what the others have more."""
    fields = {"padding": "masked", **given, **ARCHITECTURES[name]}
    if name == "sparse-mixer":
        return fields
    wanted = num_parameters({"padding": "masked", **given})
    one, two = (num_parameters({**fields, "d_ff": d_ff}) for d_ff in (1, 2))
    d_ff = 1 + round((wanted - one) / (two - one))
    if d_ff < 1:
        raise BadUsage(f"{name}: no d_ff is small enough for {wanted:,} parameters")
    return {**fields, "d_ff": d_ff}


def called(command):
    """What a program prints; its own words, if it fails, are on stderr."""
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise runs.RunFailed(f"{' '.join(command)} ended with exit code {done.returncode}", done.returncode)
    return done.stdout


def quantized(args, folder, name, seed):
    """The int8 file of a run."""
    output = runs.output_of(folder, name, seed)
    file = output.with_suffix(".smx")
    if not file.exists() or file.stat().st_mtime < (output / "model.safetensors").stat().st_mtime:
        called([f"{args.programs}/smx-quantize", str(output / "model.safetensors"), "-o", str(file)])
    return file


def measured(args, files):
    """Architecture and seed -> what `smx evaluate` says in each repetition."""
    results = {key: [] for key in files}
    for _ in range(args.repeat):
        for key, file in files.items():
            results[key].append(json.loads(called([f"{args.programs}/smx", "evaluate", str(file), args.test, "--json",
                                                   "--threads", "1"])))
    return results


def row_of(name, fields, reports, files, results):
    """One line of the table: means over seeds; of times the median and the least of all repetitions."""
    seeds = [key for key in results if key[0] == name]
    accuracies = [100 * results[key][0]["accuracy"] for key in seeds]
    times = [1000 * result["milliseconds_per_text"] for key in seeds for result in results[key]]
    minutes = statistics.mean(reports[key]["step_cpu_seconds"] for key in seeds) / 60
    return {"architecture": name, "d_ff": fields["d_ff"] if "d_ff" in fields else ModelConfig().d_ff,
            "parameters": reports[seeds[0]]["parameters"], "int8_bytes": files[seeds[0]].stat().st_size,
            "seeds": len(seeds), "accuracy": f"{statistics.mean(accuracies):.2f}", "lowest": f"{min(accuracies):.2f}",
            "highest": f"{max(accuracies):.2f}",
            "float32": f"{100 * statistics.mean(reports[key]['held_out']['float32']['accuracy'] for key in seeds):.2f}",
            "microseconds": f"{statistics.median(times):.0f}", "fastest": f"{min(times):.0f}",
            "cpu_minutes": f"{minutes:.1f}"}


def plot(folder, rows, column, label, file):
    """Accuracy of every architecture against a column: the mean of its seeds, a bar from the lowest to the highest."""
    import matplotlib
    matplotlib.use("svg")
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(figsize=(6, 4), layout="constrained")
    for row in rows:
        x, y = float(row[column]), float(row["accuracy"])
        spread = [[y - float(row["lowest"])], [float(row["highest"]) - y]]
        axes.errorbar([x], [y], yerr=spread, fmt="o", capsize=3)
        axes.annotate(row["architecture"], (x, y), xytext=(6, 6), textcoords="offset points")
    axes.set(xlabel=label, ylabel="accuracy on the test texts, %", xlim=(0, None))
    axes.margins(0.15)
    figure.savefig(folder / file, metadata={"Date": None})
    pyplot.close(figure)


def run_all(args):
    folder = pathlib.Path(args.output)
    folder.mkdir(parents=True, exist_ok=True)
    runs.check_flags("compare.py", args.train)
    names = args.only or list(ARCHITECTURES)
    given = runs.given_config(args.train)
    fields = {name: fields_of(name, given) for name in names}
    reports, files = {}, {}
    for seed in args.seeds:
        for name in names:
            flags = [*args.train, "--config", runs.write_config(folder, name, fields[name])]
            reports[name, seed] = runs.trained(folder, name, seed, flags, f"compare.py: {name}, seed {seed}")
            files[name, seed] = quantized(args, folder, name, seed)
    results = measured(args, files)
    rows = [row_of(name, fields[name], reports, files, results) for name in names]
    first = results[names[0], args.seeds[0]][0]
    runs.write_table(folder, "comparison", COLUMNS, [[str(value) for value in row.values()] for row in rows],
                     f"Accuracy in percent of {first['count']:,} test texts, int8; float32: of the held-out texts. "
                     f"Microseconds a text, tokenizer included, one thread, {first['isa']}: median and least. Minutes "
                     "of one core in training steps.")
    plot(folder, rows, "microseconds", "microseconds a text, int8, one thread", "accuracy_by_latency.svg")
    plot(folder, rows, "cpu_minutes", "minutes of one core in training steps", "accuracy_by_training.svg")
    print((folder / "comparison.md").read_text(encoding="utf-8"), end="")


def main():
    args = parse_arguments()
    try:
        run_all(args)
    except (TrainError, OSError) as error:
        print(f"compare.py: {error}", file=sys.stderr)
        sys.exit(getattr(error, "exit_code", 5))


if __name__ == "__main__":
    main()
