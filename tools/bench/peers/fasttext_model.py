"""TRAIN FOLDER: fastText's quantized file. TRAIN is a CSV or TSV file whose first two columns are text and label. The
settings were chosen by hand on held-out texts of Banking77."""
import csv
import pathlib
import random
import sys
import tempfile

import fasttext

from peers.texts_worker import fasttext_words

SETTINGS = dict(lr=0.5, epoch=50, wordNgrams=2, dim=100, bucket=100000, minn=2, maxn=5, thread=1, verbose=0)


def main():
    path, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t" if path.suffix == ".tsv" else ","))[1:]
    random.Random(1).shuffle(rows)  # it learns in the order of the file, which may be that of the labels
    with tempfile.NamedTemporaryFile("w", dir=folder, encoding="utf-8") as lines:
        lines.writelines(f"__label__{row[1]} {fasttext_words(row[0])}\n" for row in rows)
        lines.flush()
        model = fasttext.train_supervised(lines.name, **SETTINGS)
        model.quantize(input=lines.name, cutoff=20000, retrain=True, qnorm=True, thread=1)
    model.save_model(str(folder / "model.ftz"))


main()
