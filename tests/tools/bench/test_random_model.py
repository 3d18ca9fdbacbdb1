"""Made-up models of the sizes' form, small ones: smx-quantize reads them, smx runs them in turns."""
import json
import pathlib
import subprocess

import helpers
import random_model
import sizes
import sweep
from peers.parameters import Parameters

SMALL = {"d_model": 32, "d_emb": 32, "d_ff": 64, "expert_d_ff": 64, "num_heads": 4, "vocab_size": 100, "num_experts": 2}


def quantized(folder, name, **fields):
    config = {**sizes.configuration(name, 16), **SMALL, **fields}
    random_model.write(config, pathlib.Path(folder) / name)
    model = f"{folder}/{name}.smx"
    subprocess.run([helpers.program("smx-quantize"), f"{folder}/{name}/model.safetensors", "-o", model], check=True,
                   capture_output=True)
    return config, model


def test_smx_reads_and_runs_them_and_counts_the_same_multiply_adds():
    with helpers.temporary() as folder:
        for name in ("sparse-mixer-base", "bert-base"):
            config, model = quantized(folder, name)
            command = [helpers.program("smx"), "bench", model, "--turns"]
            done = subprocess.run(command, input="2\n", text=True, check=True, capture_output=True)
            report = json.loads(done.stdout.splitlines()[-1])
            mapping = 16 * 32 * 32 if name == "bert-base" else 0
            head = 32 * 32 + 3 * 32
            assert report["macs_dense"] == sizes.multiply_adds(config, 16) + mapping + head, report


def test_most_of_the_file_is_what_a_full_length_needs():
    with helpers.temporary() as folder:
        _, model = quantized(folder, "sparse-mixer-base", padding="masked")
        tensors = sweep.tensors_of(helpers.program("smx"), model)
        whole = sum(tensor["bytes"] for tensor in tensors)
        word = next(tensor["bytes"] for tensor in tensors if tensor["name"] == "encoder/embedder/word/embedding")
        needed = sweep.needed_bytes(tensors, 16, 16)
        assert whole - word < needed < whole and word * 16 / 100 <= needed - (whole - word) < word * 0.2 + 64
        assert sweep.needed_bytes(tensors, 8, 16) < needed


def test_peers_get_the_same_weights_as_matrices():
    bert, mixer = Parameters("bert-base"), Parameters("sparse-mixer-base")
    kernel, bias = bert.dense("encoder/attention_3/self/query")
    assert kernel.shape == (768, 768) and bias.shape == (768,)
    assert (kernel[:, 64:128] == bert["encoder/attention_3/self/query/kernel"][:, 1]).all(), "the second head"
    kernels, biases = mixer.experts(6, "intermediate")
    assert kernels.shape == (16, 512, 2048) and biases.shape == (16, 2048)
    assert (kernels[5] == mixer["encoder/expert_6/intermediate/kernel"][:, 5]).all()
    assert (biases[5] == mixer["encoder/expert_6/intermediate/bias"][:, 5]).all()
    assert mixer.sequence_matrix(0, 32).shape == (32, 32)


def test_a_checkpoint_gives_its_weights_widened():
    shipped = Parameters(helpers.ROOT / "examples" / "models" / "banking77")
    assert shipped.layers == [(False, False), (False, False), (True, True), (True, False)], shipped.layers
    kernel, bias = shipped.dense("encoder/attention_2/self/query")
    assert kernel.shape == (192, 192) and bias.shape == (192,) and kernel.dtype == bias.dtype == "float32"
    scale, _ = shipped.norm("encoder/embedder/layer_norm")
    assert scale.shape == (96,) and 0.1 < abs(scale).mean() < 10, scale
