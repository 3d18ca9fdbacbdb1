"""bert-base LENGTH FOLDER: CTranslate2's files, int8 weights; they serve every length. It has no Sparse Mixer."""
import sys

import numpy
from ctranslate2.specs import common_spec, transformer_spec

from peers.parameters import Parameters


class Writer:
    """Puts weights into CTranslate2's description of a model."""

    def __init__(self, size):
        self.weights = Parameters(size)

    def dense(self, spec, *names):
        """Several products with the same input stand side by side."""
        kernels, biases = zip(*(self.weights.dense(name) for name in names))
        spec.weight = numpy.ascontiguousarray(numpy.concatenate([kernel.T for kernel in kernels]))
        spec.bias = numpy.concatenate(biases)

    def norm(self, spec, name):
        spec.gamma, spec.beta = self.weights.norm(name)

    def embedding(self, encoder):
        tables = [self.weights[f"encoder/embedder/{table}/embedding"] for table in ("word", "type", "position")]
        encoder.embeddings[0].weight, encoder.embeddings[1].weight = tables[:2]
        encoder.position_encodings.encodings = tables[2][0]
        encoder.scale_embeddings = False
        self.norm(encoder.layernorm_embedding, "encoder/embedder/layer_norm")

    def layer(self, spec, layer):
        attention = f"encoder/attention_{layer}/self"
        self.dense(spec.self_attention.linear[0], *(f"{attention}/{part}" for part in ("query", "key", "value")))
        self.dense(spec.self_attention.linear[1], f"{attention}/out")
        self.norm(spec.self_attention.layer_norm, f"encoder/encoder_{layer}/mixing_layer_norm")
        self.dense(spec.ffn.linear_0, f"encoder/feed_forward_{layer}/intermediate")
        self.dense(spec.ffn.linear_1, f"encoder/feed_forward_{layer}/output")
        self.norm(spec.ffn.layer_norm, f"encoder/encoder_{layer}/output_layer_norm")


def main():
    size, folder = sys.argv[1], sys.argv[3]
    writer = Writer(size)
    config = writer.weights.config
    encoder = transformer_spec.TransformerEncoderSpec(
        config["num_layers"], config["num_heads"], pre_norm=False, activation=common_spec.Activation.GELU,
        layernorm_embedding=True, num_source_embeddings=2, embeddings_merge=common_spec.EmbeddingsMerge.ADD)
    model = transformer_spec.TransformerEncoderModelSpec(encoder, pooling_layer=True,
                                                         pooling_activation=common_spec.Activation.Tanh)
    writer.embedding(encoder)
    for layer, spec in enumerate(encoder.layer):
        writer.layer(spec, layer)
    writer.dense(model.pooler_dense, "encoder/pooler")
    model.config.layer_norm_epsilon = 1e-12
    model.register_vocabulary([f"t{i}" for i in range(config["vocab_size"])])
    model.config.unk_token = "t0"
    model.validate()
    model.optimize(quantization="int8")
    model.save(folder)


main()
