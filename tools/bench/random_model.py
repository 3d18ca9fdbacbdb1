#!/usr/bin/env python3
"""Writes the folder of a model in a published size with random weights, for measurements of speed: config.json and
model.safetensors, as smx-quantize reads them. The same name always gives the same weights.

    random_model.py sparse-mixer-base OUT [--masked] [--max-seq-len 512]
    smx-quantize OUT/model.safetensors -o base.smx --type int8
    smx bench base.smx"""
import argparse
import json
import pathlib
import sys
import zlib

import numpy

import sizes


def values(name, shape):
    generator = numpy.random.Generator(numpy.random.SFC64(zlib.crc32(name.encode())))
    numbers = generator.standard_normal(shape, numpy.float32)
    return 1 + numbers * numpy.float32(0.01) if name.endswith("/scale") else numbers * numpy.float32(0.03)


def write(config, folder):
    folder.mkdir(parents=True, exist_ok=True)
    header, begin = {}, 0
    for name, shape in sizes.shapes(config):
        end = begin + 4 * int(numpy.prod(shape))
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(folder / "model.safetensors", "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, entry in header.items():
            values(name, entry["shape"]).astype("<f4").tofile(file)
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("size", choices=sizes.SIZES)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--masked", action="store_true", help="cost follows the length of the text")
    parser.add_argument("--max-seq-len", type=int, default=512)
    flags = parser.parse_args()
    if flags.max_seq_len < 1:
        sys.exit(f"random_model.py: --max-seq-len {flags.max_seq_len}, must be at least 1")
    write(sizes.configuration(flags.size, flags.max_seq_len, flags.masked), flags.folder)


if __name__ == "__main__":
    main()
