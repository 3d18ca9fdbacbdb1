#!/usr/bin/env python3
"""Trains with each ingredient off and writes a table of what it is worth, by training texts that are held out.

Runs are calls of train.py with the flags after --, one for each ingredient and seed, without early stopping, so that
the held-out texts choose nothing. A run that is done is not done again, and one that was stopped goes on: the same
command after a kill continues. The table is rewritten after every run, as ablation.tsv and ablation.md.

Examples:
  python3 tools/train/ablate.py -o ablation --seeds 1 2 3 -- train.csv --label category --hold-out 1000
  python3 tools/train/ablate.py -o ablation --only recipe no-teacher -- data.tsv --epochs 4
  python3 tools/train/ablate.py -o ablation --list
"""
import argparse
import pathlib
import statistics
import sys

import runs
from errors import BadUsage, TrainError
from options import COPIES_PER_TEXT

# Name -> (what is off, flags of train.py). The flags come after the user's, so they win.
INGREDIENTS = {
    "recipe": ("nothing", []),
    "no-teacher": ("the teacher: hard labels, random embeddings, pieces from the texts", ["--teacher", "none"]),
    "no-soft-labels": ("soft labels", ["--no-soft-labels"]),
    "no-teacher-embeddings": ("the teacher's word embeddings", ["--embeddings", "random"]),
    "pieces-from-texts": ("the teacher's pieces, trimmed", ["--vocabulary", "data"]),
    "no-copies": ("changed copies, at as many steps", ["--augmented", "0"]),
    "no-splicing": ("splicing", ["--splice", "0"]),
    "no-dropping": ("dropping", ["--drop", "0"]),
    "no-average": ("averaged weights", ["--average", "0"]),
    "no-smoothing": ("label smoothing, of the teacher", ["--label-smoothing", "0"]),
    "swapping": ("nothing; neighbouring words swapped in a fifth of the copies", ["--swap", "0.2"]),
    "masking": ("nothing; a tenth of the words of copies masked", ["--mask", "0.1"]),
    "int8-epoch": ("nothing; int8 arithmetic in the last epoch", ["--int8-epochs", "1"]),
    "hard-labels-too": ("nothing; a quarter of the loss is the labels themselves", ["--hard-weight", "0.25"]),
    "temperature-1": ("nothing; soft labels at temperature 1", ["--temperature", "1"]),
    "no-experts": ("experts: dense layers only", ["--config", "{no-experts}"]),
    "reference-padding": ("masked padding", ["--config", "{reference-padding}"]),
}
CONFIGS = {"no-experts": {"num_moe_layers": 0}, "reference-padding": {"padding": "reference"}}
COLUMNS = ("run", "off", "seeds", "int8", "spread", "float32", "against_recipe", "loss", "loss_spread", "minutes",
           "parameters")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("-o", "--output", required=True, metavar="FOLDER")
    add("--seeds", type=int, nargs="+", default=[1], metavar="N")
    add("--only", nargs="+", choices=sorted(INGREDIENTS), metavar="RUN", help="these runs (default: all)")
    add("--list", action="store_true", help="print the runs and end")
    add("train", nargs=argparse.REMAINDER, help="-- and then what train.py takes, without -o and --work")
    args = parser.parse_args()
    args.train = args.train[1:] if args.train[:1] == ["--"] else args.train
    return args


def flags_of(name, folder, train_flags):
    """The flags of one run; without copies the epochs are as many more as there were copies a text."""
    flags = []
    for flag in INGREDIENTS[name][1]:
        if flag.startswith("{"):
            changed = flag.strip("{}")
            flag = runs.write_config(folder, changed, {**runs.given_config(train_flags), **CONFIGS[changed]})
        flags.append(flag)
    if name == "no-copies":
        epochs = train_flags[train_flags.index("--epochs") + 1] if "--epochs" in train_flags else 8
        flags += ["--epochs", str(int(epochs) * (COPIES_PER_TEXT + 1))]
    return flags


def quality(report, arithmetic):
    """In percent: accuracy, or of a regression the correlation."""
    measured = report["held_out"][arithmetic]
    return 100 * measured["accuracy" if "accuracy" in measured else "pearson"]


def error(report):
    """What is smooth where the accuracy of a few texts is not: the cross entropy, of a regression the error."""
    measured = report["held_out"]["int8"]
    return measured["loss"] if "loss" in measured else measured["root_mean_square_error"]


def row_of(name, reports, recipe):
    """One line of the table: means over seeds."""
    int8 = [quality(report, "int8") for report in reports]
    mean, errors = statistics.mean(int8), [error(report) for report in reports]
    base = statistics.mean(quality(report, "int8") for report in recipe) if recipe else None
    return {"run": name, "off": INGREDIENTS[name][0], "seeds": len(reports), "int8": f"{mean:.2f}",
            "spread": f"{max(int8) - min(int8):.2f}",
            "float32": f"{statistics.mean(quality(report, 'float32') for report in reports):.2f}",
            "against_recipe": "" if base is None else f"{mean - base:+.2f}",
            "loss": f"{statistics.mean(errors):.4f}", "loss_spread": f"{max(errors) - min(errors):.4f}",
            "minutes": f"{statistics.mean(report['seconds'] for report in reports) / 60:.1f}",
            "parameters": str(reports[0]["parameters"])}


def write_table(folder, reports):
    """ablation.tsv and ablation.md: what is done so far. reports: name -> reports of its seeds."""
    rows = [[str(value) for value in row_of(name, done, reports.get("recipe")).values()]
            for name, done in reports.items()]
    count = next(iter(reports.values()))[0]["held_out"]["count"]
    runs.write_table(folder, "ablation", COLUMNS, rows,
                     f"Held-out training texts: {count:,}; accuracy, or correlation, in percent: mean of the seeds and "
                     "spread (largest less smallest). loss: cross entropy in int8, or root mean square error.")


def run_all(args):
    folder = pathlib.Path(args.output)
    folder.mkdir(parents=True, exist_ok=True)
    runs.check_flags("ablate.py", args.train)
    names = args.only or list(INGREDIENTS)
    reports = {}
    # Seed by seed, so that a first table with all ingredients is there early.
    for seed in args.seeds:
        for name in names:
            flags = [*args.train, *flags_of(name, folder, args.train)]
            report = runs.trained(folder, name, seed, flags,
                                  f"ablate.py: {name}, seed {seed}; off: {INGREDIENTS[name][0]}")
            if "held_out" not in report:
                raise BadUsage("--hold-out 0 after --: the table is of held-out texts")
            reports.setdefault(name, []).append(report)
            write_table(folder, reports)
    print((folder / "ablation.md").read_text(encoding="utf-8"), end="")


def main():
    args = parse_arguments()
    if args.list:
        for name, (off, flags) in INGREDIENTS.items():
            print(f"{name}\toff: {off}\t{' '.join(flags)}")
        return
    try:
        run_all(args)
    except (TrainError, OSError) as error:
        print(f"ablate.py: {error}", file=sys.stderr)
        sys.exit(getattr(error, "exit_code", 5))


if __name__ == "__main__":
    main()
