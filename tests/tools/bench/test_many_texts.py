"""Texts per second: compare.py --cases texts with fakes, and the worker's own parts."""
import argparse
import json
import sys

import helpers
import numpy
from peers import texts_worker

QUICK = ("--cases", "texts", "--threads", 1, "--rounds", 3, "--repeat", 2)


def test_smx_and_the_others_take_turns_over_the_test_set():
    with helpers.temporary() as folder:
        fakes = helpers.Fakes(folder, microseconds={"program": 1540000, "onnxruntime": 3080000, "fasttext": 100000})
        train = fakes.folder / "train.csv"
        done = fakes.compare(*QUICK, "--train", train)
        rows = {row["title"]: row for row in fakes.results()["texts"]}
        smx, onnx = rows["smx int8, whole program"], rows["ONNX Runtime int8, dynamic, tokens given"]
        assert smx["texts_per_second"] == 2000 and smx["accuracy"] == 1 and smx["samples"] == 6, smx
        assert onnx["texts_per_second"] == 1000 and onnx["accuracy"] == round(40 / 3080, 4), onnx
        assert onnx["file_bytes"] == len("made") and smx["file_bytes"] > 4000000
        assert "| smx int8, whole program | 2,000 (2,000) | 100.00% |" in done.stdout, done.stdout
        assert not [entry for entry in fakes.results()["left_out"] if entry["where"] != "plots"]
        commands = fakes.commands()
        assert [line for line in commands if f"peers.fasttext_model {train}" in line], commands
        texts = json.loads((fakes.folder / "work" / "texts" / "texts.json").read_text(encoding="utf-8"))
        assert len(texts["token_ids"]) == len(texts["labels"]) == 3080
        longest = max(texts["token_ids"], key=lambda row: (len(row), row[-1]))
        assert len(longest) == 64 and longest[-2:] == [63, longest[-1]] and longest[-1] > 64, "cut before the last"
        fakes.compare(*QUICK, "--engines", "smx", "onnxruntime", "--threads", 1)
        assert not [line for line in fakes.commands() if "onnxruntime_int8" in line], "made once"
        assert len(fakes.results()["texts"]) == 3


def test_without_training_texts_fasttext_is_left_out_with_the_reason():
    with helpers.temporary() as folder:
        fakes = helpers.Fakes(folder, fail={"peers.openvino_int8": "no such layer"})
        done = fakes.compare(*QUICK, "--engines", "smx", "fasttext", "openvino")
        assert {row["engine"] for row in fakes.results()["texts"]} == {"smx"}
        assert "left out: fasttext, texts: learns from texts: --train FILE" in done.stderr
        assert "left out: openvino, texts" in done.stderr and "no such layer" in done.stderr


def test_batches_hold_texts_of_one_length_the_longest_first():
    ids = [[0] * length for length in (2, 5, 2, 2, 5)]
    assert list(texts_worker.batches_of(ids, 2)) == [[1, 4], [0, 2], [3]]


def test_every_text_gets_its_own_answer_by_any_number_of_threads():
    ids = [[number % 7] * (1 + number % 5) for number in range(200)]
    args = argparse.Namespace(batch=3)

    def run(feeds):
        assert feeds["attention_mask"].all() and feeds["input_ids"].shape == feeds["token_type_ids"].shape
        return numpy.eye(7)[feeds["input_ids"][:, 0]]

    for count in (1, 3):
        answers = texts_worker.over_batches(args, {"token_ids": ids}, [run] * count)
        assert answers() == answers() == [row[0] for row in ids]


def test_a_program_is_timed_as_a_whole_and_its_first_column_read():
    with helpers.temporary() as folder:
        script = helpers.script(helpers.pathlib.Path(folder, "program"), "print('a\\t0.5\\ttext\\nb\\t1\\ttext')\n")
        args = argparse.Namespace(command=[sys.executable, script])
        assert texts_worker.program(args, {})() == ["a", "b"]


def test_words_and_punctuation_stand_apart():
    assert texts_worker.fasttext_words(" Why, (me)? ") == "why ,   ( me )  ? "
