"""The trainer's forward pass against the reference's answers.

Cases: tests/golden/cases. The reference has no masked padding; there the trainer is held to masked_numpy.py, which is
itself held to a case without pads.
"""
import dataclasses
import json

import torch
from safetensors.torch import load_file

import masked_numpy
from mixer.config import ModelConfig
from mixer.model import SparseMixer, parameter_shapes
from runner import ROOT

CASES_FOLDER = ROOT / "tests" / "golden" / "cases"
CASES = ("linear", "bert", "bert_shorter_than_max", "sparse_mixer", "fast_sparse_mixer", "min_capacity",
         "short_text", "f_net", "odd_f_net")
# Measured for the reference itself, eager against jit and float32 against float64: at most 7e-6.
BOUND = 1e-5


def load_case(folder, overrides):
    """The model of a case, and the reference's numbers for it: with a float32 router where it has one."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    model = SparseMixer(ModelConfig.from_dict({**config, **overrides})).eval()
    model.load_weights(load_file(folder / "params.safetensors"))
    float32_router = folder / "io_router_f32.safetensors"
    return model, load_file(float32_router if float32_router.exists() else folder / "io.safetensors")


def run(model, input_ids, type_ids):
    got = {}
    with torch.no_grad():
        model(input_ids.long(), type_ids.long(), got)
    return got


def worst_difference(folder):
    """Largest absolute difference over embedding, layers, router probabilities, pooled and logits."""
    # The golden batches are one routing group each, pads included.
    model, want = load_case(folder, {"padding": "reference", "routing_group": "batch"})
    got = run(model, want["input_ids"], want["type_ids"])
    # Files without a router leave out what is the last layer's output again.
    want.setdefault("sequence_output", want[f"layer_{model.config.num_layers - 1}"])
    for required in ("embedding_output", "pooled_output", "logits"):
        assert required in got and required in want, required
    shared = [name for name in got if name in want]
    assert len(shared) == len(got), f"not in the golden file: {sorted(set(got) - set(want))}"
    return max(float((got[name] - want[name]).abs().max()) for name in shared)


def check_case(name, folder):
    difference = worst_difference(folder / name)
    assert difference <= BOUND, f"{name}: off by {difference:.1e}, bound {BOUND:.0e}"
    return difference


def masked_model(model_arch="LINEAR"):
    """A small model with masked padding and random weights."""
    torch.manual_seed(7)
    config = ModelConfig(model_arch=model_arch, num_layers=4, d_model=32, d_ff=48, expert_d_ff=48, d_emb=16,
                         num_heads=4, vocab_size=50, max_seq_length=40, num_moe_layers=2, n_classes=5,
                         padding="masked")
    model = SparseMixer(config).eval()
    model.load_weights({name: torch.randn(shape) * 0.3 for name, shape in parameter_shapes(config).items()})
    return model


def test_golden():
    return f"worst difference {max(check_case(name, CASES_FOLDER) for name in CASES):.1e}"


def test_numpy_agrees_with_the_reference_without_pads():
    """One text that fills the model: there both paddings mean the same."""
    folder = CASES_FOLDER / "min_capacity"
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    want = load_file(folder / "io_router_f32.safetensors")
    assert want["input_ids"].shape == (1, config["max_seq_length"]) and (want["input_ids"] != config["pad_id"]).all()
    got = masked_numpy.logits(config, load_file(folder / "params.safetensors"),
                              want["input_ids"][0].tolist(), want["type_ids"][0].tolist())
    assert float((torch.from_numpy(got) - want["logits"][0]).abs().max()) <= BOUND


def check_masked_model(config, weights, lengths):
    """Texts of these lengths in one padded batch, each against masked_numpy on its tokens alone."""
    model = SparseMixer(config).eval()
    model.load_weights(weights)
    width = max(lengths)
    ids = torch.randint(1, config.vocab_size, (len(lengths), width))
    types = torch.randint(0, config.type_vocab_size, (len(lengths), width))
    for row, n in enumerate(lengths):
        ids[row, n:] = types[row, n:] = 0
    logits = run(model, ids, types)["logits"]
    worst = 0.0
    for row, n in enumerate(lengths):
        want = masked_numpy.logits(dataclasses.asdict(config), weights, ids[row, :n].tolist(), types[row, :n].tolist())
        difference = float((logits[row].double() - torch.from_numpy(want)).abs().max())
        assert difference <= BOUND, f"text of {n} tokens: off by {difference:.1e}"
        worst = max(worst, difference)
    return worst


def test_masked_equals_numpy_on_random_weights():
    worst = 0.0
    for model_arch in ("LINEAR", "F_NET"):
        model = masked_model(model_arch)
        weights = {name: w.detach() for name, w in model.weights.items()}
        worst = max(worst, check_masked_model(model.config, weights, (1, 2, 3, 4, 5, 18, 23, 39, 40)))
    return f"worst difference {worst:.1e}"


def test_masked_equals_numpy_on_golden_weights():
    """The parameters of golden cases, run with masked padding."""
    torch.manual_seed(11)
    worst = 0.0
    for name in ("linear", "sparse_mixer", "fast_sparse_mixer", "min_capacity"):
        model, _ = load_case(CASES_FOLDER / name, {"padding": "masked", "routing_group": "sequence"})
        weights = {key: w.detach() for key, w in model.weights.items()}
        length = model.config.max_seq_length
        worst = max(worst, check_masked_model(model.config, weights, (1, 3, length // 3, length - 1, length)))
    return f"worst difference {worst:.1e}"


def test_masked_answer_does_not_depend_on_neighbours_or_pads():
    model = masked_model()
    lengths = (1, 2, 5, 18, 23, 40)
    texts = [torch.randint(1, 50, (n,)) for n in lengths]
    batch = torch.zeros(len(lengths), max(lengths), dtype=torch.long)
    for row, text in enumerate(texts):
        batch[row, :len(text)] = text
    together = run(model, batch, torch.zeros_like(batch))["logits"]
    for row, text in enumerate(texts):
        alone = run(model, text[None], torch.zeros_like(text[None]))["logits"][0]
        assert float((alone - together[row]).abs().max()) <= BOUND, f"text of {len(text)} tokens"


def test_masked_full_length_equals_reference_padding():
    model = masked_model()
    ids = torch.randint(1, 50, (3, 40))
    masked = run(model, ids, torch.zeros_like(ids))["logits"]
    model.config.padding = "reference"
    assert torch.equal(masked, run(model, ids, torch.zeros_like(ids))["logits"])


def test_capacity_rounds_half_to_even_and_is_clamped():
    config = ModelConfig(num_experts=4, min_expert_capacity=4)
    expected = {1: 1, 3: 3, 4: 4, 16: 4, 18: 4, 22: 6, 26: 6, 30: 8}
    assert {n: config.expert_capacity(n) for n in expected} == expected
