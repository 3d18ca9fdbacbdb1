#!/usr/bin/env python3
"""Copies the Flax files of a golden case without the optimizer's moments, to keep the repository small.

    python3 tests/golden/trim_checkpoint.py CASE/checkpoint tests/golden/cases/CASE/checkpoint

Needs msgpack (PyPI). Keys, order, step and parameters stay as they were; each array below opt_state/0/mu and /nu, twice
the parameters' bytes, becomes an empty one.
"""
import pathlib
import sys

import msgpack

EMPTY = msgpack.ExtType(1, msgpack.packb(((0,), "float32", b""), use_bin_type=True))


def emptied(value):
    return {key: emptied(item) for key, item in value.items()} if isinstance(value, dict) else EMPTY


def main(source, target):
    pathlib.Path(target).mkdir(parents=True, exist_ok=True)
    for path in sorted(pathlib.Path(source).iterdir()):
        state = msgpack.unpackb(path.read_bytes(), raw=False)
        adam = state["opt_state"]["0"]
        adam.update(mu=emptied(adam["mu"]), nu=emptied(adam["nu"]))
        (pathlib.Path(target) / path.name).write_bytes(msgpack.packb(state, use_bin_type=True))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
