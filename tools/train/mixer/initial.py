"""Parameters before training."""
import math

import torch

from errors import BadUsage


def initial_weights(shapes, seed):
    """Name -> tensor. Kernels keep the variance of what passes through them; norms start as the identity."""
    generator = torch.Generator().manual_seed(seed)
    return {name: _initial(name, shape, generator) for name, shape in shapes.items()}


def _initial(name, shape, generator):
    if name.endswith("/scale"):
        return torch.ones(shape)
    if name.endswith("bias"):
        return torch.zeros(shape)
    if name.endswith("/embedding"):
        return torch.randn(shape, generator=generator) * 0.02
    if name.endswith("/input_kernel"):
        return _neighbours(shape[0], generator)
    return torch.randn(shape, generator=generator) / math.sqrt(_fan_in(name, shape))


def _fan_in(name, shape):
    if name.endswith("self/out/kernel"):      # [heads, d / heads, d]
        return shape[0] * shape[1]
    if name == "classification/output_kernel":  # [n_classes, d]
        return shape[1]
    return shape[0]


def _neighbours(length, generator):
    """Sequence mixing starts as "look at the words beside you", which every position would otherwise have to
    learn for itself from the few texts that reach it."""
    offset = torch.arange(length)[:, None] - torch.arange(length)[None, :]
    near = (offset == 1) * 0.7 + (offset == -1) * 0.5 + (offset == 2) * 0.3
    return near + torch.randn(length, length, generator=generator) * 0.05


def reduced_embeddings(table, d_emb, rms):
    """table [pieces, D] of a teacher -> [pieces, d_emb]: its directions of largest variance, by SVD, scaled to `rms`.

    The mean is taken off: every piece has it, and the layer norm behind the embeddings sees no piece by it.
    """
    centred = table.double() - table.double().mean(0)
    if d_emb > table.shape[1]:
        raise BadUsage(f"d_emb {d_emb}: the teacher's embeddings have {table.shape[1]}; take that many or fewer, or "
                       "--embeddings random")
    variances, directions = torch.linalg.eigh(centred.t() @ centred)
    directions = directions[:, variances.argsort(descending=True)[:d_emb]]
    # A direction's sign is chance: its largest entry shall be positive, on every machine.
    largest = directions.gather(0, directions.abs().argmax(0, keepdim=True))
    reduced = centred @ (directions * largest.sign())
    return (reduced * (rms / reduced.square().mean().sqrt())).float()
