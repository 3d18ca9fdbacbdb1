#!/usr/bin/env python3
"""Turns a .csv of labelled texts into the .tsv that the programs read: no quoting, one line a text.

Each run of tabs and line breaks in a text becomes one space; the columns are called text and label.

Example:
  python3 tools/train/to_tsv.py test.csv --label category > test.tsv
"""
import argparse
import re
import sys

import data


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help=".csv with a header line")
    parser.add_argument("--text", default="text", help="column of the text")
    parser.add_argument("--label", default="label", help="column of the label's name")
    args = parser.parse_args()
    try:
        rows = zip(*data.read_table(args.data, args.text, args.label))
    except (OSError, ValueError) as error:
        sys.exit(f"to_tsv.py: {error}")
    print("text\tlabel")
    for text, label in rows:
        print(re.sub(r"[\t\r\n]+", " ", text) + "\t" + label)


if __name__ == "__main__":
    main()
