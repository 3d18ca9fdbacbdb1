"""compare.py: architectures of equal size, measured by the engine's own programs, and nothing done twice."""
import pathlib
import subprocess
import sys

import compare
import helpers
from mixer.config import ModelConfig


def compared(folder, *flags, code=0):
    command = [sys.executable, str(helpers.TRAIN.with_name("compare.py")), "-o", f"{folder}/out",
               "--programs", str(helpers.program("smx").parent), *map(str, flags)]
    done = subprocess.run(command, env=helpers.environment(), text=True, capture_output=True, check=False, timeout=600)
    assert done.returncode == code, done.stderr[-2000:]
    return done


def rows_of(folder):
    lines = pathlib.Path(folder, "out", "comparison.tsv").read_text(encoding="utf-8").splitlines()
    names, *rows = [line.split("\t") for line in lines]
    return [dict(zip(names, row)) for row in rows]


def test_architectures_have_the_recipes_number_of_parameters():
    recipe = compare.num_parameters({"padding": "masked"})
    for name in compare.ARCHITECTURES:
        fields = compare.fields_of(name, {})
        assert abs(compare.num_parameters(fields) - recipe) <= recipe / 1000, name
        config = ModelConfig.from_dict(fields)
        layers = range(config.num_layers)
        attention, experts = sum(map(config.is_attention, layers)), sum(map(config.is_moe, layers))
        assert (attention, experts) == {"sparse-mixer": (2, 1), "bert": (4, 0), "fnet": (0, 0), "linear": (0, 0)}[name]


def test_architectures_are_trained_once_and_measured():
    with helpers.temporary() as folder:
        table = helpers.write_table(folder, helpers.texts(120, 1))
        test = helpers.write_table(folder, helpers.texts(40, 2), name="test.tsv")
        flags = ("--test", test, "--repeat", 2, "--", table, "--teacher", "none", "--config",
                 helpers.write_config(folder), "--epochs", 2, "--augmented", 120, "--vocab-size", 200, "--threads", 1)
        first = compared(folder, "--only", "sparse-mixer", "bert", *flags)
        assert [line for line in first.stderr.splitlines() if line.startswith("compare.py")] == [
            "compare.py: sparse-mixer, seed 1", "compare.py: bert, seed 1"], first.stderr
        again = compared(folder, "--only", "sparse-mixer", "bert", "linear", *flags)
        assert again.stderr.count("compare.py: ") == 1 and "compare.py: linear, seed 1" in again.stderr
        rows = rows_of(folder)
        assert [row["architecture"] for row in rows] == ["sparse-mixer", "bert", "linear"]
        parameters = [int(row["parameters"]) for row in rows]
        assert max(parameters) - min(parameters) < 0.02 * min(parameters), parameters
        for row in rows:
            assert 0 < float(row["fastest"]) <= float(row["microseconds"]), row
            assert float(row["lowest"]) == float(row["accuracy"]) == float(row["highest"]), "one seed"
        for name in ("accuracy_by_latency.svg", "accuracy_by_training.svg"):
            picture = pathlib.Path(folder, "out", name).read_text(encoding="utf-8")
            assert picture.count("<!-- sparse-mixer -->") == 1 and picture.count("<!-- linear -->") == 1, name


def test_a_size_that_no_dense_layer_is_small_enough_for_is_refused():
    with helpers.temporary() as folder:
        table = helpers.write_table(folder, helpers.texts(120, 1))
        config = helpers.write_config(folder, d_ff=1, expert_d_ff=1)
        done = compared(folder, "--only", "bert", "--test", table, "--", table, "--config", config, code=2)
        assert "bert: no d_ff is small enough for " in done.stderr
