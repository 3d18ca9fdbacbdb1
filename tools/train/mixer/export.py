"""A model folder: model.safetensors, config.json, vocab.txt, labels.txt, card.md; the input of smx-quantize.

It appears whole or not at all: all is written beside it, then the folders change names.
"""
import contextlib
import dataclasses
import json
import os
import pathlib
import shutil

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from errors import BadData, BadUsage, NotWritten
from mixer import config as model_config
from mixer.model import SparseMixer
from texts import text as text_tools

CONTENT = {"model.safetensors", "config.json", "vocab.txt", "labels.txt", "card.md", "training.json"}


def check_output(folder):
    """Only a model folder, an empty one or none may be replaced."""
    folder = pathlib.Path(folder)
    if folder.is_dir():
        surplus = sorted({path.name for path in folder.iterdir()} - CONTENT)
        if surplus:
            raise BadUsage(f"-o {folder}: holds {surplus[0]}, which is no part of a model; take a new folder")
    elif folder.exists():
        raise BadUsage(f"-o {folder}: a file; the output is a folder")


@contextlib.contextmanager
def whole_folder(folder):
    """Gives a folder to write into, which becomes `folder` at the end, unless something is raised."""
    folder = pathlib.Path(folder)
    beside, old = (folder.with_name(f"{folder.name}.{what}-{os.getpid()}") for what in ("new", "old"))
    try:
        beside.mkdir(parents=True)
        yield beside
        for path in beside.iterdir():
            with open(path, "rb") as file:
                os.fsync(file.fileno())
        if folder.exists():
            folder.rename(old)
        beside.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    except (OSError, SafetensorError) as error:
        if old.exists() and not folder.exists():
            old.rename(folder)
        raise NotWritten(f"{folder}: not written: {error}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def write_weights(folder, weights):
    """Rounded to float16."""
    halves = {name: tensor.detach().cpu().to(torch.float16).contiguous() for name, tensor in weights.items()}
    for name, tensor in halves.items():
        if not torch.isfinite(tensor).all():
            raise NotWritten(f"{name}: a value is not finite in float16, whose largest is 65504; the training has gone "
                             "wrong, try a lower --learning-rate")
    save_file(halves, folder / "model.safetensors")


def write_config(folder, config, labels, card, temperature=None):
    values = dataclasses.asdict(config)
    if labels:
        values["labels"] = labels
    if temperature is not None:
        values["temperature"] = temperature
    values["tokenizer"] = {"file": "vocab.txt", **text_tools.SWITCHES}
    values["model_card"] = card
    _write(folder / "config.json", json.dumps(values, indent=1, ensure_ascii=False) + "\n")


def write_words(folder, pieces, labels):
    text_tools.write_vocabulary(folder / "vocab.txt", pieces)
    if labels:
        _write(folder / "labels.txt", "".join(label + "\n" for label in labels))


def write_text(folder, name, text):
    _write(folder / name, text)


def _write(path, text):
    path.write_text(text, encoding="utf-8", newline="\n")


def load_model(folder):
    """The model of a folder with its float16 weights widened to float32, its pieces and its labels."""
    folder = pathlib.Path(folder)
    path = folder / "config.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        model = SparseMixer(model_config.ModelConfig.from_dict(values)).eval()
        tensors = load_file(folder / "model.safetensors")
        model.load_weights({name: tensor.float() for name, tensor in tensors.items()})
    except (ValueError, SafetensorError) as error:
        raise BadData(f"{folder}: {error}") from error
    labels = values.get("labels")
    if not model.config.is_regression and len(labels or []) != model.config.n_classes:
        raise BadData(f"{path}: labels must name all {model.config.n_classes} classes")
    return model, text_tools.read_vocabulary(folder / "vocab.txt"), labels
