#!/usr/bin/env python3
"""Stands for every program that compare.py calls: smx, smx-quantize and the Python of an environment, with the peers'
modules in it. By the name it is called by and its arguments; never the real thing, and no network.

SMX_FAKE holds a JSON object: "microseconds" {engine: of a run}, "fail" {a part of a command: last words}, "log" a file
that gets every command."""
import array
import json
import os
import pathlib
import shutil
import sys

SETTINGS = json.loads(os.environ.get("SMX_FAKE", "{}"))
POOLED = {"smx": [1.0, 0.0], "litert": [0.0, 2.0]}  # others agree with smx


def write_pooled(path, values):
    data = array.array("f", values).tobytes()
    header = json.dumps({"pooled_output": {"dtype": "F32", "shape": [1, 2], "data_offsets": [0, len(data)]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + data)


def take_turns(engine):
    print("a runtime's own words")
    print(json.dumps({"load_us": 2000, "first_run_us": 3000}), flush=True)
    least = SETTINGS.get("microseconds", {}).get(engine, 1000)
    for line in sys.stdin:
        print(json.dumps({"latency_us": [least + i for i in range(int(line))]}), flush=True)
    print(json.dumps({"peak_rss_bytes": 5000000, "isa": "none"}), flush=True)


def value_after(arguments, flag):
    return pathlib.Path(arguments[arguments.index(flag) + 1])


def worker(arguments):
    engine = arguments[0]
    if "--output" in arguments:
        pooled = POOLED.get(engine, POOLED["smx"])
        answer = json.dumps({"input_ids": [7, 8], "pooled": pooled})
        value_after(arguments, "--output").write_text(answer, encoding="ascii")
    take_turns(engine)


def texts_worker(arguments):
    """smx knows all labels, others say the first class to every text."""
    texts = json.loads(pathlib.Path(arguments[1]).read_text(encoding="utf-8"))
    answers = texts["labels"] if arguments[0] == "program" else [0] * len(texts["labels"])
    value_after(arguments, "--output").write_text(json.dumps(answers), encoding="utf-8")
    take_turns(arguments[0])


def smx(arguments):
    if arguments[0] == "inspect":
        print(json.dumps({"tensors": [{"name": "encoder/pooler/kernel", "shape": [4, 4], "bytes": 16}]}))
    elif arguments[0] == "tokenize":
        for line in value_after(arguments, "--input").read_text(encoding="utf-8").splitlines():
            print(*range(1, 3 + len(line.split())), "\tpieces")
    elif arguments[0] == "run":
        write_pooled(value_after(arguments, "--output"), POOLED["smx"])
    elif "--turns" in arguments:
        take_turns("smx")
    else:
        length = int(str(value_after(arguments, "--length")))
        print(json.dumps({"latency_us": {"min": 1000 * length + 5000 * (length > 256)}}))


def python(arguments):
    if arguments[:2] == ["-m", "peers.worker"]:
        worker(arguments[2:])
    elif arguments[:2] == ["-m", "peers.texts_worker"]:
        texts_worker(arguments[2:])
    elif arguments[0] == "-m" and arguments[1].startswith("peers."):
        folder = pathlib.Path(arguments[3] if "fasttext" in arguments[1] else arguments[4])
        (folder / "model").write_text("made", encoding="ascii")
    elif arguments[:3] == ["-m", "pip", "list"]:
        print(json.dumps([{"name": "openvino", "version": "1.2"}, {"name": "pip", "version": "9"}]))
    elif arguments[0].endswith("random_model.py"):
        folder = pathlib.Path(arguments[2])
        folder.mkdir()
        (folder / "model.safetensors").write_text("weights", encoding="ascii")


def main():
    name, arguments = pathlib.Path(sys.argv[0]).name, sys.argv[1:]
    command = " ".join([name, *arguments])
    if "log" in SETTINGS:
        with open(SETTINGS["log"], "a", encoding="utf-8") as log:
            log.write(command + "\n")
    for part, words in SETTINGS.get("fail", {}).items():
        if part in command:
            sys.exit(words)
    if name == "smx":
        smx(arguments)
    elif name == "smx-quantize":
        shutil.copyfile(arguments[0], value_after(arguments, "-o"))
    else:
        python(arguments)


main()
