"""Encoders with a `masked` model's meaning as ONNX graphs for texts of any length, several of one length at a time."""
import numpy
import onnx

from cases import ANY
from peers import onnx_graph


class Encoder(onnx_graph.Encoder):
    """The length is that of the ids; nothing is padded. Its answer is the classification's logits.

    The leading part of a sequence matrix is cut when the length is known, so its product is left in floats."""

    def __init__(self, model, for_int8):
        super().__init__(model, None, for_int8)
        self.shape = ["batch", "length"]
        self.num_tokens = self.graph.op("Shape", "input_ids", start=1)

    def leading(self, matrix, *axes):
        """The part of it within so many tokens, along these axes."""
        g = self.graph
        ends = g.op("Concat", *[self.num_tokens] * len(axes), axis=0)
        return g.op("Slice", g.constant(matrix), g.ints(*[0] * len(axes)), ends, g.ints(*axes))

    def position(self):
        return self.leading(self.weights["encoder/embedder/position/embedding"], 1)

    def mixing(self, x, layer):
        g, name = self.graph, f"encoder/linear_transform_{layer}"
        hidden = g.op("MatMul", x, g.constant(self.weights[f"{name}/hidden_kernel"]))
        return g.op("MatMul", self.leading(self.weights[f"{name}/input_kernel"], 0, 1), hidden)

    def capacity(self):
        """sizes.expert_capacity in the graph: Round goes half to even, as Python's."""
        g, config = self.graph, self.weights.config
        share = g.scalar(config["eval_capacity_factor"] / config["num_experts"])
        tokens = g.op("Cast", self.num_tokens, to=onnx_graph.TensorProto.FLOAT)
        wanted = g.op("Max", g.op("Round", g.op("Mul", tokens, share)), g.scalar(config["min_expert_capacity"]))
        return g.op("Cast", g.op("Min", wanted, tokens), to=onnx_graph.TensorProto.INT64)

    def experts(self, x, layer):
        """As at one length; texts choose apart, so an expert's rows are numbered through the batch."""
        g, config = self.graph, self.weights.config
        num_experts, d = config["num_experts"], config["d_model"]
        logits = self.dense(x, f"encoder/router_weights_{layer}/DenseGeneral_0")
        by_expert = g.op("Transpose", g.op("Softmax", logits, axis=-1), perm=[0, 2, 1])
        best, index = g.ops("TopK", 2, by_expert, self.capacity(), axis=-1, sorted=0)  # [batch, num_experts, capacity]
        rows = g.op("Reshape", x, g.ints(-1, d))
        zero, one = (g.constant(numpy.array(value, numpy.int64)) for value in (0, 1))
        batch = g.op("Gather", g.op("Shape", "input_ids"), zero)
        first = g.op("Mul", g.op("Range", zero, batch, one), self.num_tokens)
        index = g.op("Add", index, g.op("Unsqueeze", first, g.ints(1, 2)))
        taken = g.op("Gather", rows, index, axis=0)
        run = self.separate_experts if self.for_int8 else self.batched_experts
        given = g.op("Mul", run(taken, layer, num_experts), g.op("Unsqueeze", best, g.ints(3)))
        zeros = g.op("ConstantOfShape", g.op("Shape", rows))
        total = g.op("ScatterND", zeros, g.op("Unsqueeze", index, g.ints(3)), given, reduction="add")
        return g.op("Reshape", total, g.op("Shape", x))

    def answer(self, pooled):
        g, w = self.graph, self.weights
        kernel, bias = w["classification/output_kernel"], w["classification/output_bias"]
        scores = g.op("MatMul", g.op("Tanh", pooled), g.constant(kernel.T))
        g.ops("Add", 1, scores, g.constant(bias), name="logits")
        return "logits", len(bias)


def save(model, length, for_int8, path):
    """`length` is a number, or ANY."""
    encoder = Encoder(model, for_int8) if length == ANY else onnx_graph.Encoder(model, int(length), for_int8)
    onnx.save(encoder.build(), path)
