#!/usr/bin/env python3
"""Turns a table of labelled texts, such as a .csv, into the .tsv that the programs read: no quoting, one line a text.

Each run of tabs and line breaks in a text becomes one space; the columns are called text, text_pair if there is one,
and label.

Example:
  python3 tools/train/to_tsv.py test.csv --label category > test.tsv
"""
import argparse
import re
import sys

from errors import TrainError
from texts import table


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help=".csv, or a table of tabs with a header line; perhaps .gz")
    parser.add_argument("--text", default="text", metavar="COLUMN")
    parser.add_argument("--text-pair", metavar="COLUMN")
    parser.add_argument("--label", default="label", metavar="COLUMN")
    args = parser.parse_args()
    try:
        rows = table.read_table(args.data, table.Columns(args.text, args.label, args.text_pair))
    except (TrainError, OSError) as error:
        print(f"to_tsv.py: {error}", file=sys.stderr)
        sys.exit(getattr(error, "exit_code", 3))
    print("\t".join(["text"] + ["text_pair"] * bool(args.text_pair) + ["label"]))
    for row in rows:
        values = [row.text, row.pair, row.label] if args.text_pair else [row.text, row.label]
        print("\t".join(re.sub(r"[\t\r\n]+", " ", value) for value in values))


if __name__ == "__main__":
    main()
