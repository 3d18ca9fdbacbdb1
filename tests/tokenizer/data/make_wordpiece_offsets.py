"""Writes wordpiece_offsets.jsonl: what each token of minilm_wordpiece_hf.jsonl covers, in bytes of the text.

pip install tokenizers==0.23.3; then run in this folder.
"""

import json

from tokenizers import Tokenizer


def byte_offsets(text, offsets):
    """The library counts characters."""
    starts = [0]
    for character in text:
        starts.append(starts[-1] + len(character.encode()))
    return [[starts[begin], starts[end]] for begin, end in offsets]


def main():
    tokenizer = Tokenizer.from_file("minilm_wordpiece_tokenizer.json")
    tokenizer.no_truncation()
    tokenizer.no_padding()
    with open("minilm_wordpiece_hf.jsonl") as texts, open("wordpiece_offsets.jsonl", "w") as out:
        for line in texts:
            text = json.loads(line)["text"]
            encoding = tokenizer.encode(text)
            out.write(json.dumps({"text": text, "ids": encoding.ids,
                                  "offsets": byte_offsets(text, encoding.offsets)}) + "\n")


if __name__ == "__main__":
    main()
