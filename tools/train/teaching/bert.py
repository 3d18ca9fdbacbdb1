"""A BERT encoder in PyTorch that reads the weights of a Hugging Face folder: the teacher.

Shapes: B texts, L tokens, d = hidden_size. Checked against a NumPy recomputation and, where the weights of MiniLM are
installed, against vectors of the original: tests/tools/train/test_teacher.py.

Source: BERT, arXiv:1810.04805; MiniLM, arXiv:2002.10957.
"""
import json
import math
import pathlib

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

from errors import BadData, NotSupported


class Layer(nn.Module):
    """Attention, add + norm, feed-forward, add + norm; attribute names are those of the checkpoint."""

    def __init__(self, d, heads, width, epsilon, dropout):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.query, self.key, self.value, self.attended = (nn.Linear(d, d) for _ in range(4))
        self.attention_norm, self.output_norm = nn.LayerNorm(d, epsilon), nn.LayerNorm(d, epsilon)
        self.intermediate, self.output = nn.Linear(d, width), nn.Linear(width, d)

    def forward(self, x, hidden_keys):
        """hidden_keys [B,1,1,L]: 0 for real tokens, a large negative number for pads."""
        batch, length, d = x.shape

        def split(projection):
            return projection(x).view(batch, length, self.heads, d // self.heads).transpose(1, 2)

        scores = split(self.query) @ split(self.key).transpose(2, 3) / math.sqrt(d // self.heads)
        probs = F.dropout(torch.softmax(scores + hidden_keys, -1), self.dropout, self.training)
        rows = (probs @ split(self.value)).transpose(1, 2).reshape(batch, length, d)
        x = self.attention_norm(x + F.dropout(self.attended(rows), self.dropout, self.training))
        out = self.output(F.gelu(self.intermediate(x)))
        return self.output_norm(x + F.dropout(out, self.dropout, self.training))


class Bert(nn.Module):
    """Token ids -> hidden states after the last layer."""

    def __init__(self, config):
        super().__init__()
        d, epsilon = config["hidden_size"], config["layer_norm_eps"]
        self.dropout, self.pad_id = config.get("hidden_dropout_prob", 0.1), config.get("pad_token_id", 0)
        self.max_length = config["max_position_embeddings"]
        self.word = nn.Embedding(config["vocab_size"], d)
        self.position = nn.Embedding(self.max_length, d)
        self.token_type = nn.Embedding(config["type_vocab_size"], d)
        self.norm = nn.LayerNorm(d, epsilon)
        self.layers = nn.ModuleList(
            Layer(d, config["num_attention_heads"], config["intermediate_size"], epsilon, self.dropout)
            for _ in range(config["num_hidden_layers"]))

    def forward(self, input_ids, type_ids):
        """[B,L] each, pads at the end -> [B,L,d]."""
        x = self.word(input_ids) + self.position.weight[:input_ids.shape[1]] + self.token_type(type_ids)
        x = F.dropout(self.norm(x), self.dropout, self.training)
        pads = (input_ids == self.pad_id)[:, None, None, :]
        hidden_keys = torch.zeros_like(pads, dtype=x.dtype).masked_fill(pads, torch.finfo(x.dtype).min)
        for layer in self.layers:
            x = layer(x, hidden_keys)
        return x

    def mean_pooled(self, input_ids, type_ids):
        """[B,d]: the mean over real tokens."""
        real = (input_ids != self.pad_id).unsqueeze(2).to(torch.float32)
        return (self(input_ids, type_ids) * real).sum(1) / real.sum(1)


# Ours -> the checkpoint's; each has .weight and .bias.
LAYER_NAMES = {"query": "attention.self.query", "key": "attention.self.key", "value": "attention.self.value",
               "attended": "attention.output.dense", "attention_norm": "attention.output.LayerNorm",
               "intermediate": "intermediate.dense", "output": "output.dense", "output_norm": "output.LayerNorm"}


def checkpoint_name(name):
    """The name in a Hugging Face checkpoint of a parameter of Bert."""
    part, _, rest = name.partition(".")
    if part == "layers":
        number, ours, kind = rest.split(".")
        return f"encoder.layer.{number}.{LAYER_NAMES[ours]}.{kind}"
    if part == "norm":
        return f"embeddings.LayerNorm.{rest}"
    return f"embeddings.{part}_embeddings.{rest}"


def load_bert(folder):
    """The encoder of a folder with config.json and model.safetensors."""
    folder = pathlib.Path(folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    for key, wanted in (("model_type", "bert"), ("hidden_act", "gelu"), ("position_embedding_type", "absolute")):
        if config.get(key, wanted) != wanted:
            raise NotSupported(f"{folder / 'config.json'}: {key} is {config[key]!r}, the teacher must have {wanted!r}")
    tensors = load_file(folder / "model.safetensors")
    tensors = {name.removeprefix("bert."): tensor for name, tensor in tensors.items()}
    model = Bert(config)
    missing = [checkpoint_name(name) for name, _ in model.named_parameters() if checkpoint_name(name) not in tensors]
    if missing:
        raise BadData(f"{folder / 'model.safetensors'}: without {missing[0]} and {len(missing) - 1} more tensors")
    model.load_state_dict({name: tensors[checkpoint_name(name)].float() for name, _ in model.named_parameters()})
    return model
