"""The published sizes: configurations as the reference's config.json, and the shapes of their parameters.

Sizes: table 1 and section 4 of the paper (arXiv 2205.12399); BERT Base of its paper with the same vocabulary."""
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
    """The reference's rule for the two layouts that the models here use."""
    if layout == "TOP":
        return range(num_layers - count, num_layers)
    first = (num_layers - count + 1) // 2
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
    for layer, kinds in enumerate(layer_kinds(config)):
        yield from layer_shapes(config, layer, *kinds)
    yield "encoder/pooler/kernel", (d, d)
    yield "encoder/pooler/bias", (d,)
    yield "classification/output_kernel", (config["n_classes"], d)
    yield "classification/output_bias", (config["n_classes"],)


def configuration(name, max_seq_len, masked=False):
    """The config.json of a size."""
    size = SIZES[name]
    config = {**COMMON, **size, "max_seq_length": max_seq_len, "d_emb": size["d_model"], "expert_d_ff": size["d_ff"]}
    return {**config, "padding": "masked"} if masked else config


def layer_kinds(config):
    """(has attention, has experts) of every layer."""
    layers = config["num_layers"]
    attention = special_layers(config["attention_layout"], config["num_attention_layers"], layers)
    experts = special_layers(config["moe_layout"], config["num_moe_layers"], layers)
    is_bert = config["model_arch"] == "BERT"
    return [(is_bert or layer in attention, layer in experts) for layer in range(layers)]


def expert_capacity(config, num_tokens):
    """Tokens that an expert takes."""
    wanted = round(config["eval_capacity_factor"] * num_tokens / config["num_experts"])
    return min(max(wanted, config["min_expert_capacity"]), num_tokens)


def multiply_adds(config, num_tokens):
    """Of the matrix products on so many rows, none left out; BERT's without `hidden_mapping_in`, which others lack."""
    d, d_ff, n = config["d_model"], config["d_ff"], num_tokens
    total = 0 if config["model_arch"] == "BERT" else n * d * d
    for has_attention, has_experts in layer_kinds(config):
        total += 4 * n * d * d + 2 * n * n * d if has_attention else n * d * d + n * n * d
        rows = expert_capacity(config, n) * config["num_experts"] if has_experts else n
        total += 2 * rows * d * d_ff + (n * d * config["num_experts"] if has_experts else 0)
    return total
