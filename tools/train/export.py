"""A model folder: model.safetensors, config.json, vocab.txt; the input of smx-quantize."""
import dataclasses
import json
import pathlib

import torch
from safetensors.torch import load_file, save_file

import config as model_config
import text as text_tools
from model import SparseMixer


def save_model(folder, weights, config, pieces, labels, card):
    """Writes `weights`, rounded to float16, and everything that is needed to use them."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    halves = {name: tensor.detach().to(torch.float16).contiguous() for name, tensor in weights.items()}
    for name, tensor in halves.items():
        if not torch.isfinite(tensor).all():
            raise ValueError(f"{name}: a value is not finite in float16")
    save_file(halves, folder / "model.safetensors")
    text_tools.write_vocabulary(folder / "vocab.txt", pieces)
    write_config(folder, config, labels, card)


def write_config(folder, config, labels, card):
    values = dataclasses.asdict(config)
    values["labels"] = labels
    values["tokenizer"] = {"file": "vocab.txt", **text_tools.SWITCHES}
    values["model_card"] = card
    with open(pathlib.Path(folder) / "config.json", "w", encoding="utf-8") as file:
        file.write(json.dumps(values, indent=1, ensure_ascii=False) + "\n")


def load_model(folder):
    """The model of a folder with its float16 weights widened to float32, its pieces and its labels."""
    folder = pathlib.Path(folder)
    model = SparseMixer(model_config.load_config(folder / "config.json")).eval()
    model.load_weights({name: tensor.float() for name, tensor in load_file(folder / "model.safetensors").items()})
    labels = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("labels")
    if not labels or len(labels) != model.config.n_classes:
        raise ValueError(f"{folder / 'config.json'}: labels must name all {model.config.n_classes} classes")
    return model, text_tools.read_vocabulary(folder / "vocab.txt"), labels
