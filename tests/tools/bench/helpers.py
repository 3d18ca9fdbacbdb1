"""compare.py with fakes for all that it calls."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from runner import ROOT, Skip

COMPARE = ROOT / "tools" / "bench" / "compare.py"


def temporary():
    return tempfile.TemporaryDirectory(prefix="smx-bench-test-")


def script(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{sys.executable}\n{text}", encoding="utf-8")
    path.chmod(0o755)
    return path


def program(name):
    """A program of the build; SMX_BIN names another folder."""
    path = pathlib.Path(os.environ.get("SMX_BIN", ROOT / "build" / "host-release" / "bin")) / name
    if not path.exists():
        raise Skip(f"{path} is not built")
    return path


class Fakes:
    """A folder with fakes: programs, and a work folder whose environments are there already."""

    def __init__(self, folder, **settings):
        self.folder, self.settings = pathlib.Path(folder), {"log": f"{folder}/log", **settings}
        source = pathlib.Path(__file__).with_name("fake.py").read_text(encoding="utf-8").split("\n", 1)[1]
        for path in ("bin/smx", "bin/smx-quantize", "work/venv/bin/python", "work/venv-converter/bin/python"):
            script(self.folder / path, source)

    def compare(self, *flags, code=0):
        command = [sys.executable, COMPARE, self.folder / "work", "-o", self.folder / "out", "--programs",
                   self.folder / "bin", *flags]
        environment = {**os.environ, "SMX_FAKE": json.dumps(self.settings), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run([str(word) for word in command], env=environment, text=True, capture_output=True,
                              check=False, timeout=300)
        assert done.returncode == code, f"exit code {done.returncode}, expected {code}: {done.stderr[-2000:]}"
        return done

    def results(self):
        return json.loads((self.folder / "out" / "results.json").read_text(encoding="utf-8"))

    def commands(self):
        """What was called since the last time."""
        path = pathlib.Path(self.settings["log"])
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines
