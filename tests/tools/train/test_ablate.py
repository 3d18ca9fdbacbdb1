"""ablate.py: runs with ingredients off, a table, and nothing done twice."""
import pathlib
import subprocess
import sys

import helpers


def ablate(folder, *flags, code=0):
    command = [sys.executable, str(helpers.TRAIN.with_name("ablate.py")), "-o", f"{folder}/out", *map(str, flags)]
    done = subprocess.run(command, env=helpers.environment(), text=True, capture_output=True, check=False, timeout=600)
    assert done.returncode == code, done.stderr[-2000:]
    return done


def test_runs_are_tabulated_and_not_done_twice():
    with helpers.temporary() as folder:
        table = helpers.write_table(folder, helpers.texts(120, 1))
        train = ("--", table, "--teacher", "none", "--config", helpers.write_config(folder), "--epochs", 1,
                 "--augmented", 120, "--vocab-size", 200, "--threads", 1)
        first = ablate(folder, "--only", "recipe", "no-experts", *train)
        assert first.stderr.count("ablate.py: ") == 2 and "| recipe | nothing | 1 | " in first.stdout, first.stderr
        again = ablate(folder, "--only", "recipe", "no-experts", "no-average", *train)
        assert [line for line in again.stderr.splitlines() if line.startswith("ablate.py")] == [
            "ablate.py: no-average, seed 1; off: averaged weights"], again.stderr
        rows = [line.split("\t") for line in
                pathlib.Path(folder, "out", "ablation.tsv").read_text(encoding="utf-8").splitlines()]
        assert [row[0] for row in rows] == ["run", "recipe", "no-experts", "no-average"]
        parameters = [int(row[-1]) for row in rows[1:]]
        assert parameters[0] == parameters[2] > parameters[1], "experts are parameters"
        assert rows[1][6] == "+0.00"


def test_bad_data_is_told_with_its_exit_code():
    with helpers.temporary() as folder:
        table = helpers.write_table(folder, [("a", "x"), ("b", "x")])
        done = ablate(folder, "--only", "recipe", "--", table, "--teacher", "none", code=3)
        assert "line 2" in done.stderr and "recipe, seed 1: train.py ended with exit code 3" in done.stderr


def test_flags_that_are_its_own_are_refused():
    with helpers.temporary() as folder:
        assert "--seed after --" in ablate(folder, "--", "data.tsv", "--seed", 3, code=2).stderr
