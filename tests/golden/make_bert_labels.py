#!/usr/bin/env python3
"""Makes tests/golden/bert_tiny/token_labels.safetensors: a head of token labels for the BERT of make_bert.py, and its
logits by transformers' BertForTokenClassification. Needs NumPy, PyTorch and transformers; SOURCE.md says which.

    python3 tests/golden/make_bert_labels.py tests/golden/bert_tiny

classifier.weight [labels, d], classifier.bias [labels]; answers/gelu and answers/gelu_new [texts, length, labels] for
input_ids of answers.safetensors, float32, 0 in pads. They must agree with the forward pass of make_bert.py in NumPy and
float64, which this checks.
"""
import json
import pathlib
import struct
import sys

import numpy as np
import torch
import transformers

import make_bert

LABELS = ["O", "B-CARD", "I-CARD", "B-PLACE", "I-PLACE"]
BOUND = 5e-6


def load(path):
    blob = path.read_bytes()
    size = struct.unpack("<Q", blob[:8])[0]
    types = {"F32": np.float32, "I32": np.int32}
    arrays = {}
    for name, entry in json.loads(blob[8:8 + size]).items():
        begin, end = entry["data_offsets"]
        array = np.frombuffer(blob[8 + size + begin:8 + size + end], types[entry["dtype"]])
        arrays[name] = array.reshape(entry["shape"])
    return arrays


def by_transformers(arrays, activation, ids, types):
    config = transformers.BertConfig(**{**make_bert.CONFIG, "hidden_act": activation,
                                        "id2label": dict(enumerate(LABELS))}, attn_implementation="eager")
    model = transformers.BertForTokenClassification(config).eval()
    state = {name: torch.tensor(value) for name, value in arrays.items() if not name.startswith("bert.pooler.")}
    missing = model.load_state_dict(state, strict=False)
    assert not missing.unexpected_keys and all("position_ids" in key for key in missing.missing_keys), missing
    with torch.no_grad():
        return model(input_ids=torch.tensor(ids).long(), token_type_ids=torch.tensor(types).long(),
                     attention_mask=torch.tensor(ids != 0)).logits.numpy()


def main(folder):
    folder = pathlib.Path(folder)
    bert = {name: value for name, value in load(folder / "model.safetensors").items() if name.startswith("bert.")}
    texts = load(folder / "answers.safetensors")
    ids, types = texts["input_ids"], texts["type_ids"]
    random = np.random.default_rng(make_bert.SEED + 2)
    d = make_bert.CONFIG["hidden_size"]
    real = (ids != make_bert.CONFIG["pad_token_id"])[:, :, None]
    exact = {name: value.astype(np.float64) for name, value in bert.items()}
    exact.update({"classifier.weight": np.zeros((1, d)), "classifier.bias": np.zeros(1)})  # that of texts, not read
    rows = np.array([make_bert.answer(exact, *row, make_bert.gelu)[0] for row in zip(ids, types)])
    weight = 3 * random.standard_normal((len(LABELS), d)) / np.sqrt(d)
    # Rows of an untrained BERT differ little: what they have in common is taken off, so that labels differ.
    head = {"classifier.weight": weight.astype(np.float32),
            "classifier.bias": (-weight @ rows[real[:, :, 0]].mean(0)).astype(np.float32)}
    stored = dict(head)
    exact.update({name: value.astype(np.float64) for name, value in head.items()})
    for activation in (make_bert.gelu, make_bert.gelu_new):
        logits = by_transformers({**bert, **head}, activation.__name__, ids, types) * real
        rows = np.array([make_bert.answer(exact, *row, activation)[0] for row in zip(ids, types)])
        expected = (rows @ exact["classifier.weight"].T + exact["classifier.bias"]) * real
        print(activation.__name__, "largest difference from NumPy:", np.abs(logits - expected).max())
        assert np.abs(logits - expected).max() < BOUND
        stored[f"answers/{activation.__name__}"] = logits.astype(np.float32)
    make_bert.save(folder / "token_labels.safetensors", stored)
    print("transformers", transformers.__version__, "PyTorch", torch.__version__, "NumPy", np.__version__)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
