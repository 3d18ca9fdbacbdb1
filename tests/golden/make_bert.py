#!/usr/bin/env python3
"""Makes tests/golden/bert_tiny: a random BERT as Hugging Face stores it, and what it answers, computed in float64 from the
papers (BERT, arXiv:1810.04805; GELU, arXiv:1606.08415). Needs NumPy.

    python3 tests/golden/make_bert.py tests/golden/bert_tiny

answers.safetensors holds input_ids and type_ids [texts, length], pads at the end, and for each of the two GELUs, gelu (by
the error function) and gelu_new (by tanh): sequence_output, 0 in pads; pooled_output; logits; mean, of the real rows.
masked.safetensors: a head of masked tokens for the same BERT and answers/GELU [masks, vocabulary] for MASKED_TEXTS.
Pads are computed like any token and masked as keys, as Hugging Face does, and only then set to 0.
"""
import json
import math
import pathlib
import struct
import sys

import numpy as np

SEED = 20261125
WORDS = "the a card money is lost why where my new how i get it not arrived pin bank to".split()
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + WORDS + ["##s", "##ed", "?", ".", ","]
CONFIG = {"model_type": "bert", "architectures": ["BertForSequenceClassification"], "vocab_size": len(PIECES),
          "hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 3, "intermediate_size": 40,
          "max_position_embeddings": 20, "type_vocab_size": 2, "hidden_act": "gelu", "layer_norm_eps": 0.01,
          "pad_token_id": 0, "position_embedding_type": "absolute", "hidden_dropout_prob": 0.1,
          "id2label": {"0": "cards", "1": "money", "2": "other"}, "label2id": {"cards": 0, "money": 1, "other": 2}}
MASKED_TEXTS = [("where is [MASK] card ?", None), ("[MASK] is lost", "how [MASK] i get it ."), ("my pin", None)]
TEXTS = [("where is my card ?", None), ("why is my new pin not arrived", "how i get it ."), ("lost", None)]


def weights(random):
    """Float32 arrays under the names of a checkpoint."""
    d, ff = CONFIG["hidden_size"], CONFIG["intermediate_size"]
    w = {}

    def norm(name):
        w[f"{name}.weight"] = 1 + 0.3 * random.standard_normal(d)
        w[f"{name}.bias"] = 0.3 * random.standard_normal(d)

    def dense(name, inputs, outputs):
        w[f"{name}.weight"] = random.standard_normal((outputs, inputs)) / math.sqrt(inputs)
        w[f"{name}.bias"] = 0.3 * random.standard_normal(outputs)

    for table, rows in (("word", CONFIG["vocab_size"]), ("position", CONFIG["max_position_embeddings"]),
                        ("token_type", CONFIG["type_vocab_size"])):
        w[f"embeddings.{table}_embeddings.weight"] = random.standard_normal((rows, d))
    norm("embeddings.LayerNorm")
    for layer in range(CONFIG["num_hidden_layers"]):
        at = f"encoder.layer.{layer}"
        for part in ("query", "key", "value"):
            dense(f"{at}.attention.self.{part}", d, d)
        dense(f"{at}.attention.output.dense", d, d)
        norm(f"{at}.attention.output.LayerNorm")
        dense(f"{at}.intermediate.dense", d, ff)
        dense(f"{at}.output.dense", ff, d)
        norm(f"{at}.output.LayerNorm")
    dense("pooler.dense", d, d)
    w = {f"bert.{name}": value for name, value in w.items()}
    w["classifier.weight"] = random.standard_normal((3, d)) / math.sqrt(d)
    w["classifier.bias"] = 0.3 * random.standard_normal(3)
    return {name: value.astype(np.float32) for name, value in w.items()}


def masked_weights(random):
    """A head of masked tokens on top; its last kernel is the table of words."""
    d = CONFIG["hidden_size"]
    w = {"transform.dense.weight": random.standard_normal((d, d)) / math.sqrt(d),
         "transform.dense.bias": 0.3 * random.standard_normal(d),
         "transform.LayerNorm.weight": 1 + 0.3 * random.standard_normal(d),
         "transform.LayerNorm.bias": 0.3 * random.standard_normal(d), "bias": random.standard_normal(len(PIECES))}
    return {f"cls.predictions.{name}": value.astype(np.float32) for name, value in w.items()}


def gelu(x):
    return 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def gelu_new(x):
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))


