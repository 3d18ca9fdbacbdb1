"""Encoders as ONNX graphs, as exports of the usual modules look, so that the peers' fusions find their patterns."""
import math

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

from peers.parameters import Parameters


class Graph:
    """Nodes and constants, named by a counter."""

    def __init__(self):
        self.nodes, self.constants, self.count = [], [], 0

    def name(self, kind):
        self.count += 1
        return f"{kind}_{self.count}"

    def constant(self, array):
        name = self.name("constant")
        self.constants.append(numpy_helper.from_array(numpy.asarray(array, order="C"), name))
        return name

    def op(self, kind, *inputs, **attributes):
        return self.ops(kind, 1, *inputs, **attributes)[0]

    def ops(self, kind, num_outputs, *inputs, name=None, **attributes):
        node = self.name(kind)
        outputs = [name] if name else [f"{node}_{i}" for i in range(num_outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), outputs, name=node, **attributes))
        return outputs

    def ints(self, *values):
        return self.constant(numpy.array(values, numpy.int64))

    def scalar(self, value):
        return self.constant(numpy.array(value, numpy.float32))

    def product(self, x, kernel, bias):
        return self.op("Add", self.op("MatMul", x, self.constant(kernel)), self.constant(bias))

    def norm(self, x, scale, bias):
        return self.op("LayerNormalization", x, self.constant(scale), self.constant(bias), axis=-1, epsilon=1e-12)

    def gelu(self, x, by_erf):
        if by_erf:
            erf = self.op("Erf", self.op("Div", x, self.scalar(math.sqrt(2))))
            return self.op("Mul", self.op("Mul", x, self.op("Add", erf, self.scalar(1))), self.scalar(0.5))
        cube = self.op("Mul", self.op("Pow", x, self.scalar(3)), self.scalar(0.044715))
        tanh = self.op("Tanh", self.op("Mul", self.op("Add", x, cube), self.scalar(math.sqrt(2 / math.pi))))
        return self.op("Mul", self.op("Mul", x, self.scalar(0.5)), self.op("Add", tanh, self.scalar(1)))


