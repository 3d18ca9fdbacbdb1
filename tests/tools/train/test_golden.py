"""The trainer's forward pass against the reference's answers.

  python3 tests/tools/train/test_golden.py [CASES_FOLDER]

Cases: tests/golden/cases, unless a folder is given. Needs PyTorch, NumPy and safetensors.
"""
import json
import pathlib
import sys

import torch
from safetensors.torch import load_file

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tools" / "train"))

from config import ModelConfig  # noqa: E402
from model import SparseMixer, parameter_shapes  # noqa: E402

CASES_FOLDER = ROOT / "tests" / "golden" / "cases"
CASES = ("linear", "bert", "bert_shorter_than_max", "sparse_mixer", "fast_sparse_mixer", "min_capacity",
         "short_text", "medium")
# Measured for the reference itself, eager against jit and float32 against float64: at most 7e-6.
BOUND = 2e-5


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
    for required in ("embedding_output", "sequence_output", "pooled_output", "logits"):
        assert required in got and required in want, required
    shared = [name for name in got if name in want]
    assert len(shared) == len(got), f"not in the golden file: {sorted(set(got) - set(want))}"
    return max(float((got[name] - want[name]).abs().max()) for name in shared)


def check_case(name, folder):
    difference = worst_difference(folder / name)
    assert difference <= BOUND, f"{name}: off by {difference:.1e}, bound {BOUND:.0e}"
    return difference


def masked_model():
    """A small model with masked padding and random weights."""
    torch.manual_seed(7)
    config = ModelConfig(num_layers=4, d_model=32, d_ff=48, expert_d_ff=48, d_emb=16, num_heads=4, vocab_size=50,
                         max_seq_length=40, num_moe_layers=2, n_classes=5, padding="masked")
    model = SparseMixer(config).eval()
    model.load_weights({name: torch.randn(shape) * 0.3 for name, shape in parameter_shapes(config).items()})
    return model


def test_golden():
    for name in CASES:
        check_case(name, CASES_FOLDER)


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


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else CASES_FOLDER
    for name in CASES:
        print(f"{name}: worst difference {check_case(name, folder):.1e}")
    for test in (test_masked_answer_does_not_depend_on_neighbours_or_pads,
                 test_masked_full_length_equals_reference_padding,
                 test_capacity_rounds_half_to_even_and_is_clamped):
        test()
        print(f"{test.__name__}: ok")


if __name__ == "__main__":
    main()