def answer(w, ids, types, activation):
    """Hidden rows of one text, pads too, and its pooled vector and logits."""
    def norm(name, x):
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x ** 2).mean(-1, keepdims=True) + CONFIG["layer_norm_eps"])
        return x * w[f"bert.{name}.weight"] + w[f"bert.{name}.bias"]

    def dense(name, x):
        return x @ w[f"bert.{name}.weight"].T + w[f"bert.{name}.bias"]

    table = {name: w[f"bert.embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type")}
    x = norm("embeddings.LayerNorm", table["word"][ids] + table["position"][:len(ids)] + table["token_type"][types])
    hidden_keys = np.where(ids == CONFIG["pad_token_id"], -1e30, 0.0)
    size = CONFIG["hidden_size"] // CONFIG["num_attention_heads"]
    for layer in range(CONFIG["num_hidden_layers"]):
        at = f"encoder.layer.{layer}"
        q, k, v = (dense(f"{at}.attention.self.{part}", x) for part in ("query", "key", "value"))
        attended = np.zeros_like(x)
        for head in range(CONFIG["num_attention_heads"]):
            cols = slice(head * size, (head + 1) * size)
            scores = q[:, cols] @ k[:, cols].T / math.sqrt(size) + hidden_keys
            powers = np.exp(scores - scores.max(1, keepdims=True))
            attended[:, cols] = powers / powers.sum(1, keepdims=True) @ v[:, cols]
        x = norm(f"{at}.attention.output.LayerNorm", x + dense(f"{at}.attention.output.dense", attended))
        x = norm(f"{at}.output.LayerNorm",
                 x + dense(f"{at}.output.dense", activation(dense(f"{at}.intermediate.dense", x))))
    pooled = np.tanh(dense("pooler.dense", x[0]))
    return x, pooled, pooled @ w["classifier.weight"].T + w["classifier.bias"]


def fill(w, hidden, activation):
    """Logits over the vocabulary of a row of the last block."""
    at = {name[len("cls.predictions."):]: value for name, value in w.items() if name.startswith("cls.")}
    x = activation(at["transform.dense.weight"] @ hidden + at["transform.dense.bias"])
    x = x - x.mean()
    x = x / np.sqrt((x ** 2).mean() + CONFIG["layer_norm_eps"])
    x = x * at["transform.LayerNorm.weight"] + at["transform.LayerNorm.bias"]
    return w["bert.embeddings.word_embeddings.weight"] @ x + at["bias"]


def masked(w, random):
    """What masked.safetensors holds: the head, and of every mask in order the logits for both GELUs."""
    stored = masked_weights(random)
    exact = {name: value.astype(np.float64) for name, value in {**w, **stored}.items()}
    for activation in (gelu, gelu_new):
        rows = [(answer(exact, ids, types, activation)[0], ids) for ids, types in zip(*tokens(MASKED_TEXTS))]
        logits = [fill(exact, x[i], activation) for x, ids in rows for i in np.flatnonzero(ids == PIECES.index("[MASK]"))]
        stored[f"answers/{activation.__name__}"] = np.array(logits, np.float32)
    return stored


def tokens(texts):
    """[CLS] text [SEP] (pair [SEP]), all words being whole pieces; padded to the longest."""
    rows = []
    for text, pair in texts:
        first = [2] + [PIECES.index(word) for word in text.split()] + [3]
        second = [PIECES.index(word) for word in pair.split()] + [3] if pair else []
        rows.append((first + second, [0] * len(first) + [1] * len(second)))
    length = max(len(ids) for ids, _ in rows) + 2
    return [np.array([row[part] + [0] * (length - len(row[part])) for row in rows], np.int32) for part in (0, 1)]


def save(path, arrays):
    header, data = {}, b""
    names = {"float32": "F32", "int32": "I32"}
    for name, array in sorted(arrays.items()):
        blob = np.ascontiguousarray(array).tobytes()
        header[name] = {"dtype": names[array.dtype.name], "shape": list(array.shape),
                        "data_offsets": [len(data), len(data) + len(blob)]}
        data += blob
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def main(folder):
    folder = pathlib.Path(folder)
    folder.mkdir(exist_ok=True)
    stored = weights(np.random.default_rng(SEED))
    exact = {name: value.astype(np.float64) for name, value in stored.items()}
    input_ids, type_ids = tokens(TEXTS)
    answers = {"input_ids": input_ids, "type_ids": type_ids}
    for activation in (gelu, gelu_new):
        hidden, pooled, logits = zip(*(answer(exact, *row, activation) for row in zip(input_ids, type_ids)))
        real = (input_ids != CONFIG["pad_token_id"])[:, :, None]
        hidden = np.array(hidden) * real
        for name, value in (("sequence_output", hidden), ("pooled_output", np.array(pooled)),
                            ("logits", np.array(logits)), ("mean", hidden.sum(1) / real.sum(1))):
            answers[f"{activation.__name__}/{name}"] = value.astype(np.float32)
    save(folder / "model.safetensors", stored)
    save(folder / "masked.safetensors", masked(stored, np.random.default_rng(SEED + 1)))
    save(folder / "answers.safetensors", answers)
    (folder / "config.json").write_text(json.dumps(CONFIG, indent=1) + "\n", encoding="utf-8")
    (folder / "vocab.txt").write_text("\n".join(PIECES) + "\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": true, "tokenizer_class": "BertTokenizer"}\n',
                                                  encoding="utf-8")
    differences = [float(np.abs(answers[f"gelu/{name}"] - answers[f"gelu_new/{name}"]).max())
                   for name in ("sequence_output", "logits")]
    print("largest difference of the two GELUs:", differences)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
