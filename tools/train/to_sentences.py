#!/usr/bin/env python3
"""Turns longer texts into a table of their sentences, each once, in random order: for train.py --unlabelled.

Texts are those of a table, or the .txt files in a folder and below. Tags, such as <br />, end a sentence. Of the texts of
--apart-from, such as a test set, no sentence shares as many words in a row as --shared says.

Examples:
  python3 tools/train/to_sentences.py reviews/ --text sentence --split-words --apart-from dev.tsv > more.tsv
  python3 tools/train/to_sentences.py mails.csv --text body --shortest 3 --longest 60 > more.tsv
"""
import argparse
import pathlib
import random
import re
import sys

from errors import BadData, BadUsage, TrainError
from texts import table


def read_texts(path, column):
    if not pathlib.Path(path).is_dir():
        return [row.text for row in table.read_table(path, table.Columns(column, None))]
    files = sorted(pathlib.Path(path).rglob("*.txt"))
    if not files:
        raise BadData(f"{path}: no .txt file in it or below")
    return [file.read_text(encoding="utf-8", errors="replace") for file in files]


def sentences_of(text):
    """Ends are . ! ? before a space and what may begin a sentence, tags, and line breaks."""
    for line in re.split(r"<[^>]+>|[\r\n]+", text):
        for sentence in re.split(r"""(?<=[.!?])["')]*\s+(?=["'(A-Z0-9])""", line):
            yield " ".join(sentence.split())


def split_words(sentence):
    """As the texts of SST-2 are: lower case, a space on either side of punctuation, n't and 's as words."""
    sentence = re.sub(r"n't\b", " n't", sentence.lower())
    sentence = re.sub(r"'(s|re|ve|ll|d|m)\b", r" '\1", sentence)
    sentence = re.sub(r"([.,!?;:()\"*/])", r" \1 ", sentence).replace("--", " -- ")
    return " ".join(sentence.split())


def runs_of_words(text, length):
    words = re.findall(r"[^\W_]+", text.lower())
    return (tuple(words[at:at + length]) for at in range(len(words) - length + 1))


def choose(texts, apart, args):
    """(the sentences that stay, how many were left out for sharing words)."""
    taken = {run for text in apart for run in runs_of_words(text, args.shared)}
    kept, seen, num_sharing = [], set(), 0
    for text in texts:
        for sentence in sentences_of(text):
            sentence = split_words(sentence) if args.split_words else sentence
            if sentence in seen or not args.shortest <= len(sentence.split()) <= args.longest:
                continue
            seen.add(sentence)
            if any(run in taken for run in runs_of_words(sentence, args.shared)):
                num_sharing += 1
            else:
                kept.append(sentence)
    random.Random(args.seed).shuffle(kept)
    return kept, num_sharing


def run(args):
    for name in ("shortest", "longest", "shared"):
        if getattr(args, name) < 1:
            raise BadUsage(f"--{name} {getattr(args, name)}: must be 1 or more")
    if args.shortest > args.longest:
        raise BadUsage(f"--shortest {args.shortest} --longest {args.longest}: no sentence can be so")
    apart = [text for path in args.apart_from for text in read_texts(path, args.text)]
    kept, num_sharing = choose(read_texts(args.data, args.text), apart, args)
    if not kept:
        raise BadData(f"{args.data}: no sentence of {args.shortest} to {args.longest} words stays; "
                      f"{num_sharing:,} shared {args.shared} words in a row with --apart-from")
    print(args.text)
    for sentence in kept:
        print(sentence)
    shared = f"; {num_sharing:,} others share {args.shared} words in a row with --apart-from" if apart else ""
    print(f"to_sentences.py: {args.data}: {len(kept):,} sentences{shared}", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("data", help=".csv, or a table of tabs with a header line, perhaps .gz; or a folder of .txt files")
    add("--text", default="text", metavar="COLUMN", help="of all tables, the printed one too (default: %(default)s)")
    add("--apart-from", action="append", default=[], metavar="FILE", help="a table, or a folder; may be given again")
    add("--shared", type=int, default=6, metavar="N", help="words in a row (default: %(default)s)")
    add("--shortest", type=int, default=4, metavar="N", help="words of a sentence (default: %(default)s)")
    add("--longest", type=int, default=40, metavar="N", help="(default: %(default)s)")
    add("--split-words", action="store_true", help="lower case, punctuation and n't apart, as in SST-2")
    add("--seed", type=int, default=1, help="of the order (default: %(default)s)")
    try:
        run(parser.parse_args())
    except (TrainError, OSError) as error:
        print(f"to_sentences.py: {error}", file=sys.stderr)
        sys.exit(getattr(error, "exit_code", 3))


if __name__ == "__main__":
    main()
