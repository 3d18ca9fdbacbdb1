#!/usr/bin/env python3
"""Copies an io file of a golden case without the arrays that follow from others, to keep the repository small.

    python3 tests/golden/trim_io.py io.safetensors tests/golden/cases/CASE/io.safetensors

Left out: sublayers (mixing_output, mixing_norm, ff_output, router_logits), which the float32 file of the same case
holds; combine, which is dispatch times router_probs; sequence_output, which is the last layer. Values are untouched.
"""
import json
import struct
import sys

LEFT_OUT = ("mixing_output", "mixing_norm", "ff_output", "router_logits", "combine", "sequence_output")


def main(source, target):
    with open(source, "rb") as file:
        data = file.read()
    (header_bytes,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8:8 + header_bytes])
    kept, blobs, end = {}, [], 0
    for name, entry in header.items():
        if name == "__metadata__" or name.split("/")[-1] in LEFT_OUT:
            continue
        begin, stop = (8 + header_bytes + at for at in entry["data_offsets"])
        blobs.append(data[begin:stop])
        kept[name] = {**entry, "data_offsets": [end, end + stop - begin]}
        end += stop - begin
    text = json.dumps(kept, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(target, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
