"""What is measured: models, texts, and the engines that run them."""
import dataclasses

import sizes

MAX_SEQ_LEN = 512
ANY = "any"  # a length: files that serve all


@dataclasses.dataclass(frozen=True)
class Case:
    """A text of so many real tokens. `length` is what a peer's file is made for: the tokens, or the model's maximum
    where the published model pads."""
    name: str
    title: str
    size: str
    tokens: int
    length: int
    masked: bool = False

    @property
    def smx_model(self):
        return self.size + "-masked" * self.masked

    @property
    def multiply_adds(self):
        return sizes.multiply_adds(sizes.configuration(self.size, MAX_SEQ_LEN), self.length)


CASES = (
    Case("bert-512", "BERT Base, 512 tokens", "bert-base", 512, 512),
    Case("bert-128", "BERT Base, 128 tokens", "bert-base", 128, 128),
    Case("bert-40", "BERT Base, 40 tokens", "bert-base", 40, 40),
    Case("mixer-512", "Sparse Mixer Base, 512 tokens", "sparse-mixer-base", 512, 512),
    Case("mixer-40-of-512", "Sparse Mixer Base, 40 tokens padded to 512", "sparse-mixer-base", 40, 512),
    Case("masked-128", "Sparse Mixer Base, masked, 128 tokens", "sparse-mixer-base", 128, 128, masked=True),
    Case("masked-32", "Sparse Mixer Base, masked, 32 tokens", "sparse-mixer-base", 32, 32, masked=True),
)


@dataclasses.dataclass(frozen=True)
class Peer:
    """Another engine: the packages that run it, and those that make its files where these need an environment apart."""
    name: str
    title: str
    packages: tuple
    converter_packages: tuple = ()
    sizes: tuple = ("bert-base", "sparse-mixer-base")
    any_length: bool = False

    def folder(self, case):
        """Of its files, within the folder of models."""
        return f"{case.size}-{MAX_SEQ_LEN if self.any_length else case.length}.{self.name}"


PEERS = (
    Peer("openvino", "OpenVINO int8", ("openvino", "nncf", "onnx")),
    Peer("litert", "LiteRT int8 (XNNPACK)", ("ai-edge-litert",), converter_packages=("tensorflow-cpu",)),
    Peer("onnxruntime", "ONNX Runtime int8, dynamic", ("onnxruntime", "onnx", "sympy")),
    Peer("fasttext", "fastText", ("fasttext-wheel",), sizes=()),
    Peer("ctranslate2", "CTranslate2 int8", ("ctranslate2",), sizes=("bert-base",), any_length=True),
)

SMX = "smx"
READING = "reading"  # no engine: reads the bytes of the weights that a short text needs, once
TITLES = {SMX: "smx int8", **{peer.name: peer.title for peer in PEERS}, READING: "reading the weights"}
READING_CASE = "masked-32"


@dataclasses.dataclass(frozen=True)
class Bar:
    """How many times as fast as `against` smx must be on `case`; `against` is a case whose best peer counts."""
    title: str
    case: str
    against: str
    wanted: float


BARS = (
    Bar("Sparse Mixer Base, 512 tokens, against the best peer", "mixer-512", "mixer-512", 2.0),
    Bar("Sparse Mixer Base, 512 tokens, against the best peer's BERT Base", "mixer-512", "bert-512", 3.5),
    Bar("BERT Base, 512 tokens, against the best peer", "bert-512", "bert-512", 1.0),
    Bar("BERT Base, 128 tokens, against the best peer", "bert-128", "bert-128", 1.0),
    Bar("BERT Base, 40 tokens, against the best peer", "bert-40", "bert-40", 1.0),
    Bar("Sparse Mixer Base, 40 tokens padded to 512, against the best peer", "mixer-40-of-512", "mixer-40-of-512", 3.0),
    Bar("Sparse Mixer Base, masked, 128 tokens, against the best peer", "masked-128", "masked-128", 1.0),
    Bar("Sparse Mixer Base, masked, 32 tokens, against the best peer", "masked-32", "masked-32", 1.0),
)
MAX_OF_READING = 1.1       # masked-32, times `reading`
MIN_OF_TWO_THREADS = 1.8   # mixer-512, one thread's time by two threads'
MAX_JUMP = 1.3             # between neighbours in the sweep of lengths
