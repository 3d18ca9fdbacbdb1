"""SIZE LENGTH FOLDER: OpenVINO's files, int8 by NNCF's quantization after training, calibrated on made-up tokens."""
import pathlib
import sys
import tempfile

import nncf
import openvino

from peers import onnx_graph
from peers.parameters import inputs

NUM_SAMPLES = 4


def main():
    size, length, folder = sys.argv[1], int(sys.argv[2]), pathlib.Path(sys.argv[3])
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        source = pathlib.Path(temporary) / "model.onnx"
        onnx_graph.save(size, length, False, source)
        model = openvino.convert_model(source)
        samples = nncf.Dataset([inputs(length, length, seed) for seed in range(NUM_SAMPLES)])
        model = nncf.quantize(model, samples, model_type=nncf.ModelType.TRANSFORMER, subset_size=NUM_SAMPLES,
                              fast_bias_correction=True)
    openvino.save_model(model, folder / "model.xml", compress_to_fp16=False)


main()
