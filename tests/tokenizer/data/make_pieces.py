"""Cuts genuine tokenizers to a few thousand pieces and writes the ids that their libraries give.

    python3 make_pieces.py FOLDER    with mistral_v1_bpe.model and gpt2_bpe_tokenizer.json in it (see SOURCE.md)

Writes bpe_small.model, byte_bpe_small_tokenizer.json and NAME_ids.jsonl, of which unigram_clusters and unigram_steps
are for the tokenizer.json that tests/support/unigram_json.h makes of spm_test_unigram_1000.model; needs `sentencepiece`
0.2.3 and `tokenizers` 0.23.3. The texts are those of minilm_wordpiece_hf.jsonl, of each language of the Declaration of
Human Rights every eighth, and the bytes of minilm_wordpiece_hf_invalid_utf8.jsonl; {"line": n} says which,
{"invalid": n} the same of the latter. `tokenizers` takes text only: it is given that file's decoded_text. Prints how
`tokenizers` classes code points, for byte_level_test.cc, and what it makes of them, for metaspace_test.cc.
"""
import base64
import json
import sys

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Tokenizer, normalizers, pre_tokenizers


def lines(name):
    with open(name) as file:
        return [json.loads(line) for line in file]


def chosen_texts():
    seen = 0
    for i, line in enumerate(lines("minilm_wordpiece_hf.jsonl")):
        if line["kind"].startswith("udhr"):
            seen += 1
            if seen % 8 != 1:
                continue
        yield {"line": i}, line["text"]


def write_ids(name, texts, encode):
    with open(name + "_ids.jsonl", "w") as file:
        for which, text in texts:
            file.write(json.dumps({**which, "ids": encode(text)}, separators=(",", ":")) + "\n")


def raw_texts(invalid):
    yield from chosen_texts()
    for i, line in enumerate(lines("minilm_wordpiece_hf_invalid_utf8.jsonl")):
        yield {"invalid": i}, invalid(line)


def cut_bpe(path):
    model = sentencepiece_model_pb2.ModelProto()
    with open(path, "rb") as file:
        model.ParseFromString(file.read())

    def is_kept(i, piece):
        is_latin = len(piece.piece) == 1 and ord(piece.piece) < 0x250
        return i < 3200 or is_latin or set(piece.piece) == {"\u2581"}

    kept = [piece for i, piece in enumerate(model.pieces) if is_kept(i, piece)]
    del model.pieces[:]
    model.pieces.extend(kept)
    model.trainer_spec.Clear()
    model.trainer_spec.model_type = 2
    model.trainer_spec.byte_fallback = True
    model.trainer_spec.vocab_size = len(kept)
    with open("bpe_small.model", "wb") as file:
        file.write(model.SerializeToString())


def cut_byte_bpe(path):
    with open(path) as file:
        root = json.load(file)
    model = root["model"]
    model["merges"] = model["merges"][:3000]
    kept = list(model["vocab"])[: 256 + len(model["merges"])] + ["<|endoftext|>"]
    model["vocab"] = {piece: i for i, piece in enumerate(kept)}
    root["added_tokens"][0]["id"] = len(kept) - 1
    root["truncation"] = None
    with open("byte_bpe_small_tokenizer.json", "w") as file:
        json.dump(root, file, separators=(",", ":"))


def unigram_json(with_steps):
    model = sentencepiece_model_pb2.ModelProto()
    with open("spm_test_unigram_1000.model", "rb") as file:
        model.ParseFromString(file.read())
    charsmap = base64.b64encode(model.normalizer_spec.precompiled_charsmap).decode()
    normalizer = {"type": "Precompiled", "precompiled_charsmap": charsmap}
    if with_steps:
        quotes = [{"type": "Replace", "pattern": {"String": sign}, "content": '"'} for sign in ("``", "''")]
        steps = [{"type": "NFKD"}, {"type": "StripAccents"}, {"type": "Lowercase"}, normalizer]
        spaces = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}
        normalizer = {"type": "Sequence", "normalizers": [*quotes, *steps, spaces]}
    metaspace = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "add_prefix_space": True}
    return json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": normalizer,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, metaspace]},
        "post_processor": None, "decoder": None,
        "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": False,
                  "vocab": [[piece.piece, piece.score] for piece in model.pieces]}})


def print_stripped():
    """FNV-1a of what the steps of NFKD make of each code point, a line feed behind each."""
    for steps in ([], [normalizers.Lowercase()]):
        normalize = normalizers.Sequence([normalizers.NFKD(), normalizers.StripAccents(), *steps]).normalize_str
        fnv = 2166136261
        for code_point in range(0x110000):
            if 0xD800 <= code_point < 0xE000:
                continue
            for byte in (normalize(chr(code_point)) + "\n").encode():
                fnv = ((fnv ^ byte) * 16777619) & 0xFFFFFFFF
        print(fnv)


def print_classes():
    """Other, letter, number, space: by whether the code point is one word with its like on both sides."""
    words = pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str

    def class_of(character):
        for kind, like in ((1, "a"), (2, "1"), (0, "!")):
            if len(words(like + character + like)) == 1:
                return kind
        return 3

    counts, fnv = [0] * 4, 2166136261
    for code_point in range(0x110000):
        kind = 0
        if not 0xD800 <= code_point < 0xE000:
            kind = class_of(chr(code_point))
        counts[kind] += 1
        fnv = ((fnv ^ kind) * 16777619) & 0xFFFFFFFF
    print(counts, fnv)


def main():
    cut_bpe(sys.argv[1] + "/mistral_v1_bpe.model")
    cut_byte_bpe(sys.argv[1] + "/gpt2_bpe_tokenizer.json")
    for name in ("spm_test_unigram_1000", "bpe_small"):
        encode = sentencepiece.SentencePieceProcessor(model_file=name + ".model").encode
        write_ids(name, raw_texts(lambda line: bytes.fromhex(line["bytes_hex"])), encode)
    tokenizer = Tokenizer.from_file("byte_bpe_small_tokenizer.json")
    write_ids("byte_bpe_small", raw_texts(lambda line: line["decoded_text"]), lambda text: tokenizer.encode(text).ids)
    for name, with_steps in (("unigram_clusters", False), ("unigram_steps", True)):
        tokenizer = Tokenizer.from_str(unigram_json(with_steps))
        write_ids(name, raw_texts(lambda line: line["decoded_text"]), lambda text: tokenizer.encode(text).ids)
    print_classes()
    print_stripped()


if __name__ == "__main__":
    main()
