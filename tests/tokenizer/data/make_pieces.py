"""Cuts genuine tokenizers to a few thousand pieces and writes the ids that their libraries give.

    python3 make_pieces.py FOLDER    with mistral_v1_bpe.model in it (SOURCE.md says from where)

Writes bpe_small.model and NAME_ids.jsonl; needs `sentencepiece` 0.2.3. The texts are those of minilm_wordpiece_hf.jsonl,
of each language of the Declaration of Human Rights every eighth, and the bytes of
minilm_wordpiece_hf_invalid_utf8.jsonl; {"line": n} says which, {"invalid": n} the same of the latter.
"""
import json
import sys

import sentencepiece
from sentencepiece import sentencepiece_model_pb2


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


def raw_texts():
    yield from chosen_texts()
    for i, line in enumerate(lines("minilm_wordpiece_hf_invalid_utf8.jsonl")):
        yield {"invalid": i}, bytes.fromhex(line["bytes_hex"])


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


def main():
    cut_bpe(sys.argv[1] + "/mistral_v1_bpe.model")
    for name in ("spm_test_unigram_1000", "bpe_small"):
        encode = sentencepiece.SentencePieceProcessor(model_file=name + ".model").encode
        write_ids(name, raw_texts(), encode)


if __name__ == "__main__":
    main()
