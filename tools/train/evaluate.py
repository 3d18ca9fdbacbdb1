#!/usr/bin/env python3
"""Measures a model folder on a table of labelled texts, in float32 and in the engine's int8 arithmetic.

Of classes: accuracy, macro F1 and cross entropy; of a regression: correlation and root mean square error.

Example:
  python3 tools/train/evaluate.py examples/models/banking77 examples/models/banking77/test.tsv
"""
import argparse
import json
import sys

import results
from errors import TrainError
from mixer import export
from problem import Classes, Numbers
from student import Samples
from texts import table
from texts import text as text_tools


def macro_f1(predicted, classes):
    """Mean of F1 = 2 TP / (2 TP + FP + FN) over the classes that occur in either list."""
    occurring = sorted(set(predicted) | set(classes))
    total = 0.0
    for label in occurring:
        right = sum(p == c == label for p, c in zip(predicted, classes))
        total += 2 * right / (predicted.count(label) + classes.count(label))
    return total / len(occurring)


def evaluate_folder(folder, path, columns):
    """A dict: count of texts, how many were cut, and what was measured by arithmetic."""
    model, pieces, labels = export.load_model(folder)
    rows = table.read_table(path, columns)
    if model.config.is_regression:
        values = table.label_values(path, rows)
        problem, numbers = Numbers(values), values
    else:
        problem, numbers = Classes(labels), table.class_numbers(path, rows, labels)
    samples = Samples([(row.text, row.pair) for row in rows], problem.targets(numbers))
    framer = text_tools.framer_of(pieces, model.config.max_seq_length)
    framed = framer.frame(samples.texts)
    result = {"count": len(rows), "cut": framer.num_cut}
    for name, int8 in (("float32", False), ("int8", True)):
        outputs = results.outputs_of(model, framed, int8)
        result[name] = problem.measure(problem.fold(outputs), samples.targets)
        if not problem.is_regression:
            result[name]["macro_f1"] = macro_f1(outputs.argmax(1).tolist(), numbers)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="model.safetensors, config.json and vocab.txt")
    parser.add_argument("data", help=".csv, or a table of tabs with a header line; perhaps .gz")
    parser.add_argument("--text", default="text", metavar="COLUMN")
    parser.add_argument("--text-pair", metavar="COLUMN")
    parser.add_argument("--label", default="label", metavar="COLUMN")
    args = parser.parse_args()
    try:
        columns = table.Columns(args.text, args.label, args.text_pair)
        print(json.dumps(evaluate_folder(args.folder, args.data, columns), indent=1))
    except (TrainError, OSError) as error:
        print(f"evaluate.py: {error}", file=sys.stderr)
        sys.exit(getattr(error, "exit_code", 3))


if __name__ == "__main__":
    main()
