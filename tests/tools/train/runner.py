"""Runs the trainer's tests: every function `test_*` of the modules beside this file, or of those named.

  python3 tests/tools/train/runner.py [MODULE ...]

A test that needs what is not there raises Skip and says what it was.
"""
import importlib
import pathlib
import sys
import time
import traceback

FOLDER = pathlib.Path(__file__).resolve().parent
ROOT = FOLDER.parents[2]
sys.path.insert(0, str(ROOT / "tools" / "train"))


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
    names = sys.argv[1:] or sorted(path.stem for path in FOLDER.glob("test_*.py"))
    counts = [run(importlib.import_module(name)) for name in names]
    passed, failed, skipped = (sum(each) for each in zip(*counts))
    print(f"{skipped} skipped")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    # The modules import Skip from `runner`, which must be this very module.
    sys.modules["runner"] = sys.modules["__main__"]
    sys.exit(main())