class Encoder:
    """One size at one length.

    for_int8: tools that quantize constant right-hand matrices of rank 2 only shall find all of them. So the sequence
    matrix stands on the right of a transposed activation, and every expert has products of its own; else the experts
    are one batched product, and the sequence matrix stands on the left."""

    def __init__(self, size, length, for_int8):
        self.length, self.for_int8 = length, for_int8
        self.shape = [1, length]
        self.weights, self.graph = Parameters(size), Graph()

    def dense(self, x, name):
        return self.graph.product(x, *self.weights.dense(name))

    def norm(self, x, name):
        return self.graph.norm(x, *self.weights.norm(name))

    def embedding(self):
        g, w = self.graph, self.weights
        rows = [g.op("Gather", g.constant(w[f"encoder/embedder/{table}/embedding"]), ids)
                for table, ids in (("word", "input_ids"), ("type", "token_type_ids"))]
        x = self.norm(g.op("Add", g.op("Add", *rows), self.position()), "encoder/embedder/layer_norm")
        return x if w.is_bert else self.dense(x, "encoder/embedder/hidden_mapping_in")

    def position(self):
        return self.graph.constant(self.weights["encoder/embedder/position/embedding"][:, :self.length])

    def attention_mask(self):
        g = self.graph
        mask = g.op("Cast", g.op("Unsqueeze", "attention_mask", g.ints(1, 2)), to=TensorProto.FLOAT)
        return g.op("Mul", g.op("Sub", g.scalar(1), mask), g.scalar(-10000))

    def attention(self, x, layer, mask):
        g, config = self.graph, self.weights.config
        heads, d = config["num_heads"], config["d_model"]
        name = f"encoder/attention_{layer}/self"
        def split(part, perm):
            rows = self.dense(x, f"{name}/{part}")
            return g.op("Transpose", g.op("Reshape", rows, g.ints(0, 0, heads, d // heads)), perm=perm)

        query, key, value = split("query", [0, 2, 1, 3]), split("key", [0, 2, 3, 1]), split("value", [0, 2, 1, 3])
        scores = g.op("Div", g.op("MatMul", query, key), g.scalar(math.sqrt(d // heads)))
        shares = g.op("Softmax", g.op("Add", scores, mask), axis=-1)
        rows = g.op("Transpose", g.op("MatMul", shares, value), perm=[0, 2, 1, 3])
        return self.dense(g.op("Reshape", rows, g.ints(0, 0, d)), f"{name}/out")

    def mixing(self, x, layer):
        g, w = self.graph, self.weights
        hidden = g.op("MatMul", x, g.constant(w[f"encoder/linear_transform_{layer}/hidden_kernel"]))
        sequence = w.sequence_matrix(layer, self.length)
        if not self.for_int8:
            return g.op("MatMul", g.constant(sequence), hidden)
        columns = g.op("MatMul", g.op("Transpose", hidden, perm=[0, 2, 1]), g.constant(sequence.T))
        return g.op("Transpose", columns, perm=[0, 2, 1])

    def feed_forward(self, x, layer):
        name = f"encoder/feed_forward_{layer}"
        hidden = self.graph.gelu(self.dense(x, f"{name}/intermediate"), self.weights.is_bert)
        return self.dense(hidden, f"{name}/output")

    def experts(self, x, layer):
        """Each expert takes its best tokens; what it gives is weighted by the router's probability, and added up."""
        g, config = self.graph, self.weights.config
        num_experts, d = config["num_experts"], config["d_model"]
        rows = g.op("Reshape", x, g.ints(self.length, d))
        probabilities = g.op("Softmax", self.dense(rows, f"encoder/router_weights_{layer}/DenseGeneral_0"), axis=-1)
        best, index = g.ops("TopK", 2, g.op("Transpose", probabilities, perm=[1, 0]),
                            g.ints(self.weights.capacity(self.length)), axis=-1, sorted=0)
        taken = g.op("Gather", rows, index, axis=0)  # [num_experts, capacity, d]
        run = self.separate_experts if self.for_int8 else self.batched_experts
        given = g.op("Mul", run(taken, layer, num_experts), g.op("Unsqueeze", best, g.ints(2)))
        zeros = g.constant(numpy.zeros((self.length, d), numpy.float32))
        total = g.op("ScatterND", zeros, g.op("Unsqueeze", index, g.ints(2)), given, reduction="add")
        return g.op("Reshape", total, g.ints(1, self.length, d))

    def batched_experts(self, taken, layer, _):
        (kernel, bias), (kernel2, bias2) = (self.weights.experts(layer, part) for part in ("intermediate", "output"))
        hidden = self.graph.gelu(self.graph.product(taken, kernel, bias[:, None]), False)
        return self.graph.product(hidden, kernel2, bias2[:, None])

    def separate_experts(self, taken, layer, num_experts):
        g = self.graph
        (kernel, bias), (kernel2, bias2) = (self.weights.experts(layer, part) for part in ("intermediate", "output"))
        parts = g.ops("Split", num_experts, taken, g.ints(*[1] * num_experts), axis=-3)
        given = [g.product(g.gelu(g.product(part, kernel[i], bias[i]), False), kernel2[i], bias2[i])
                 for i, part in enumerate(parts)]
        return g.op("Concat", *given, axis=-3)

    def answer(self, pooled):
        """Name and width of the output, given the pooler's product."""
        self.graph.ops("Tanh", 1, pooled, name="pooled")
        return "pooled", self.weights.config["d_model"]

    def build(self):
        g, w = self.graph, self.weights
        x, mask = self.embedding(), self.attention_mask()
        for layer, (has_attention, has_experts) in enumerate(w.layers):
            mixed = self.attention(x, layer, mask) if has_attention else self.mixing(x, layer)
            x = self.norm(g.op("Add", mixed, x), f"encoder/encoder_{layer}/mixing_layer_norm")
            given = self.experts(x, layer) if has_experts else self.feed_forward(x, layer)
            x = self.norm(g.op("Add", given, x), f"encoder/encoder_{layer}/output_layer_norm")
        first = g.op("Gather", x, g.constant(numpy.array(0, numpy.int64)), axis=1)
        name, width = self.answer(self.dense(first, "encoder/pooler"))
        ids = [helper.make_tensor_value_info(given, TensorProto.INT64, self.shape)
               for given in ("input_ids", "attention_mask", "token_type_ids")]
        output = helper.make_tensor_value_info(name, TensorProto.FLOAT, [self.shape[0], width])
        graph = helper.make_graph(g.nodes, "encoder", ids, [output], g.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model)
        return model
