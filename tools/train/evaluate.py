#!/usr/bin/env python3
"""Accuracy of a model folder on a table of labelled texts, in float32.

Example:
  python3 tools/train/evaluate.py examples/models/banking77 examples/models/banking77/test.tsv
"""
import argparse

import torch

import data
import export
import text as text_tools


def predict(model, sequences, batch_size=64):
    """Logits [number of sequences, n_classes] in the order of `sequences`."""
    logits = torch.zeros(len(sequences), model.config.n_classes)
    length = 0 if model.config.padding == "masked" else model.config.max_seq_length
    training = model.training
    model.eval()
    with torch.no_grad():
        for batch in data.batches_by_length(sequences, batch_size):
            ids = data.pad([sequences[index] for index in batch], length)
            logits[batch] = model(ids, torch.zeros_like(ids))
    model.train(training)
    return logits


def accuracy(model, sequences, classes):
    return float((predict(model, sequences).argmax(1) == torch.tensor(classes)).float().mean())


def evaluate_folder(folder, path, text_column, label_column):
    """Accuracy, number of texts, and how many of them were cut to max_seq_length."""
    model, pieces, labels = export.load_model(folder)
    texts, names = data.read_table(path, text_column, label_column)
    words = text_tools.encode_words(text_tools.make_tokenizer(pieces), texts)
    length = model.config.max_seq_length
    cut = sum(sum(map(len, text)) + 2 > length for text in words)
    sequences = [text_tools.frame(text, pieces, length) for text in words]
    return accuracy(model, sequences, [labels.index(name) for name in names]), len(texts), cut


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="model.safetensors, config.json and vocab.txt")
    parser.add_argument("data", help=".csv or .tsv with a header line")
    parser.add_argument("--text", default="text", help="column of the text")
    parser.add_argument("--label", default="label", help="column of the label's name")
    args = parser.parse_args()
    value, count, cut = evaluate_folder(args.folder, args.data, args.text, args.label)
    print(f"accuracy {value:.4f} on {count} texts, {cut} of them cut")


if __name__ == "__main__":
    main()
