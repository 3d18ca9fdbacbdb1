"""Weights as matrices [inputs, outputs], those that random_model.py writes or a trained checkpoint's, and made-up
tokens."""
import json
import pathlib

import numpy

import random_model
import sizes
from cases import MAX_SEQ_LEN


class Random:
    """Of a published size."""

    def __init__(self, size):
        self.config = sizes.configuration(size, MAX_SEQ_LEN)
        self._shapes = dict(sizes.shapes(self.config))

    def __getitem__(self, name):
        return random_model.values(name, self._shapes[name])


class Checkpoint:
    """A folder with config.json and model.safetensors, as smx-quantize reads it."""
    TYPES = {"F16": "<f2", "F32": "<f4"}

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        self.config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        content = (folder / "model.safetensors").read_bytes()
        begin = 8 + int.from_bytes(content[:8], "little")
        self._entries, self._data = json.loads(content[8:begin]), memoryview(content)[begin:]

    def __getitem__(self, name):
        entry = self._entries[name]
        first, last = entry["data_offsets"]
        values = numpy.frombuffer(self._data[first:last], self.TYPES[entry["dtype"]])
        return values.reshape(entry["shape"]).astype(numpy.float32)


class Parameters:
    """Of a published size or of a checkpoint's folder, by the checkpoint's names."""

    def __init__(self, model):
        self._source = Random(model) if model in sizes.SIZES else Checkpoint(model)
        self.config = self._source.config
        self.is_bert = self.config["model_arch"] == "BERT"
        self.layers = sizes.layer_kinds(self.config)

    def __getitem__(self, name):
        return self._source[name]

    def dense(self, name):
        """Kernel [inputs, outputs] and bias [outputs]; heads are columns side by side."""
        bias = self[f"{name}/bias"].reshape(-1)
        return self[f"{name}/kernel"].reshape(-1, bias.size), bias

    def norm(self, name):
        return self[f"{name}/scale"], self[f"{name}/bias"]

    def sequence_matrix(self, layer, length):
        """[length, length]: what mixes rows; the leading part of it where the length is less than the model's."""
        return self[f"encoder/linear_transform_{layer}/input_kernel"][:length, :length]

    def experts(self, layer, part):
        """Kernels [num_experts, inputs, outputs] and biases [num_experts, outputs]."""
        name = f"encoder/expert_{layer}/{part}"
        kernel, bias = self[f"{name}/kernel"].transpose(1, 0, 2), self[f"{name}/bias"].transpose(1, 0)
        return numpy.ascontiguousarray(kernel), numpy.ascontiguousarray(bias)

    def capacity(self, length):
        return sizes.expert_capacity(self.config, length)


def feeds_of(rows):
    """The inputs for texts of the same length, none of their tokens a pad."""
    ids = numpy.array(rows, numpy.int64)
    return {"input_ids": ids, "attention_mask": numpy.ones_like(ids), "token_type_ids": numpy.zeros_like(ids)}


def inputs(length, num_tokens, seed=0):
    """Ids of so many real tokens, padded to the length; the same seed always gives the same ids."""
    ids = numpy.zeros((1, length), numpy.int64)
    ids[0, :num_tokens] = numpy.random.default_rng(seed).integers(5, sizes.COMMON["vocab_size"], num_tokens)
    mask = numpy.zeros((1, length), numpy.int64)
    mask[0, :num_tokens] = 1
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": numpy.zeros((1, length), numpy.int64)}
