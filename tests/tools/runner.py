"""Runs the tests of tools in Python: every function `test_*` of the modules in a folder beside this file, or of those
named. The folder has the name of the one in tools/ that it tests.

  python3 tests/tools/runner.py train|bench [MODULE ...]

A test that needs what is not there raises Skip and says what it was.
"""
import importlib
import pathlib
import sys
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Skip(Exception):
    """What is missing."""


def run(module):
    """(passed, failed, skipped) of one module."""
    passed = failed = skipped = 0
    for name in [name for name in vars(module) if name.startswith("test_")]:
        start, result = time.monotonic(), "ok"
        try:
            result = getattr(module, name)() or result
            passed += 1
        except Skip as reason:
            result = f"SKIPPED: {reason}"
            skipped += 1
        except Exception:  # pylint: disable=broad-except
            traceback.print_exc()
            result = "FAILED"
            failed += 1
        print(f"{module.__name__}.{name}: {result}, {time.monotonic() - start:.1f} s", flush=True)
    return passed, failed, skipped


def main():
    folder = pathlib.Path(__file__).resolve().parent / sys.argv[1]
    sys.path[:0] = [str(folder), str(ROOT / "tools" / sys.argv[1])]
    names = sys.argv[2:] or sorted(path.stem for path in folder.glob("test_*.py"))
    counts = [run(importlib.import_module(name)) for name in names]
    passed, failed, skipped = (sum(each) for each in zip(*counts))
    print(f"{skipped} skipped")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    # The modules import Skip from `runner`, which must be this very module.
    sys.modules["runner"] = sys.modules["__main__"]
    sys.exit(main())
