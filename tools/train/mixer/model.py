"""The Sparse Mixer encoder in PyTorch: arithmetic, names and shapes of the reference's checkpoints.

  embedding -> num_layers x { mix, add + norm, feed-forward or experts, add + norm } -> pooler -> head

Shapes, slowest first: B texts, L = length of the batch, d = d_model, G routing groups of T tokens, E experts,
C slots an expert. A parameter keeps its checkpoint name, so one grep follows it from here to the engine.

Source: Sparse Mixers, arXiv:2205.12399. Agreement with the reference: tests/tools/train/test_golden.py.
"""
import math

import torch
from torch import nn
from torch.nn import functional as F

from mixer import fake_quant

LAYER_NORM_EPSILON = 1e-12


def parameter_shapes(config):
    """Name -> shape of every parameter, exactly as in the reference's checkpoint."""
    d, d_emb = config.d_model, config.d_emb
    embedder = "encoder/embedder"
    shapes = {
        f"{embedder}/word/embedding": (config.vocab_size, d_emb),
        f"{embedder}/position/embedding": (1, config.max_seq_length, d_emb),
        f"{embedder}/type/embedding": (config.type_vocab_size, d_emb),
        **_norm_shapes(f"{embedder}/layer_norm", d_emb),
        **_dense_shapes(f"{embedder}/hidden_mapping_in", d_emb, d),
        **_dense_shapes("encoder/pooler", d, d),
        "classification/output_kernel": (config.n_classes, d),
        "classification/output_bias": (config.n_classes,),
    }
    for layer in range(config.num_layers):
        shapes.update(_norm_shapes(f"encoder/encoder_{layer}/mixing_layer_norm", d))
        shapes.update(_norm_shapes(f"encoder/encoder_{layer}/output_layer_norm", d))
        shapes.update(_mixing_shapes(config, layer))
        shapes.update(_feed_forward_shapes(config, layer))
    return shapes


def _norm_shapes(name, size):
    return {f"{name}/scale": (size,), f"{name}/bias": (size,)}


def _dense_shapes(name, num_in, num_out):
    return {f"{name}/kernel": (num_in, num_out), f"{name}/bias": (num_out,)}


