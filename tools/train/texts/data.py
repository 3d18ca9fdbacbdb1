"""Framed texts in batches: a framed text is (ids, number of leading tokens of type 0), see text.Framer."""
import random

import torch


def batches_by_length(framed, batch_size, seed=None, pool=16):
    """Lists of indices whose texts are about equally long: sorted inside random pools of `pool` batches.

    Without a seed: in the order of length, for evaluation.
    """
    order = list(range(len(framed)))
    rng = random.Random(f"batches {seed}")
    if seed is not None:
        rng.shuffle(order)
    span = batch_size * (pool if seed is not None else max(1, len(order)))
    batches = []
    for start in range(0, len(order), span):
        part = sorted(order[start:start + span], key=lambda index: len(framed[index][0]))
        batches += [part[at:at + batch_size] for at in range(0, len(part), batch_size)]
    if seed is not None:
        rng.shuffle(batches)
    return batches


def pad(framed, pad_id, length=None):
    """ids and types [B, L]; L is the longest text unless given."""
    length = length or max(len(ids) for ids, _ in framed)
    ids = torch.tensor([ids + [pad_id] * (length - len(ids)) for ids, _ in framed])
    types = torch.tensor([[0] * first + [1] * (len(ids) - first) + [0] * (length - len(ids)) for ids, first in framed])
    return ids, types


def predict(model, framed, pad_id, length=None, device="cpu", batch_size=64):
    """Logits [number of texts, n] on the CPU, in the order of `framed`; the model is left as it was."""
    logits, was_training = None, model.training
    model.eval()
    with torch.no_grad():
        for batch in batches_by_length(framed, batch_size):
            ids, types = pad([framed[index] for index in batch], pad_id, length)
            part = model(ids.to(device), types.to(device)).cpu()
            logits = part.new_zeros(len(framed), part.shape[1]) if logits is None else logits
            logits[batch] = part
    model.train(was_training)
    return logits
