"""Trainings that are compared with each other: calls of train.py, each done once, whatever kills them in between."""
import json
import pathlib
import shutil
import subprocess
import sys

from errors import BadUsage, TrainError

# Set for every run by those who call trained().
OWN_FLAGS = ("-o", "--output", "--work", "--patience", "--seed", "--resume")


class RunFailed(TrainError):
    """Ends with the exit code of the run."""

    def __init__(self, words, code):
        super().__init__(words)
        self.exit_code = code


def check_flags(program, train_flags):
    for flag in OWN_FLAGS:
        if flag in train_flags:
            raise BadUsage(f"{flag} after --: {program} sets it itself")


def given_config(train_flags):
    """The fields of the user's own --config."""
    if "--config" not in train_flags:
        return {}
    path = train_flags[train_flags.index("--config") + 1]
    try:
        return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadUsage(f"--config {path}: not a JSON object: {error}") from error


def write_config(folder, name, fields):
    """A file for --config; later flags win, so it goes behind the user's."""
    path = folder / f"{name}.json"
    path.write_text(json.dumps(fields, indent=1) + "\n", encoding="utf-8")
    return str(path)


def output_of(folder, name, seed):
    return folder / f"{name}-seed{seed}"


def trained(folder, name, seed, flags, announcement):
    """The report of a run: of the model folder if it is there, and made by the same flags; else after training.

    All epochs are run, so that the held-out texts choose nothing. Teacher and soft labels lie in folder/shared.
    """
    output = output_of(folder, name, seed)
    said = folder / f"{name}-seed{seed}.flags.json"
    flags = [*flags, "--patience", "0", "--seed", str(seed)]
    is_begun = said.exists() and json.loads(said.read_text(encoding="utf-8")) == flags
    report = output / "training.json"
    if not (is_begun and report.exists()):
        said.write_text(json.dumps(flags) + "\n", encoding="utf-8")
        shutil.rmtree(output, ignore_errors=True)
        command = [sys.executable, str(pathlib.Path(__file__).with_name("train.py")), *flags, "-o", str(output),
                   "--work", str(folder / "shared"), *["--resume"] * is_begun]
        print(announcement, file=sys.stderr, flush=True)
        code = subprocess.run(command, check=False).returncode
        if code:
            raise RunFailed(f"{name}, seed {seed}: train.py ended with exit code {code}", code)
    return json.loads(report.read_text(encoding="utf-8"))


def write_table(folder, name, columns, rows, above):
    """name.tsv for programs and name.md for people, whose first line is `above`."""
    (folder / f"{name}.tsv").write_text("".join("\t".join(row) + "\n" for row in [columns, *rows]), encoding="utf-8")
    lines = [above, "", "| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    (folder / f"{name}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
