"""Two processes train as one does: gradients of the whole batch, so the same weights but for rounding."""
import json
import pathlib

from safetensors.torch import load_file

import helpers


def arguments(folder, name, *more):
    return (f"{folder}/data.tsv", "-o", f"{folder}/{name}", "--teacher", "none", "--config", f"{folder}/small.json",
            "--epochs", 3, "--augmented", 200, "--vocab-size", 200, "--batch-size", 15, "--device", "cpu", *more)


def test_two_processes_give_the_weights_of_one():
    """Without dropout, whose masks depend on who computes a text. A batch of 15 does not divide by two."""
    with helpers.temporary() as folder:
        helpers.write_table(folder, helpers.texts(120, 1))
        helpers.write_config(folder, dropout_rate=0.0, mixing_dropout_rate=0.0, expert_dropout_rate=0.0)
        helpers.run_train(*arguments(folder, "one", "--int8-epochs", 0))
        helpers.run_train(*arguments(folder, "two", "--int8-epochs", 0), processes=2)
        one, two = (load_file(f"{folder}/{name}/model.safetensors") for name in ("one", "two"))
        apart = max(float((one[name].float() - two[name].float()).abs().max()) for name in one)
        size = max(float(one[name].float().abs().max()) for name in one)
        # The files are float16: one unit in the last place of the largest weight is 1e-3 of it.
        assert apart <= 2e-3 * size, f"weights of two processes are {apart:.1e} from those of one"
        reports = [json.loads(pathlib.Path(folder, name, "training.json").read_text(encoding="utf-8"))
                   for name in ("one", "two")]
        losses = [report["held_out"]["float32"]["loss"] for report in reports]
        assert abs(losses[0] - losses[1]) < 2e-3, losses
        return f"weights {apart:.1e} apart, losses {losses[0]:.5f} and {losses[1]:.5f}"


def test_two_processes_with_dropout_and_int8_write_one_model():
    with helpers.temporary() as folder:
        helpers.write_table(folder, helpers.texts(120, 1))
        helpers.write_config(folder)
        words = helpers.run_train(*arguments(folder, "model"), processes=2)
        assert words.count("student: epoch 3") == 1, "said once"
        assert pathlib.Path(folder, "model", "card.md").is_file()
