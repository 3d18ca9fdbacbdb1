"""MODEL LENGTH FOLDER: ONNX Runtime's file, fused by its transformer optimizer, int8 by channel (dynamic)."""
import pathlib
import sys
import tempfile

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers import optimizer
from onnxruntime.transformers.fusion_options import FusionOptions

from peers import any_length
from peers.parameters import Parameters


def main():
    size, length, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    config = Parameters(size).config
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        source, fused = pathlib.Path(temporary) / "model.onnx", pathlib.Path(temporary) / "fused.onnx"
        any_length.save(size, length, True, source)
        model = optimizer.optimize_model(str(source), model_type="bert", num_heads=config["num_heads"],
                                         hidden_size=config["d_model"], optimization_options=FusionOptions("bert"),
                                         opt_level=0)
        model.save_model_to_file(str(fused))
        quantize_dynamic(fused, folder / "model.onnx", per_channel=True, weight_type=QuantType.QInt8,
                         op_types_to_quantize=["MatMul", "Gemm", "Attention", "Gather"],
                         extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT})


main()
