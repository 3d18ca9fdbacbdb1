"""SIZE LENGTH FOLDER: LiteRT's file, converted by TensorFlow with int8 weights (dynamic range)."""
import math
import pathlib
import sys

import tensorflow as tf

from peers.parameters import Parameters


class Encoder:
    """One size at one length, on rows [length, d]: each product becomes one FULLY_CONNECTED."""

    def __init__(self, size, length):
        self.weights, self.length = Parameters(size), length

    def dense(self, x, name):
        kernel, bias = self.weights.dense(name)
        return tf.matmul(x, tf.constant(kernel)) + bias

    def norm(self, x, name):
        scale, bias = self.weights.norm(name)
        centred = x - tf.reduce_mean(x, -1, keepdims=True)
        variance = tf.reduce_mean(tf.square(centred), -1, keepdims=True)
        return centred * tf.math.rsqrt(variance + 1e-12) * scale + bias

    def embedding(self, ids, types):
        w = self.weights
        x = tf.gather(tf.constant(w["encoder/embedder/word/embedding"]), ids[0])
        x += tf.gather(tf.constant(w["encoder/embedder/type/embedding"]), types[0])
        x += w["encoder/embedder/position/embedding"][0, :self.length]
        x = self.norm(x, "encoder/embedder/layer_norm")
        return x if w.is_bert else self.dense(x, "encoder/embedder/hidden_mapping_in")

    def attention(self, x, layer, mask):
        heads, d = self.weights.config["num_heads"], self.weights.config["d_model"]
        name = f"encoder/attention_{layer}/self"
        query, key, value = (
            tf.transpose(tf.reshape(self.dense(x, f"{name}/{part}"), [1, self.length, heads, d // heads]), [0, 2, 1, 3])
            for part in ("query", "key", "value"))
        scores = tf.matmul(query, key, transpose_b=True) * (1 / math.sqrt(d // heads))
        rows = tf.transpose(tf.matmul(tf.nn.softmax(scores + mask), value), [0, 2, 1, 3])
        return self.dense(tf.reshape(rows, [self.length, d]), f"{name}/out")

    def mixing(self, x, layer):
        hidden = tf.matmul(x, tf.constant(self.weights[f"encoder/linear_transform_{layer}/hidden_kernel"]))
        sequence = tf.constant(self.weights.sequence_matrix(layer, self.length).T.copy())
        return tf.transpose(tf.matmul(tf.transpose(hidden), sequence))

    def feed_forward(self, x, layer):
        name = f"encoder/feed_forward_{layer}"
        hidden = tf.nn.gelu(self.dense(x, f"{name}/intermediate"), approximate=True)
        return self.dense(hidden, f"{name}/output")

    def experts(self, x, layer):
        """Each expert takes its best tokens; what it gives is weighted by the router's probability, and added up."""
        num_experts, capacity = self.weights.config["num_experts"], self.weights.capacity(self.length)
        (kernel, bias), (kernel2, bias2) = (self.weights.experts(layer, part) for part in ("intermediate", "output"))
        logits = self.dense(x, f"encoder/router_weights_{layer}/DenseGeneral_0")
        best, index = tf.math.top_k(tf.transpose(tf.nn.softmax(logits)), capacity)
        taken = tf.gather(x, tf.reshape(index, [num_experts * capacity]))
        given = []
        for expert, rows in enumerate(tf.split(taken, num_experts)):
            hidden = tf.nn.gelu(tf.matmul(rows, tf.constant(kernel[expert])) + bias[expert], approximate=True)
            given.append(tf.matmul(hidden, tf.constant(kernel2[expert])) + bias2[expert])
        weighted = tf.concat(given, 0) * tf.reshape(best, [num_experts * capacity, 1])
        return tf.scatter_nd(tf.reshape(index, [num_experts * capacity, 1]), weighted, x.shape)

    def __call__(self, input_ids, attention_mask, token_type_ids):
        x = self.embedding(input_ids, token_type_ids)
        mask = (1.0 - tf.cast(attention_mask, tf.float32))[:, None, None, :] * -10000.0
        for layer, (has_attention, has_experts) in enumerate(self.weights.layers):
            mixed = self.attention(x, layer, mask) if has_attention else self.mixing(x, layer)
            x = self.norm(x + mixed, f"encoder/encoder_{layer}/mixing_layer_norm")
            given = self.experts(x, layer) if has_experts else self.feed_forward(x, layer)
            x = self.norm(x + given, f"encoder/encoder_{layer}/output_layer_norm")
        return {"pooled": tf.tanh(self.dense(x[:1], "encoder/pooler"))}


def main():
    size, length, folder = sys.argv[1], int(sys.argv[2]), pathlib.Path(sys.argv[3])
    names = ("input_ids", "attention_mask", "token_type_ids")
    function = tf.function(Encoder(size, length).__call__).get_concrete_function(
        *(tf.TensorSpec([1, length], tf.int32, name=name) for name in names))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    (folder / "model.tflite").write_bytes(converter.convert())


main()
