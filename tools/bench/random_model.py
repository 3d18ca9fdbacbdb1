#!/usr/bin/env python3
"""Writes the folder of a model in a published size with random weights, for measurements of speed: config.json and
params.safetensors, as smx-quantize reads them. The same name always gives the same weights.

    random_model.py sparse-mixer-base OUT [--masked] [--max-seq-len 512]
    smx-quantize OUT -o base.smx --type int8
    smx bench base.smx

Sizes: table 1 and section 4 of the paper (arXiv 2205.12399); BERT Base of its paper with the same vocabulary."""
import argparse
import json
import pathlib
import sys
import zlib

import numpy

SPARSE = dict(model_arch="LINEAR", num_layers=14, d_model=512, d_ff=2048, num_heads=8, num_attention_layers=4,
              attention_layout="TOP", num_moe_layers=4, moe_layout="MIDDLE", num_experts=16, train_capacity_factor=1.0,
              eval_capacity_factor=1.0)
SIZES = {
    "sparse-mixer-base": SPARSE,
    "fast-sparse-mixer-base": dict(SPARSE, train_capacity_factor=0.5, eval_capacity_factor=0.5),
    "bert-base": dict(model_arch="BERT", num_layers=12, d_model=768, d_ff=3072, num_heads=12, num_attention_layers=0,
                      attention_layout="TOP", num_moe_layers=0, moe_layout="MIDDLE", num_experts=1,
                      train_capacity_factor=1.0, eval_capacity_factor=1.0),
}
COMMON = dict(vocab_size=32000, type_vocab_size=4, max_group_size=4096, min_expert_capacity=4,
              dispatch_algorithm="MASK_EXPERTS_CHOOSE", num_selected_experts=1, batch_prioritized_routing=True,
              jitter_noise=0.0, use_fft=False, pad_id=0, dropout_rate=0.1, mixing_dropout_rate=0.1,
              expert_dropout_rate=0.1, dtype="float32", n_classes=3, is_regression=False)


def special_layers(layout, count, num_layers):
    """The reference's rule for the two layouts that the published sizes use."""
    if layout == "TOP":
        return range(num_layers - count, num_layers)
    first = (num_layers - count) // 2
    return range(first, first + count)


def layer_shapes(config, layer, has_attention, has_experts):
    d, n, experts = config["d_model"], config["max_seq_length"], config["num_experts"]
    if has_attention:
        heads = config["num_heads"]
        self_attention = f"encoder/attention_{layer}/self"
        for part in ("query", "key", "value"):
            yield f"{self_attention}/{part}/kernel", (d, heads, d // heads)
            yield f"{self_attention}/{part}/bias", (heads, d // heads)
        yield f"{self_attention}/out/kernel", (heads, d // heads, d)
        yield f"{self_attention}/out/bias", (d,)
    else:
        yield f"encoder/linear_transform_{layer}/input_kernel", (n, n)
        yield f"encoder/linear_transform_{layer}/hidden_kernel", (d, d)
    stage, middle = ("expert", (experts,)) if has_experts else ("feed_forward", ())
    d_ff = config["expert_d_ff"] if has_experts else config["d_ff"]
    for part, inputs, outputs in (("intermediate", d, d_ff), ("output", d_ff, d)):
        yield f"encoder/{stage}_{layer}/{part}/kernel", (inputs, *middle, outputs)
        yield f"encoder/{stage}_{layer}/{part}/bias", (outputs, *middle)
    if has_experts:
        yield f"encoder/router_weights_{layer}/DenseGeneral_0/kernel", (d, experts)
        yield f"encoder/router_weights_{layer}/DenseGeneral_0/bias", (experts,)
    for norm in ("mixing_layer_norm", "output_layer_norm"):
        yield f"encoder/encoder_{layer}/{norm}/scale", (d,)
        yield f"encoder/encoder_{layer}/{norm}/bias", (d,)


def shapes(config):
    d, n = config["d_model"], config["max_seq_length"]
    yield "encoder/embedder/word/embedding", (config["vocab_size"], d)
    yield "encoder/embedder/position/embedding", (1, n, d)
    yield "encoder/embedder/type/embedding", (config["type_vocab_size"], d)
    yield "encoder/embedder/layer_norm/scale", (d,)
    yield "encoder/embedder/layer_norm/bias", (d,)
    yield "encoder/embedder/hidden_mapping_in/kernel", (d, d)
    yield "encoder/embedder/hidden_mapping_in/bias", (d,)
    is_bert = config["model_arch"] == "BERT"
    layers = config["num_layers"]
    attention = special_layers(config["attention_layout"], config["num_attention_layers"], layers)
    experts = special_layers(config["moe_layout"], config["num_moe_layers"], layers)
    for layer in range(layers):
        yield from layer_shapes(config, layer, is_bert or layer in attention, layer in experts)
    yield "encoder/pooler/kernel", (d, d)
    yield "encoder/pooler/bias", (d,)
    yield "classification/output_kernel", (config["n_classes"], d)
    yield "classification/output_bias", (config["n_classes"],)


def values(name, shape):
    numbers = numpy.random.Generator(numpy.random.SFC64(zlib.crc32(name.encode()))).standard_normal(shape, numpy.float32)
    return 1 + numbers * numpy.float32(0.01) if name.endswith("/scale") else numbers * numpy.float32(0.03)


def write(config, folder):
    folder.mkdir(parents=True, exist_ok=True)
    header, begin = {}, 0
    for name, shape in shapes(config):
        end = begin + 4 * int(numpy.prod(shape))
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(folder / "params.safetensors", "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, entry in header.items():
            values(name, entry["shape"]).astype("<f4").tofile(file)
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("size", choices=SIZES)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--masked", action="store_true", help="cost follows the length of the text")
    parser.add_argument("--max-seq-len", type=int, default=512)
    flags = parser.parse_args()
    if flags.max_seq_len < 1:
        sys.exit(f"random_model.py: --max-seq-len {flags.max_seq_len}, must be at least 1")
    size = SIZES[flags.size]
    config = {**COMMON, **size, "max_seq_length": flags.max_seq_len, "d_emb": size["d_model"],
              "expert_d_ff": size["d_ff"]}
    if flags.masked:
        config["padding"] = "masked"
    write(config, flags.folder)


if __name__ == "__main__":
    main()
