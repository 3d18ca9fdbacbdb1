"""Work folders: what a killed run goes on from, and what a later run need not compute again."""
import hashlib
import json
import os
import pathlib
import pickle
import time

import torch

from errors import BadData, BadUsage, NotWritten


def write_whole(path, value):
    """A file is its old or its new content, never a part, whenever the process or the machine stops."""
    path = pathlib.Path(path)
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        with open(beside, "wb") as file:
            torch.save(value, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as the latter
        raise NotWritten(f"{path}: not written: {error}") from error
    finally:
        beside.unlink(missing_ok=True)


def _read(path):
    try:
        return torch.load(path, map_location="cpu")
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise BadData(f"{path}: cannot be read ({error}); remove it to begin again") from error


def difference(ours, theirs):
    """The first settings that differ, for a message."""
    keys = [key for key in sorted(set(ours) | set(theirs)) if ours.get(key) != theirs.get(key)]
    named = ", ".join(f"{key} {theirs.get(key)!r} -> {ours.get(key)!r}" for key in keys[:3])
    return named + (f" and {len(keys) - 3} more" if len(keys) > 3 else "")


class Store:
    """One file of the work folder: a stage's state while it runs, or its result once it is there.

    settings: all that the result depends on. A finished result is used again whenever they are the same; an unfinished
    one only with --resume, which refuses others. A shared store has a file for each settings, so that many runs can
    use one folder.
    """

    def __init__(self, folder, name, settings, run, is_shared=False):
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]
        self.path = pathlib.Path(folder) / (f"{name}-{digest}.pt" if is_shared else f"{name}.pt")
        self.name, self.settings, self.run = name, settings, run
        self.last_saved = time.monotonic()

    def load(self):
        """(state, whether it is the finished result); (None, False) when there is nothing to go on from."""
        if not self.path.exists():
            return None, False
        content = _read(self.path)
        same = content["settings"] == self.settings
        if content["finished"] and same:
            return content["state"], True
        if content["finished"] or not self.run.resume:
            return None, False
        if not same:
            raise BadUsage(f"--resume: {self.path} was begun with other settings: "
                           f"{difference(self.settings, content['settings'])}; take those, or go without --resume")
        return content["state"], False

    def save(self, state, finished=False):
        if self.run.processes.is_first:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self.path, {"settings": self.settings, "finished": finished, "state": state})
        self.last_saved = time.monotonic()

    def save_when_due(self, make_state):
        if time.monotonic() - self.last_saved >= self.run.checkpoint_seconds:
            self.save(make_state())
