#!/usr/bin/env python3
"""Trains a Sparse Mixer text classifier from scratch and writes the folder that smx-quantize reads.

Examples:
  # Any table of labelled texts; 1,000 of them are held out to choose settings by.
  python3 tools/train/train.py data.tsv -o model --hold-out 1000 --epochs 20

  # All texts, with a test set that is looked at once, after the weights are rounded to float16.
  python3 tools/train/train.py train.csv -o model --label category --test test.csv --card card.json

The folder holds model.safetensors (float16), config.json and vocab.txt. The weights are the running average after
the last epoch; neither the held-out texts nor the test set choose among epochs.
"""
import argparse
import json
import math
import random
import sys
import time

import torch
from torch.nn import functional as F

import data
import evaluate
import export
import text as text_tools
from config import ModelConfig
from initial import initial_weights
from model import SparseMixer, parameter_shapes


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("data", help="training texts: .csv, or .tsv with a header line")
    add("-o", "--output", required=True, metavar="FOLDER")
    add("--text", default="text", help="column of the text")
    add("--label", default="label", help="column of the label's name")
    add("--labels", metavar="FILE", help="label names in class order (default: sorted)")
    add("--test", metavar="FILE", help="looked at once, at the end")
    add("--card", metavar="FILE", help="JSON object: the model card's fields except accuracy")
    add("--config", metavar="FILE", help="JSON object: fields of the model's configuration")
    add("--vocab", metavar="FILE", help="use this vocab.txt (default: train one; two runs may break ties differently, "
        "so repeat a run with the vocab.txt of the first)")
    add("--vocab-size", type=int, default=4000)
    add("--hold-out", type=int, default=0, metavar="N", help="training texts kept back to measure on")
    add("--epochs", type=int, default=40)
    add("--batch-size", type=int, default=64)
    add("--learning-rate", type=float, default=1e-3)
    add("--weight-decay", type=float, default=0.05)
    add("--label-smoothing", type=float, default=0.1)
    add("--average", type=float, default=0.998, help="decay of the running average of the weights")
    for rate, default in (("splice", 0.2), ("swap", 0.2), ("drop", 0.1), ("mask", 0.1)):
        add(f"--{rate}", type=float, default=default, help="augmentation rate")
    add("--seed", type=int, default=1)
    add("--threads", type=int, default=2)
    return parser.parse_args()


def read_data(args):
    """Training set, held-out set (or None), pieces and labels."""
    texts, names = data.read_table(args.data, args.text, args.label)
    labels = data.read_labels(args.labels) if args.labels else sorted(set(names))
    pieces = (text_tools.read_vocabulary(args.vocab) if args.vocab
              else text_tools.train_vocabulary(texts, args.vocab_size))
    classes = data.class_numbers(names, labels)
    if not 0 <= args.hold_out < len(texts):
        raise ValueError(f"--hold-out {args.hold_out}: the table has {len(texts)} texts")
    words = text_tools.encode_words(text_tools.make_tokenizer(pieces), texts)
    order = list(range(len(texts)))
    random.Random(args.seed).shuffle(order)

    def subset(indices):
        return [words[index] for index in indices], [classes[index] for index in indices]

    held_out = subset(order[:args.hold_out]) if args.hold_out else None
    return subset(order[args.hold_out:]), held_out, pieces, labels


def make_model(args, pieces, labels):
    fields = {"padding": "masked"}
    if args.config:
        with open(args.config, encoding="utf-8") as file:
            fields.update(json.load(file))
    config = ModelConfig.from_dict({**fields, "vocab_size": len(pieces), "n_classes": len(labels),
                                    "pad_id": pieces.index(text_tools.PAD)})
    model = SparseMixer(config)
    model.load_weights(initial_weights(parameter_shapes(config), args.seed))
    return model


