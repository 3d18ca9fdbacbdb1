"""A killed run that goes on gives the bits of one that was never killed; the same seed gives the same bits."""
import pathlib
import random
import signal
import subprocess
import time

import torch

import helpers
from errors import BadUsage
from training import work
from training.loop import Run
from training.processes import Processes

# A kill comes this long after the first checkpoint is there; a run without kills has about 1 s of steps.
LATEST_KILL_SECONDS = 0.6


def arguments(folder, name, *more):
    table, config = f"{folder}/data.tsv", f"{folder}/small.json"
    return (table, "-o", f"{folder}/{name}", "--teacher", "none", "--config", config, "--epochs", 4, "--augmented", 300,
            "--vocab-size", 200, "--batch-size", 16, "--checkpoint-seconds", 0, "--int8-epochs", 1, *more)


def prepared(folder, count=160):
    helpers.write_table(folder, helpers.texts(count, 1))
    helpers.write_config(folder)


def weights(folder, name):
    return pathlib.Path(folder, name, "model.safetensors").read_bytes()


def start_and_kill(folder, name, resume, seconds):
    """Whether the run was killed, rather than done before. It has its first new checkpoint when the clock starts."""
    checkpoint = pathlib.Path(folder, f"{name}.work", "student.pt")
    before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else None
    process = subprocess.Popen(helpers.command(*arguments(folder, name, "--threads", 1), *["--resume"] * resume),
                               env=helpers.environment(), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    while process.poll() is None and not (checkpoint.exists() and checkpoint.stat().st_mtime_ns != before):
        time.sleep(0.01)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def test_killed_at_random_and_resumed_gives_the_same_bits():
    seed = random.randrange(10 ** 6)
    rng = random.Random(seed)
    with helpers.temporary() as folder:
        prepared(folder)
        helpers.run_train(*arguments(folder, "whole"))
        kills = 0
        for attempt in range(3):
            if not start_and_kill(folder, "killed", attempt > 0, rng.uniform(0, LATEST_KILL_SECONDS)):
                break
            kills += 1
            assert not pathlib.Path(folder, "killed").exists(), f"seed {seed}: a folder of a killed run"
        assert kills, f"seed {seed}: no run was killed"
        helpers.run_train(*arguments(folder, "killed", "--resume"))
        assert weights(folder, "killed") == weights(folder, "whole"), f"seed {seed}: other weights after {kills} kills"
        return f"{kills} kills, seed {seed}"


def test_resuming_with_other_settings_is_refused_and_named():
    with helpers.temporary() as folder:
        prepared(folder)
        assert start_and_kill(folder, "model", False, 0)
        words = helpers.run_train(*arguments(folder, "model", "--resume", "--batch-size", 32), code=2)
        assert "batch_size 16 -> 32" in words, words
        # A flag that changes nothing of the result may differ.
        helpers.run_train(*arguments(folder, "model", "--resume", "--checkpoint-seconds", 100))


def test_the_same_seed_gives_the_same_bits_and_another_seed_others():
    with helpers.temporary() as folder:
        prepared(folder, count=80)
        for name, seed in (("first", 5), ("second", 5), ("third", 6)):
            helpers.run_train(*arguments(folder, name, "--seed", seed, "--epochs", 2))
        assert weights(folder, "first") == weights(folder, "second") != weights(folder, "third")


def test_a_checkpoint_is_old_or_new_and_never_a_part():
    """Written beside, then renamed: what a write that stops midway leaves is the old content."""
    with helpers.temporary() as folder:
        path = pathlib.Path(folder, "state.pt")
        work.write_whole(path, {"step": 1})
        class Unwritable:
            def __reduce__(self):
                raise OSError("disk full")
        try:
            work.write_whole(path, {"step": 2, "tensor": torch.zeros(1000), "broken": Unwritable()})
        except work.NotWritten as error:
            assert "disk full" in str(error)
        else:
            raise AssertionError("not refused")
        assert torch.load(path) == {"step": 1} and [each.name for each in path.parent.iterdir()] == ["state.pt"]


def test_a_finished_stage_is_used_again_only_for_the_same_settings():
    with helpers.temporary() as folder:
        run = Run(Processes("cpu"), resume=False, checkpoint_seconds=0)
        work.Store(folder, "stage", {"a": 1}, run).save("result", finished=True)
        assert work.Store(folder, "stage", {"a": 1}, run).load() == ("result", True)
        assert work.Store(folder, "stage", {"a": 2}, run).load() == (None, False)
        work.Store(folder, "stage", {"a": 1}, run).save("half")
        assert work.Store(folder, "stage", {"a": 1}, run).load() == (None, False), "only --resume goes on"
        run.resume = True
        assert work.Store(folder, "stage", {"a": 1}, run).load() == ("half", False)
        try:
            work.Store(folder, "stage", {"a": 2, "b": 3}, run).load()
        except BadUsage as error:
            assert "a 1 -> 2, b None -> 3" in str(error)
        else:
            raise AssertionError("not refused")
