"""A model folder appears whole or not at all."""
import json
import pathlib

import torch

import helpers
import results
from errors import BadUsage, NotWritten
from mixer import export


def write(folder, weights, config):
    with export.whole_folder(folder) as inside:
        export.write_words(inside, ["[PAD]"], ["a", "b", "c", "d"])
        export.write_config(inside, config, ["a", "b", "c", "d"], dict(results.CARD))
        export.write_weights(inside, weights)


def listing(folder):
    return sorted(path.name for path in pathlib.Path(folder).iterdir())


def test_what_fails_leaves_nothing_or_the_model_of_before():
    model = helpers.small_model(1)
    weights = dict(model.weights.items())
    broken = {**weights, "encoder/pooler/bias": torch.full((32,), 1e6)}
    with helpers.temporary() as folder:
        for step in range(2):
            try:
                write(f"{folder}/model", broken, model.config)
            except NotWritten as error:
                assert "encoder/pooler/bias" in str(error) and "65504" in str(error)
            else:
                raise AssertionError("not refused")
            assert listing(folder) == ["model"] * step
            if step == 0:
                write(f"{folder}/model", weights, model.config)
                before = pathlib.Path(folder, "model", "model.safetensors").read_bytes()
        assert pathlib.Path(folder, "model", "model.safetensors").read_bytes() == before


def test_a_model_is_replaced_and_another_folder_is_not():
    model = helpers.small_model(1)
    with helpers.temporary() as folder:
        write(f"{folder}/model", dict(model.weights.items()), model.config)
        export.check_output(f"{folder}/model")
        write(f"{folder}/model", dict(helpers.small_model(2).weights.items()), model.config)
        assert listing(folder) == ["model"] and listing(f"{folder}/model") == ["config.json", "labels.txt",
                                                                              "model.safetensors", "vocab.txt"]
        pathlib.Path(folder, "model", "holiday.jpg").touch()
        try:
            export.check_output(f"{folder}/model")
        except BadUsage as error:
            assert "holiday.jpg" in str(error)
        else:
            raise AssertionError("not refused")


def test_config_has_temperature_and_card():
    with helpers.temporary() as folder:
        card = helpers.write_table(folder, [], name="card.json")
        card.write_text(json.dumps({"name": "Tiny", "licence": "CC0"}), encoding="utf-8")
        table = helpers.write_table(folder, helpers.texts(80, 1))
        helpers.run_train(table, "-o", f"{folder}/model", "--teacher", "none", "--config", helpers.write_config(folder),
                          "--epochs", 2, "--augmented", 80, "--vocab-size", 200, "--card", card, "--hold-out", 24)
        config = json.loads(pathlib.Path(folder, "model", "config.json").read_text(encoding="utf-8"))
        report = json.loads(pathlib.Path(folder, "model", "training.json").read_text(encoding="utf-8"))
        text = pathlib.Path(folder, "model", "card.md").read_text(encoding="utf-8")
        assert config["temperature"] == report["calibration"]["temperature"] > 0
        assert config["model_card"]["name"] == "Tiny" and "24 texts: int8 accuracy" in config["model_card"]["accuracy"]
        assert text.startswith("# Tiny\n") and "expected calibration error" in text and "- teacher\n" in text
        assert pathlib.Path(folder, "model", "labels.txt").read_text(encoding="utf-8") == "app\ncard\nfee\nmoney\n"