def make_optimizer(model, args, num_steps):
    """AdamW, decay on kernels only; learning rate: linear warm-up over 5 % of the steps, then half a cosine."""
    kernels = [w for name, w in model.weights.items() if name.endswith("kernel")]
    others = [w for name, w in model.weights.items() if not name.endswith("kernel")]
    optimizer = torch.optim.AdamW(
        [{"params": kernels, "weight_decay": args.weight_decay}, {"params": others, "weight_decay": 0.0}],
        lr=args.learning_rate, betas=(0.9, 0.98))
    warm_up = max(1, num_steps // 20)

    def factor(step):
        if step < warm_up:
            return (step + 1) / warm_up
        return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, num_steps - warm_up)))

    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


class Average:
    """Running average of the weights; its own first steps are weighted down (as Adam's moments are)."""

    def __init__(self, model, decay):
        self.model, self.decay, self.steps = model, decay, 0
        self.weights = {name: w.detach().clone() for name, w in model.weights.items()}

    def update(self):
        self.steps += 1
        decay = min(self.decay, self.steps / (self.steps + 9))
        for name, w in self.model.weights.items():
            self.weights[name].lerp_(w.detach(), 1 - decay)

    def as_model(self):
        averaged = SparseMixer(self.model.config).eval()
        averaged.load_weights(self.weights)
        return averaged


def train(model, dataset, held_out, args):
    """Returns the averaged model."""
    rng = random.Random(args.seed)
    rates = {name: getattr(args, name) for name in ("splice", "swap", "drop", "mask")}
    steps_per_epoch = len(data.batches_by_length(dataset.words, args.batch_size, rng))
    optimizer, schedule = make_optimizer(model, args, args.epochs * steps_per_epoch)
    average, start = Average(model, args.average), time.monotonic()
    classes = torch.tensor(dataset.classes)
    for epoch in range(args.epochs):
        model.train()
        loss_sum = 0.0
        sequences = dataset.augmented(rates, rng)
        for batch in data.batches_by_length(sequences, args.batch_size, rng):
            ids = data.pad([sequences[index] for index in batch], model.config)
            loss = F.cross_entropy(model(ids, torch.zeros_like(ids)), classes[batch],
                                   label_smoothing=args.label_smoothing)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            average.update()
            loss_sum += float(loss) * len(batch)
        line = f"epoch {epoch + 1}/{args.epochs} loss {loss_sum / len(dataset):.4f}"
        if held_out and ((epoch + 1) % 5 == 0 or epoch + 1 == args.epochs):
            value = evaluate.accuracy(average.as_model(), held_out.plain(), held_out.classes)
            line += f" held-out accuracy {value:.4f}"
        print(f"{line} {time.monotonic() - start:.0f} s", flush=True)
    return average.as_model()


def write_results(args, model, pieces, labels):
    """Writes the folder; with a test set, measures the written weights and states it in the card."""
    card = {"name": "", "licence": "", "language": "", "training_data": "", "accuracy": "not measured",
            "description": ""}
    if args.card:
        with open(args.card, encoding="utf-8") as file:
            card.update(json.load(file))
    export.save_model(args.output, model.weights, model.config, pieces, labels, card)
    if args.test:
        result = evaluate.evaluate_folder(args.output, args.test, args.text, args.label)
        card["accuracy"] = (f"{100 * result['accuracy']:.2f} % of {result['count']:,} test texts, "
                            f"macro F1 {100 * result['macro_f1']:.2f} %, float32")
        export.write_config(args.output, model.config, labels, card)
        print(f"test set: {evaluate.summary(result)}")
    print(f"{sum(w.numel() for w in model.weights.values()):,} parameters in {args.output}")


def run(args):
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    training, held_out, pieces, labels = read_data(args)
    model = make_model(args, pieces, labels)
    length = model.config.max_seq_length
    dataset = data.Dataset(*training, pieces, length)
    held_out = held_out and data.Dataset(*held_out, pieces, length)
    write_results(args, train(model, dataset, held_out, args), pieces, labels)


def main():
    args = parse_arguments()
    try:
        run(args)
    except (OSError, ValueError) as error:
        sys.exit(f"train.py: {error}")


if __name__ == "__main__":
    main()
