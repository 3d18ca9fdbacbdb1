"""Small tables, small models, and the trainer as a program."""
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

from runner import ROOT, Skip

TRAIN = ROOT / "tools" / "train" / "train.py"
WORDS = {"card": "card plastic pin blocked stolen lost", "money": "transfer money send account bank balance",
         "fee": "charge fee cost price extra exchange", "app": "phone app login update crash screen"}
FILLERS = "the my a why is can you please how do i it was not with for".split()
SMALL_MODEL = {"num_layers": 4, "d_model": 32, "d_emb": 16, "d_ff": 48, "expert_d_ff": 48, "num_heads": 4,
               "num_experts": 2, "max_seq_length": 24}


def texts(count, seed):
    """(text, label): fillers around words of the label."""
    rng = random.Random(seed)
    rows = []
    for index in range(count):
        label = sorted(WORDS)[index % len(WORDS)]
        words = rng.choices(WORDS[label].split(), k=rng.randint(1, 3)) + rng.choices(FILLERS, k=rng.randint(2, 9))
        rng.shuffle(words)
        rows.append((" ".join(words), label))
    return rows


def write_table(folder, rows, header=("text", "label"), name="data.tsv"):
    path = pathlib.Path(folder) / name
    path.write_text("".join("\t".join(map(str, row)) + "\n" for row in [header, *rows]), encoding="utf-8")
    return path


def write_config(folder, **fields):
    path = pathlib.Path(folder) / "small.json"
    path.write_text(json.dumps({**SMALL_MODEL, **fields}), encoding="utf-8")
    return path


def command(*arguments, processes=1):
    start = [sys.executable]
    if processes > 1:
        # PyTorch 1.13 with Python 3.11 cannot start without the last four: it knows redirections 1 and 2 only.
        start += ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes), "--redirects", "1",
                  "--tee", "1"]
    return [*start, str(TRAIN), *map(str, arguments)]


def environment():
    """One thread everywhere: sums in one order."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}


def run_train(*arguments, processes=1, code=0):
    """The trainer's words on stderr; its exit code must be `code`."""
    done = subprocess.run(command(*arguments, "--threads", 1, processes=processes), env=environment(), text=True,
                          capture_output=True, check=False, timeout=600)
    assert done.returncode == code, f"exit code {done.returncode}, expected {code}: {done.stderr[-2000:]}"
    return done.stderr


def run_python(script, *arguments):
    """What another program of the trainer prints."""
    done = subprocess.run([sys.executable, str(TRAIN.with_name(script)), *map(str, arguments)], env=environment(),
                          text=True, capture_output=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def temporary():
    return tempfile.TemporaryDirectory(prefix="smx-train-test-")


def program(name):
    """A program of the build; SMX_BIN names another folder."""
    path = pathlib.Path(os.environ.get("SMX_BIN", ROOT / "build" / "host-release" / "bin")) / name
    if not path.exists():
        raise Skip(f"{path} is not built")
    return path


def run_program(name, *arguments, code=0):
    done = subprocess.run([program(name), *map(str, arguments)], text=True, capture_output=True, check=False,
                          timeout=300)
    assert done.returncode == code, f"{name}: exit code {done.returncode}: {done.stderr[-2000:]}"
    return done.stdout


def small_model(seed, **fields):
    """A model with random weights, of a size that makes activations move."""
    import torch  # pylint: disable=import-outside-toplevel
    from mixer.config import ModelConfig  # pylint: disable=import-outside-toplevel
    from mixer.model import SparseMixer, parameter_shapes  # pylint: disable=import-outside-toplevel
    config = ModelConfig(**{**SMALL_MODEL, "padding": "masked", "n_classes": 4, **fields})
    generator = torch.Generator().manual_seed(seed)
    model = SparseMixer(config).eval()
    model.load_weights({name: torch.randn(shape, generator=generator) * 0.25
                        for name, shape in parameter_shapes(config).items()})
    return model
