"""The exported model is the engine's: same tokens, same logits, in float32 and in int8. Needs the built programs."""
import json

from safetensors.torch import load_file, save_file

import helpers
import results
from mixer import export
from texts import data
from texts import text as text_tools

F32_BOUND = 2e-5


def trained(folder, *arguments, pairs=False):
    """A model folder that the trainer wrote, and 200 texts that it has not seen."""
    config = helpers.write_config(folder)
    rows = helpers.texts(160, 1)
    fresh = [text for text, _ in helpers.texts(188, 2)]
    # Beyond what it was trained on: unknown words, accents, a special token, more tokens than fit.
    fresh += ["zyxw 42!", "Émile's café, naïve?", "[MASK] card", "card " * 60, "x", "(fee) #1", "A.B.C", "card-fee",
              "transfer", "the the the", "日本 card", "pin\u00a0blocked"]
    header = ("text", "label")
    if pairs:
        rows = [(text, rows[-1 - index][0], label) for index, (text, label) in enumerate(rows)]
        header = ("text", "text_pair", "label")
        arguments += ("--text-pair", "text_pair")
    path = helpers.write_table(folder, rows, header)
    helpers.run_train(path, "-o", f"{folder}/model", "--teacher", "none", "--config", config, "--epochs", 2,
                      "--augmented", 160, "--vocab-size", 200, "--batch-size", 64, *arguments)
    helpers.run_program("smx-quantize", f"{folder}/model/model.safetensors", "-o", f"{folder}/f32.smx", "--type", "f32")
    helpers.run_program("smx-quantize", f"{folder}/model/model.safetensors", "-o", f"{folder}/int8.smx")
    return fresh


def engine_logits(folder, model_file, framed, pad_id, length):
    """Of `smx run`: logits [texts, n]."""
    ids, types = data.pad(framed, pad_id, length)
    save_file({"input_ids": ids.int(), "type_ids": types.int()}, f"{folder}/in.safetensors")
    helpers.run_program("smx", "run", f"{folder}/{model_file}", "--input", f"{folder}/in.safetensors",
                        "--output", f"{folder}/out.safetensors")
    return load_file(f"{folder}/out.safetensors")["logits"]


def check_logits(folder, texts):
    """Largest differences from `smx run`: float32, int8, and what int8 changes, for comparison."""
    model, pieces, _ = export.load_model(f"{folder}/model")
    framer = text_tools.framer_of(pieces, model.config.max_seq_length)
    framed = framer.frame(texts)
    assert len(framed) == 200 and framer.num_cut >= 1
    exact, rounded = (results.outputs_of(model, framed, int8) for int8 in (False, True))
    engine = {name: engine_logits(folder, f"{name}.smx", framed, model.config.pad_id, model.config.max_seq_length)
              for name in ("f32", "int8")}
    f32 = float((engine["f32"] - exact).abs().max())
    assert f32 <= F32_BOUND, f"float32 logits are off by {f32:.1e}"
    int8 = (engine["int8"] - rounded).abs()
    effect = (rounded - exact).abs()
    # Most texts agree to float32's rounding; where a value falls to the other side of a half, logits move by a part of
    # what all the rounding moves.
    assert float(int8.median()) < 1e-6 and float(int8.max()) < float(effect.max()), (int8.max(), effect.max())
    return (f"float32 off by {f32:.1e}, int8 by {float(int8.max()):.1e} (median {float(int8.median()):.1e}), "
            f"int8 changes {float(effect.max()):.1e}")


