"""Environments and model files of the peers, and smx's own: made once, in a work folder."""
import os
import pathlib
import shutil
import subprocess
import sys

from turns import environment, last_words

HERE = pathlib.Path(__file__).resolve().parent
OWN_PACKAGES = ("numpy", "matplotlib")  # what the models' weights and the plots need


class StepFailed(Exception):
    """Which step, and its last words."""


def run(step, command, cpus=None):
    """What the command prints; it is held to the processors given."""
    hold = None if cpus is None else lambda: os.sched_setaffinity(0, cpus)
    try:
        done = subprocess.run([str(word) for word in command], env=environment(PYTHONPATH=str(HERE)), text=True,
                              errors="replace", capture_output=True, check=False, preexec_fn=hold)
    except OSError as error:
        raise StepFailed(f"{step}: {error}") from error
    if done.returncode:
        raise StepFailed(f"{step}: {last_words(done.stderr or done.stdout)}")
    return done.stdout


def whole(path, make):
    """`make` fills a path beside it; what is there in the end is whole. Nothing is made twice."""
    if path.exists():
        return
    part = path.with_name(path.name + ".part")
    if part.is_dir():
        shutil.rmtree(part)
    part.unlink(missing_ok=True)
    make(part)
    part.rename(path)


class Work:
    """The work folder, and the programs of a build of smx."""

    def __init__(self, folder, programs):
        self.folder, self.programs = pathlib.Path(folder).resolve(), pathlib.Path(programs).resolve()
        self.models = self.folder / "models"
        self.models.mkdir(parents=True, exist_ok=True)
        self.python = self.folder / "venv" / "bin" / "python"
        self.converter_python = self.folder / "venv-converter" / "bin" / "python"

    def install(self, python, packages):
        """In the environment of that Python, which is made where it is not there yet."""
        if not python.exists():
            print(f"compare.py: making {python.parents[1]}", file=sys.stderr, flush=True)
            run("python3 -m venv", [sys.executable, "-m", "venv", "--clear", python.parents[1]])
        print(f"compare.py: installing {' '.join(packages)}", file=sys.stderr, flush=True)
        run(f"pip install {' '.join(packages)}", [python, "-m", "pip", "install", "--quiet", *packages])

    def install_peer(self, peer):
        self.install(self.python, peer.packages)
        if peer.converter_packages:
            self.install(self.converter_python, peer.converter_packages)

    def peer_files(self, peer, case):
        """The folder of the peer's files for a case."""
        def make(part):
            print(f"compare.py: making {path}", file=sys.stderr, flush=True)
            part.mkdir()
            python = self.converter_python if peer.converter_packages else self.python
            run(f"peers/{peer.name}_int8.py", [python, "-m", f"peers.{peer.name}_int8", case.size, case.length, part])

        path = self.models / peer.folder(case)
        whole(path, make)
        return path

    def smx_model(self, case):
        """The case's model file, by the programs of the build."""
        def make(part):
            print(f"compare.py: making {path}", file=sys.stderr, flush=True)
            source = part.with_suffix(".checkpoint")
            run("random_model.py", [self.python, HERE / "random_model.py", case.size, source,
                                    *["--masked"] * case.masked])
            run("smx-quantize", [self.programs / "smx-quantize", source / "model.safetensors", "-o", part, "--type",
                                 "int8"])
            shutil.rmtree(source)

        path = self.models / f"{case.smx_model}.smx"
        whole(path, make)
        return path