def _mixing_shapes(config, layer):
    d, heads = config.d_model, config.num_heads
    if not config.is_attention(layer):
        if config.model_arch == "F_NET":
            return {}
        name = f"encoder/linear_transform_{layer}"
        length = config.max_seq_length
        return {f"{name}/hidden_kernel": (d, d), f"{name}/input_kernel": (length, length)}
    name = f"encoder/attention_{layer}/self"
    shapes = {f"{name}/out/kernel": (heads, d // heads, d), f"{name}/out/bias": (d,)}
    for part in ("query", "key", "value"):
        shapes[f"{name}/{part}/kernel"] = (d, heads, d // heads)
        shapes[f"{name}/{part}/bias"] = (heads, d // heads)
    return shapes


def _feed_forward_shapes(config, layer):
    d, experts, width = config.d_model, config.num_experts, config.expert_d_ff
    if not config.is_moe(layer):
        return {**_dense_shapes(f"encoder/feed_forward_{layer}/intermediate", d, config.d_ff),
                **_dense_shapes(f"encoder/feed_forward_{layer}/output", config.d_ff, d)}
    name = f"encoder/expert_{layer}"
    return {
        **_dense_shapes(f"encoder/router_weights_{layer}/DenseGeneral_0", d, experts),
        f"{name}/intermediate/kernel": (d, experts, width), f"{name}/intermediate/bias": (width, experts),
        f"{name}/output/kernel": (width, experts, d), f"{name}/output/bias": (d, experts),
    }


class SparseMixer(nn.Module):
    """Token ids -> logits. `padding` 'masked' makes an answer a function of the text's own tokens alone.

    With `int8` set, the products that the engine does in int8 are rounded as there; router, pooler, head and the
    inside of attention stay float32.
    """

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.int8 = False
        self.weights = nn.ParameterDict(
            {name: nn.Parameter(torch.zeros(shape)) for name, shape in parameter_shapes(config).items()})

    def load_weights(self, tensors):
        """Takes a checkpoint's tensors; missing, surplus or misshaped ones are an error."""
        if set(tensors) != set(self.weights.keys()):
            raise ValueError(f"wrong set of tensors: {sorted(set(tensors) ^ set(self.weights.keys()))}")
        with torch.no_grad():
            for name, tensor in tensors.items():
                if tensor.shape != self.weights[name].shape:
                    raise ValueError(f"{name}: {list(tensor.shape)}, not {list(self.weights[name].shape)}")
                self.weights[name].copy_(tensor)

    def forward(self, input_ids, type_ids, observe=None):
        """input_ids, type_ids [B,L], pads at the end -> logits [B,n_classes].

        With masked padding the rows of pads hold numbers that mean nothing and that no real row reads; L is then
        only the length of the longest text of the batch. `observe`, a dict, receives activations by golden name.
        """
        observe = {} if observe is None else observe
        real = input_ids != self.config.pad_id
        x = observe["embedding_output"] = self._embed(input_ids, type_ids)
        for layer in range(self.config.num_layers):
            x = observe[f"layer_{layer}"] = self._block(layer, x, real, observe)
        observe["sequence_output"] = x
        pooled = observe["pooled_output"] = torch.tanh(self._dense("encoder/pooler", x[:, 0]))
        logits = pooled @ self.weights["classification/output_kernel"].t()
        observe["logits"] = logits + self.weights["classification/output_bias"]
        return observe["logits"]

    def _embed(self, input_ids, type_ids):
        name, w = "encoder/embedder", self.weights
        x = (F.embedding(input_ids, self._channels(w[f"{name}/word/embedding"], 0))
             + w[f"{name}/position/embedding"][:, :input_ids.shape[1]]
             + F.embedding(type_ids, w[f"{name}/type/embedding"]))
        x = self._product(f"{name}/hidden_mapping_in", self._norm(f"{name}/layer_norm", x))
        return self._dropout(x, self.config.dropout_rate)

    def _block(self, layer, x, real, observe):
        config = self.config
        if config.is_attention(layer):
            mix = self._attention
        else:
            mix = self._fourier if config.model_arch == "F_NET" else self._linear
        mixed = self._dropout(mix(layer, x, real), config.mixing_dropout_rate)
        x = self._norm(f"encoder/encoder_{layer}/mixing_layer_norm", x + mixed)
        if config.is_moe(layer):
            out = self._dropout(self._experts(layer, x, real, observe), config.expert_dropout_rate)
        else:
            out = self._dropout(self._feed_forward(layer, x), config.dropout_rate)
        return self._norm(f"encoder/encoder_{layer}/output_layer_norm", x + out)

    def _linear(self, layer, x, real):
        """Y = S X H. Zero rows for pads make that the leading n x n block of S on the n real rows."""
        name, length = f"encoder/linear_transform_{layer}", x.shape[1]
        if self.config.padding == "masked":
            x = x * real.unsqueeze(2)
        elif length != self.config.max_seq_length:
            raise ValueError(f"linear mixing of {length} tokens, model has {self.config.max_seq_length}")
        hidden = torch.matmul(self._rows(x), self._channels(self.weights[f"{name}/hidden_kernel"], 1))
        s = self._channels(self.weights[f"{name}/input_kernel"], 0)[:length, :length]
        if not self.int8:
            return torch.matmul(s, hidden)
        # The engine multiplies the transposed rows, so a scale belongs to a channel here.
        return torch.matmul(self._rows(hidden.transpose(1, 2)), s.t()).transpose(1, 2)

    def _fourier(self, _, x, real):
        """Y = Re(F_n X F_d), F_n[a,b] = exp(-2 pi i ab/n), n the length that is mixed: of a text, or of the batch."""
        length, d = x.shape[1:]
        if self.config.padding == "masked":
            x, lengths = x * real.unsqueeze(2), real.sum(1)
        else:
            lengths = torch.tensor([length], device=x.device)
        over_rows, over_width = fourier_angles(length, lengths), fourier_angles(d, torch.tensor([d], device=x.device))[0]
        return over_rows.cos() @ (x @ over_width.cos()) - over_rows.sin() @ (x @ over_width.sin())

    def _attention(self, layer, x, real):
        batch, length, d = x.shape
        heads, name, w = self.config.num_heads, f"encoder/attention_{layer}/self", self.weights

        x = self._rows(x)

        def split(part):
            kernel = self._channels(w[f"{name}/{part}/kernel"].reshape(d, d), 1)
            rows = x @ kernel + w[f"{name}/{part}/bias"].reshape(d)
            return rows.reshape(batch, length, heads, d // heads).transpose(1, 2)

        query, key, value = (split(part) for part in ("query", "key", "value"))
        if self.int8:
            limit = fake_quant.attention_limit(d // heads)
            query, key = (fake_quant.fake_int16_rows(rows, limit) for rows in (query, key))
        scores = query @ key.transpose(2, 3) / math.sqrt(d // heads)
        visible = real[:, None, :, None] & real[:, None, None, :]
        scores = scores.masked_fill(~visible, torch.finfo(scores.dtype).min)
        probs = torch.softmax(scores, -1)
        if self.int8:
            probs = fake_quant.fake_probs(probs, value)
            value = fake_quant.fake_int16_rows(value, fake_quant.VALUE_LIMIT)
        probs = self._dropout(probs, self.config.mixing_dropout_rate)
        rows = (probs @ value).transpose(1, 2).reshape(batch, length, d)
        kernel = self._channels(w[f"{name}/out/kernel"].reshape(d, d), 1)
        return self._rows(rows) @ kernel + w[f"{name}/out/bias"]

    def _feed_forward(self, layer, x):
        name = f"encoder/feed_forward_{layer}"
        return self._product(f"{name}/output", gelu(self._product(f"{name}/intermediate", x)))

    def _experts(self, layer, x, real, observe):
        """Each expert takes the C tokens of its group that want it most; a token may have 0..E experts."""
        config = self.config
        if config.padding == "reference":
            real = torch.ones_like(real)
        if config.routing_group == "batch":
            if real.numel() > config.max_group_size:
                raise ValueError(f"{real.numel()} tokens, only one group of {config.max_group_size} is built")
            tokens, real = x.reshape(1, -1, x.shape[2]), real.reshape(1, -1)
        else:
            tokens = x
        logits = self._dense(f"encoder/router_weights_{layer}/DenseGeneral_0", tokens)
        probs = observe[f"layer_{layer}/router_probs"] = torch.softmax(logits, -1)
        index, weight = self._choose(probs, real)
        return self._apply_experts(layer, tokens, index, weight).reshape(x.shape)

    def _choose(self, probs, real):
        """probs [G,T,E], real [G,T] -> index, weight [G,E,C]; a slot beyond its group's capacity weighs 0."""
        capacity = torch.tensor([self.config.expert_capacity(n) for n in real.sum(1).tolist()], device=probs.device)
        slots = int(capacity.max())
        ranked = probs.masked_fill(~real.unsqueeze(2), -1.0).transpose(1, 2)
        # Stable: of equal probabilities the lower position comes first, as in the reference.
        values, index = ranked.sort(dim=2, descending=True, stable=True)
        used = torch.arange(slots, device=probs.device) < capacity.unsqueeze(1)
        return index[:, :, :slots], values[:, :, :slots] * used.unsqueeze(1)

    def _apply_experts(self, layer, tokens, index, weight):
        groups, experts, slots = index.shape
        d, name, w = tokens.shape[2], f"encoder/expert_{layer}", self.weights
        out, tokens = torch.zeros_like(tokens), self._rows(tokens)
        for e in range(experts):
            rows = index[:, e].unsqueeze(2).expand(groups, slots, d)
            hidden = torch.gather(tokens, 1, rows) @ self._channels(w[f"{name}/intermediate/kernel"][:, e], 1)
            hidden = self._rows(gelu(hidden + w[f"{name}/intermediate/bias"][:, e]))
            result = hidden @ self._channels(w[f"{name}/output/kernel"][:, e], 1) + w[f"{name}/output/bias"][:, e]
            out = out.scatter_add(1, rows, result * weight[:, e].unsqueeze(2))
        return out

    def _dense(self, name, x):
        return x @ self.weights[f"{name}/kernel"] + self.weights[f"{name}/bias"]

    def _product(self, name, x):
        """A dense layer that the engine does in int8."""
        return self._rows(x) @ self._channels(self.weights[f"{name}/kernel"], 1) + self.weights[f"{name}/bias"]

    def _rows(self, x):
        return fake_quant.fake_rows(x) if self.int8 else x

    def _channels(self, weights, axis):
        return fake_quant.fake_channels(weights, axis) if self.int8 else weights

    def _norm(self, name, x):
        return F.layer_norm(x, x.shape[-1:], self.weights[f"{name}/scale"], self.weights[f"{name}/bias"],
                            LAYER_NORM_EPSILON)

    def _dropout(self, x, rate):
        return F.dropout(x, rate, self.training)


def fourier_angles(size, lengths):
    """[number of lengths, size, size]: 2 pi ab/n for each length n; ab is taken modulo n first, which keeps it exact."""
    place = torch.arange(size, device=lengths.device)
    n = lengths.reshape(-1, 1, 1)
    return (place[:, None] * place[None, :] % n) * (2 * math.pi / n)


def gelu(x):
    return F.gelu(x, approximate="tanh")
