"""MODEL LENGTH FOLDER [TEXTS]: OpenVINO's files, int8 by NNCF's quantization after training, calibrated on made-up tokens,
or on the first ones of the texts whose tokens TEXTS holds."""
import json
import pathlib
import sys
import tempfile

import nncf
import openvino

from peers import any_length
from peers.parameters import feeds_of, inputs

NUM_SAMPLES = 4
NUM_TEXTS = 100


def samples_of(length, texts):
    if not texts:
        return [inputs(int(length), int(length), seed) for seed in range(NUM_SAMPLES)]
    ids = json.loads(pathlib.Path(texts[0]).read_text(encoding="utf-8"))["token_ids"][:NUM_TEXTS]
    return [feeds_of([row]) for row in ids]


def main():
    size, length, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        source = pathlib.Path(temporary) / "model.onnx"
        any_length.save(size, length, False, source)
        model = openvino.convert_model(source)
        samples = samples_of(length, sys.argv[4:])
        model = nncf.quantize(model, nncf.Dataset(samples), model_type=nncf.ModelType.TRANSFORMER,
                              subset_size=len(samples), fast_bias_correction=True)
    openvino.save_model(model, folder / "model.xml", compress_to_fp16=False)


main()