def check_tokens(folder, texts, pairs):
    """The trainer's ids are those of `smx tokenize`, before cutting."""
    model, pieces, _ = export.load_model(f"{folder}/model")
    lines = [{"text": text, **({"text_pair": pair} if pairs else {})} for text, pair in texts]
    with open(f"{folder}/texts.jsonl", "w", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
    output = helpers.run_program("smx", "tokenize", f"{folder}/f32.smx", "--input", f"{folder}/texts.jsonl", "--jsonl",
                                 "--json")
    framed = text_tools.framer_of(pieces, 10 ** 6).frame(texts)
    engine = [json.loads(line) for line in output.splitlines()]
    assert len(engine) == len(framed) == 200
    for (ids, first), line in zip(framed, engine):
        assert ids == line["ids"] and line["type_ids"] == [0] * first + [1] * (len(ids) - first), line


def test_single_texts():
    with helpers.temporary() as folder:
        texts = [(text, None) for text in trained(folder)]
        check_tokens(folder, texts, pairs=False)
        return check_logits(folder, texts)


def test_pairs_and_cut_pairs():
    with helpers.temporary() as folder:
        texts = trained(folder, pairs=True)
        pairs = list(zip(texts, reversed(texts)))
        check_tokens(folder, pairs, pairs=True)
        return check_logits(folder, pairs)


def test_accuracy_is_that_of_smx_evaluate():
    with helpers.temporary() as folder:
        trained(folder)
        table = helpers.write_table(folder, helpers.texts(120, 3), name="test.tsv")
        evaluate = helpers.run_python("evaluate.py", f"{folder}/model", table)
        for name, key in (("f32", "float32"), ("int8", "int8")):
            engine = json.loads(helpers.run_program("smx", "evaluate", f"{folder}/{name}.smx", table, "--json"))
            ours = json.loads(evaluate)[key]
            assert abs(engine["accuracy"] - ours["accuracy"]) < 0.01, (name, engine["accuracy"], ours)
            assert abs(engine["macro_f1"] - ours["macro_f1"]) < 0.02, (name, engine["macro_f1"], ours)


def test_regression_through_smx_evaluate():
    with helpers.temporary() as folder:
        rows = [(text, 100 + 10 * sorted(helpers.WORDS).index(label)) for text, label in helpers.texts(240, 1)]
        table = helpers.write_table(folder, rows)
        config = helpers.write_config(folder)
        helpers.run_train(table, "-o", f"{folder}/model", "--teacher", "none", "--config", config, "--epochs", 4,
                          "--regression", "--vocab-size", 200, "--augmented", 480, "--batch-size", 64)
        helpers.run_program("smx-quantize", f"{folder}/model/model.safetensors", "-o", f"{folder}/f32.smx", "--type",
                            "f32")
        engine = json.loads(helpers.run_program("smx", "evaluate", f"{folder}/f32.smx", table, "--json"))
        ours = json.loads(helpers.run_python("evaluate.py", f"{folder}/model", table))["float32"]
        assert abs(engine["pearson"] - ours["pearson"]) < 1e-3 and ours["pearson"] > 0.7, (engine, ours)
        assert ours["root_mean_square_error"] < 8, ours
        return f"correlation {ours['pearson']:.4f}"


def test_reference_padding_is_run_alike():
    with helpers.temporary() as folder:
        model = helpers.small_model(3, padding="reference", vocab_size=200)
        framed = [([2, *range(5, 5 + 9 * length, 9), 3], length + 2) for length in range(1, 21)]
        labels = ["a", "b", "c", "d"]
        with export.whole_folder(f"{folder}/model") as inside:
            export.write_weights(inside, model.weights)
            export.write_words(inside, text_tools.SPECIAL_TOKENS + [f"w{index}" for index in range(195)], labels)
            export.write_config(inside, model.config, labels, {})
        helpers.run_program("smx-quantize", f"{folder}/model/model.safetensors", "-o", f"{folder}/f32.smx", "--type",
                            "f32")
        written, _, _ = export.load_model(f"{folder}/model")
        want = results.outputs_of(written, framed, int8=False)
        got = engine_logits(folder, "f32.smx", framed, model.config.pad_id, model.config.max_seq_length)
        assert float((got - want).abs().max()) <= F32_BOUND
