#!/usr/bin/env python3
"""Quantizes the folder of a model with smx-quantize and compares `smx tokenize` and `smx embed` with golden vectors.

    tests/golden/minilm/check.py MODEL_FOLDER GOLDEN_FOLDER

GOLDEN_FOLDER holds sentences.jsonl and minilm_golden.safetensors, see SOURCE.md. The last line is "N passed, N failed".
"""
import array
import json
import math
import pathlib
import struct
import subprocess
import sys

BIN = pathlib.Path("build/host-release/bin")
WORK = pathlib.Path("build/minilm")
# int8 is calibrated with one text of each class; none of them is a golden sentence.
TEXTS = pathlib.Path("examples/models/banking77/test.tsv")
TEXTS_OF_A_CLASS = 40
# Of normalised vectors in float32; their entries are about 0.05.
BOUND_F32, LEAST_COSINE_INT8 = 1e-5, 0.999


def golden_vectors(path, name):
    data = path.read_bytes()
    (header_bytes,) = struct.unpack_from("<Q", data)
    entry = json.loads(data[8:8 + header_bytes])[name]
    begin, end = (8 + header_bytes + at for at in entry["data_offsets"])
    values = array.array("f", data[begin:end])
    width = entry["shape"][1]
    return [values[row * width:(row + 1) * width] for row in range(entry["shape"][0])]


def calibration_texts(golden):
    rows = [line.split("\t")[0] for line in TEXTS.read_text(encoding="utf-8").splitlines()[1:]]
    texts = [row for row in rows[::TEXTS_OF_A_CLASS] if row not in golden]
    WORK.mkdir(parents=True, exist_ok=True)
    path = WORK / "calibration.txt"
    path.write_text("".join(text + "\n" for text in texts), encoding="utf-8")
    return path


def run(*arguments, lines=None):
    result = subprocess.run([str(BIN / arguments[0]), *map(str, arguments[1:])], input=lines, text=True,
                            capture_output=True, check=False)
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, arguments))}: exit code {result.returncode}: {result.stderr}")
    return result.stdout


def smx(command, model, lines, *flags):
    out = run("smx", command, model, "--input", "-", "--jsonl", "--json", *flags, lines=lines)
    return [json.loads(line) for line in out.splitlines()]


def largest_difference(found, expected):
    return max(abs(a - b) for x, y in zip(found, expected) for a, b in zip(x, y))


def least_cosine(found, expected):
    def dot(x, y):
        return sum(a * b for a, b in zip(x, y))
    return min(dot(x, y) / math.sqrt(dot(x, x) * dot(y, y)) for x, y in zip(found, expected))


def main(model_folder, golden_folder):
    golden = pathlib.Path(golden_folder)
    sentences = [json.loads(line) for line in (golden / "sentences.jsonl").read_text(encoding="utf-8").splitlines()]
    lines = "".join(json.dumps({"text": each["text"]}) + "\n" for each in sentences)
    expected = {name: golden_vectors(golden / "minilm_golden.safetensors", name)
                for name in ("mean_pooled", "sentence_embedding")}
    models = {}
    calibrate = ("--calibrate", calibration_texts({each["text"] for each in sentences}))
    for kind, flags in (("f32", ()), ("int8", calibrate)):
        models[kind] = WORK / f"minilm-{kind}.smx"
        print(run("smx-quantize", model_folder, "-o", models[kind], "--type", kind, *flags), end="")
    found = {(kind, flags): [line["embedding"] for line in smx("embed", models[kind], lines, "--pooling", "mean", *flags)]
             for kind in models for flags in ((), ("--normalize",))}
    ids = [line["ids"] for line in smx("tokenize", models["f32"], lines)]
    unit = expected["sentence_embedding"]
    checks = [("token ids", ids == [each["ids"] for each in sentences], f"{len(ids)} sentences")]
    for flags, name in (((), "mean_pooled"), (("--normalize",), "sentence_embedding")):
        difference = largest_difference(found["f32", flags], expected[name])
        checks.append((f"f32 {name}", difference <= BOUND_F32, f"largest difference {difference:.2e}"))
    cosine = least_cosine(found["int8", ("--normalize",)], unit)
    checks.append(("int8 sentence_embedding", cosine >= LEAST_COSINE_INT8, f"least cosine {cosine:.6f}"))
    for name, is_right, words in checks:
        print(f"{'ok' if is_right else 'FAILED'}: {name}: {words}")
    failed = sum(not is_right for _, is_right, _ in checks)
    print(f"{len(checks) - failed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
