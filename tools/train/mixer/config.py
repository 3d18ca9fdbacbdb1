"""What a Sparse Mixer consists of: the reference's configuration fields, and what follows from them."""
import dataclasses
import json

MODEL_ARCHS = ("LINEAR", "F_NET", "BERT")
LAYOUTS = ("BOTTOM", "MIDDLE", "MIXED", "TOP")


@dataclasses.dataclass
class ModelConfig:
    """Fields of config.json that the forward pass reads; names as in the reference (and three of our own)."""
    model_arch: str = "LINEAR"
    num_layers: int = 4
    d_model: int = 192
    d_ff: int = 384
    expert_d_ff: int = 384
    d_emb: int = 96
    num_heads: int = 6
    max_seq_length: int = 64
    vocab_size: int = 4000
    type_vocab_size: int = 2
    num_attention_layers: int = 2
    attention_layout: str = "TOP"
    num_moe_layers: int = 1
    moe_layout: str = "MIDDLE"
    num_experts: int = 4
    max_group_size: int = 4096
    train_capacity_factor: float = 1.0
    eval_capacity_factor: float = 1.0
    min_expert_capacity: int = 4
    dispatch_algorithm: str = "MASK_EXPERTS_CHOOSE"
    num_selected_experts: int = 1
    batch_prioritized_routing: bool = True
    jitter_noise: float = 0.0
    use_fft: bool = False
    pad_id: int = 0
    dropout_rate: float = 0.1
    mixing_dropout_rate: float = 0.1
    expert_dropout_rate: float = 0.1
    dtype: str = "float32"
    n_classes: int = 2
    is_regression: bool = False
    padding: str = "reference"
    routing_group: str = "sequence"
    router_type: str = "float32"

    def __post_init__(self):
        """Refuses what this trainer cannot compute, with the value and the rule."""
        for field, allowed in (("model_arch", MODEL_ARCHS), ("attention_layout", LAYOUTS),
                               ("moe_layout", LAYOUTS), ("padding", ("reference", "masked")),
                               ("dispatch_algorithm", ("MASK_EXPERTS_CHOOSE",)),
                               ("routing_group", ("sequence", "batch")), ("router_type", ("float32",))):
            if getattr(self, field) not in allowed:
                raise ValueError(f"{field} is {getattr(self, field)!r}; here it must be one of {allowed}")
        if self.d_model % self.num_heads:
            raise ValueError(f"d_model {self.d_model} is no multiple of num_heads {self.num_heads}")
        if self.padding == "masked" and self.routing_group == "batch":
            raise ValueError("padding 'masked' needs routing_group 'sequence'")
        if self.train_capacity_factor != self.eval_capacity_factor:
            raise ValueError("train_capacity_factor and eval_capacity_factor must be equal here")

    @classmethod
    def from_dict(cls, values):
        known = {field.name for field in dataclasses.fields(cls)}
        return cls(**{key: value for key, value in values.items() if key in known})

    def is_attention(self, layer):
        return self.model_arch == "BERT" or is_chosen(
            layer, self.num_layers, self.num_attention_layers, self.attention_layout)

    def is_moe(self, layer):
        return is_chosen(layer, self.num_layers, self.num_moe_layers, self.moe_layout)

    def expert_capacity(self, num_tokens):
        """Tokens that each expert takes from a group; Python's round is half to even, as the reference's."""
        wanted = round(self.eval_capacity_factor * num_tokens / self.num_experts)
        return min(max(wanted, self.min_expert_capacity), num_tokens)


def is_chosen(layer, num_layers, num_chosen, layout):
    """Whether a layout that was asked for `num_chosen` special layers makes `layer` one of them."""
    if layout == "BOTTOM":
        return layer < num_chosen
    if layout == "TOP":
        return layer >= num_layers - num_chosen
    if layout == "MIDDLE":
        return num_layers - num_chosen <= 2 * layer < num_layers + num_chosen
    return num_chosen > 0 and layer % (num_layers // num_chosen) == 0


def load_config(path):
    with open(path, encoding="utf-8") as file:
        return ModelConfig.from_dict(json.load(file))
