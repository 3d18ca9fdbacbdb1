"""One text of n tokens through a model with masked padding, in NumPy and float64: no pads, no batch, loops.

It shares no code with the trainer. The maths and the names of parameters are those of the reference; what masked
padding adds is the leading n x n block of input_kernel, a Fourier transform of length n, softmax over n keys, and expert
capacity min(C, n).

Source: Sparse Mixers, arXiv:2205.12399.
"""
import math

import numpy as np


def logits(config, weights, ids, type_ids):
    """config: the fields of config.json; weights: name -> array; ids, type_ids [n] -> [n_classes]."""
    w = {name: np.asarray(value, np.float64) for name, value in weights.items()}
    x = _embed(w, ids, type_ids)
    for layer in range(config["num_layers"]):
        if _is_special(config, layer, config["num_attention_layers"], config["attention_layout"]):
            mixed = _attention(w, f"encoder/attention_{layer}/self", x)
        elif config["model_arch"] == "F_NET":
            mixed = np.fft.fft2(x).real
        else:
            mixed = _linear(w, f"encoder/linear_transform_{layer}", x)
        x = _norm(w, f"encoder/encoder_{layer}/mixing_layer_norm", x + mixed)
        if _is_special(config, layer, config["num_moe_layers"], config["moe_layout"]):
            out = _experts(w, layer, x, capacity(config, len(ids)))
        else:
            out = _feed_forward(w, f"encoder/feed_forward_{layer}", x)
        x = _norm(w, f"encoder/encoder_{layer}/output_layer_norm", x + out)
    pooled = np.tanh(_dense(w, "encoder/pooler", x[0]))
    return w["classification/output_kernel"] @ pooled + w["classification/output_bias"]


def capacity(config, n):
    """Tokens that an expert takes of n: round(factor * n / experts), half to even, at least the minimum, at most n."""
    rounded = round(config["eval_capacity_factor"] * n / config["num_experts"])
    return min(max(rounded, config["min_expert_capacity"]), n)


def _is_special(config, layer, wanted, layout):
    layers = config["num_layers"]
    chosen = {"TOP": range(layers - wanted, layers),
              "MIDDLE": [i for i in range(layers) if layers - wanted <= 2 * i < layers + wanted]}
    return layer in chosen[layout]


def _embed(w, ids, type_ids):
    name = "encoder/embedder"
    rows = [w[f"{name}/word/embedding"][ids[i]] + w[f"{name}/position/embedding"][0, i]
            + w[f"{name}/type/embedding"][type_ids[i]] for i in range(len(ids))]
    return _dense(w, f"{name}/hidden_mapping_in", _norm(w, f"{name}/layer_norm", np.array(rows)))


def _linear(w, name, x):
    n = len(x)
    return w[f"{name}/input_kernel"][:n, :n] @ x @ w[f"{name}/hidden_kernel"]


def _attention(w, name, x):
    n, heads = len(x), w[f"{name}/query/kernel"].shape[1]
    out = np.zeros((n, x.shape[1])) + w[f"{name}/out/bias"]
    for head in range(heads):
        query, key, value = (x @ w[f"{name}/{part}/kernel"][:, head] + w[f"{name}/{part}/bias"][head]
                             for part in ("query", "key", "value"))
        probs = _softmax(query @ key.T / math.sqrt(query.shape[1]))
        out += probs @ value @ w[f"{name}/out/kernel"][head]
    return out


def _experts(w, layer, x, slots):
    """out[t] = sum over the experts e that chose t of p[t,e] * expert_e(x[t])."""
    probs = _softmax(_dense(w, f"encoder/router_weights_{layer}/DenseGeneral_0", x))
    name, out = f"encoder/expert_{layer}", np.zeros_like(x)
    for e in range(probs.shape[1]):
        best_first = sorted(range(len(x)), key=lambda t: (-probs[t, e], t))
        for t in best_first[:slots]:
            hidden = x[t] @ w[f"{name}/intermediate/kernel"][:, e] + w[f"{name}/intermediate/bias"][:, e]
            answer = _gelu(hidden) @ w[f"{name}/output/kernel"][:, e] + w[f"{name}/output/bias"][:, e]
            out[t] += probs[t, e] * answer
    return out


def _feed_forward(w, name, x):
    return _dense(w, f"{name}/output", _gelu(_dense(w, f"{name}/intermediate", x)))


def _dense(w, name, x):
    return x @ w[f"{name}/kernel"] + w[f"{name}/bias"]


def _norm(w, name, x):
    centred = x - x.mean(-1, keepdims=True)
    variance = (centred ** 2).mean(-1, keepdims=True)
    return centred / np.sqrt(variance + 1e-12) * w[f"{name}/scale"] + w[f"{name}/bias"]


def _softmax(x):
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def _gelu(x):
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))
