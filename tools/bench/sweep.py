"""How the time of a masked model follows the length of the text."""
import json
import sys

from cases import MAX_SEQ_LEN as LAST
from install import run
from machine import processors

REPEAT = 3
PASSES = 6


def needed_bytes(tensors, num_tokens, max_seq_len):
    """Of the weights that so many tokens need: rows of embeddings, the leading part of sequence matrices, all else."""
    total = 0
    for tensor in tensors:
        share = 1.0
        if "/embedder/" in tensor["name"] and "/embedding" in tensor["name"]:
            share = min(1.0, num_tokens / tensor["shape"][0])
        elif tensor["name"].endswith("/input_kernel"):
            share = (num_tokens / max_seq_len) ** 2
        total += share * tensor["bytes"]
    return round(total)


def tensors_of(smx, model):
    return json.loads(run("smx inspect", [smx, "inspect", model, "--tensors", "--json"]))["tensors"]


def measure_length(smx, model, length):
    command = [smx, "bench", model, "--length", length, "--repeat", REPEAT, "--json"]
    return json.loads(run(f"smx bench --length {length}", command, processors(1)))["latency_us"]["min"] / 1000


def largest_jump(points):
    pairs = zip(points, points[1:])
    first, second = max(pairs, key=lambda pair: pair[1]["min_ms"] / pair[0]["min_ms"])
    return {"from": first["length"], "to": second["length"], "ratio": round(second["min_ms"] / first["min_ms"], 3)}


def measure(smx, model, step, bytes_per_ms):
    """Every length in several passes, up and down, so that a disturbance does not stay. `bytes_per_ms` of reading, or
    None."""
    best, lengths = {}, range(step, LAST + 1, step)
    for index in range(PASSES):
        for length in lengths if index % 2 == 0 else reversed(lengths):
            best[length] = min(measure_length(smx, model, length), best.get(length, float("inf")))
            print(f"compare.py: pass {index + 1} of {PASSES}: {length} tokens, {best[length]:.1f} ms", file=sys.stderr,
                  flush=True)
    tensors = tensors_of(smx, model)
    points = []
    for length, least in sorted(best.items()):
        point = {"length": length, "min_ms": least, "needed_bytes": needed_bytes(tensors, length, LAST)}
        if bytes_per_ms:
            point["reading_ms"] = round(point["needed_bytes"] / bytes_per_ms, 3)
        points.append(point)
    return {"points": points, "largest_jump": largest_jump(points)}
