#!/usr/bin/env python3
"""Accuracy and macro F1 of a model folder on a table of labelled texts, in float32.

Example:
  python3 tools/train/evaluate.py examples/models/banking77 examples/models/banking77/test.tsv
"""
import argparse
import sys

import torch
from safetensors import SafetensorError

import data
import export
import text as text_tools


def predict(model, sequences, batch_size=64):
    """Logits [number of sequences, n_classes] in the order of `sequences`."""
    logits = torch.zeros(len(sequences), model.config.n_classes)
    training = model.training
    model.eval()
    with torch.no_grad():
        for batch in data.batches_by_length(sequences, batch_size):
            ids = data.pad([sequences[index] for index in batch], model.config)
            logits[batch] = model(ids, torch.zeros_like(ids))
    model.train(training)
    return logits


def accuracy(model, sequences, classes):
    return float((predict(model, sequences).argmax(1) == torch.tensor(classes)).float().mean())


def macro_f1(predicted, classes):
    """Mean of F1 = 2 TP / (2 TP + FP + FN) over the classes that occur in either list."""
    occurring = sorted(set(predicted) | set(classes))
    total = 0.0
    for label in occurring:
        right = sum(p == c == label for p, c in zip(predicted, classes))
        total += 2 * right / (predicted.count(label) + classes.count(label))
    return total / len(occurring)


def evaluate_folder(folder, path, text_column, label_column):
    """A dict: accuracy, macro_f1, count of texts, and how many of them were cut to max_seq_length."""
    model, pieces, labels = export.load_model(folder)
    texts, names = data.read_table(path, text_column, label_column)
    words = text_tools.encode_words(text_tools.make_tokenizer(pieces), texts)
    length = model.config.max_seq_length
    cut = sum(sum(map(len, text)) + 2 > length for text in words)
    sequences = [text_tools.frame(text, pieces, length) for text in words]
    classes = data.class_numbers(names, labels)
    predicted = predict(model, sequences).argmax(1).tolist()
    right = sum(p == c for p, c in zip(predicted, classes))
    return {"accuracy": right / len(texts), "macro_f1": macro_f1(predicted, classes),
            "count": len(texts), "cut": cut}


def summary(result):
    return (f"accuracy {result['accuracy']:.4f}, macro F1 {result['macro_f1']:.4f} "
            f"on {result['count']} texts, {result['cut']} of them cut")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="model.safetensors, config.json and vocab.txt")
    parser.add_argument("data", help=".csv or .tsv with a header line")
    parser.add_argument("--text", default="text", help="column of the text")
    parser.add_argument("--label", default="label", help="column of the label's name")
    args = parser.parse_args()
    try:
        print(summary(evaluate_folder(args.folder, args.data, args.text, args.label)))
    except (OSError, ValueError, SafetensorError) as error:
        sys.exit(f"evaluate.py: {error}")


if __name__ == "__main__":
    main()
