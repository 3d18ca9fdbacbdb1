"""Processes that take turns, and what becomes of those that do not answer as they should."""
import os
import pathlib

import helpers
import turns

START = 'print(\'{"load_us": 1, "first_run_us": 2}\', flush=True)\n'
GOOD = """import json, os, pathlib, sys
pathlib.Path(LOG).open("a").write(NAME + " start\\n")
""" + START + """
for line in sys.stdin:
    pathlib.Path(LOG).open("a").write(NAME + " " + line)
    print(json.dumps({"latency_us": [10] * int(line)}), flush=True)
print(json.dumps({"peak_rss_bytes": 1, "cpus": sorted(os.sched_getaffinity(0)),
                  "variable": os.environ.get("OPENBLAS_CORETYPE")}))
"""


def worker(folder, name, text, **more):
    log = pathlib.Path(folder, "log")
    path = helpers.script(pathlib.Path(folder, name), f"NAME, LOG = {name!r}, {str(log)!r}\n{text}")
    return turns.Worker(name, [path], sorted(os.sched_getaffinity(0))[:1], **more)


def measured(folder, *workers, rounds=2, starts=1):
    left_out = {}
    running = turns.start_all(workers, starts, left_out.__setitem__)
    done = turns.take_turns(running, rounds=rounds, repeat=3, seconds=100, leave_out=left_out.__setitem__)
    log = pathlib.Path(folder, "log")
    return done, left_out, log.read_text(encoding="ascii").splitlines() if log.exists() else []


def test_each_has_its_turn_in_every_round_and_is_warm_before():
    with helpers.temporary() as folder:
        done, left_out, log = measured(folder, worker(folder, "a", GOOD), worker(folder, "b", GOOD))
        assert not left_out and [one.engine for one in done] == ["a", "b"]
        assert log == ["a start", "a 1", "b start", "b 1", "a 3", "b 3", "a 3", "b 3"], log
        assert done[0].latency_us == [10] * 6
        assert done[0].end_report["cpus"] == sorted(os.sched_getaffinity(0))[:1]


def test_the_quickest_start_counts():
    with helpers.temporary() as folder:
        counted = GOOD.replace('"load_us": 1', '"load_us": \' + str(9 - len(open(LOG).readlines())) + \'')
        done, left_out, log = measured(folder, worker(folder, "a", counted), starts=3, rounds=1)
        assert not left_out and log.count("a start") == 3, log
        assert done[0].start_report["load_us"] == 9 - 5, done[0].start_report


def test_an_engine_finds_the_processor_as_it_is():
    os.environ["OPENBLAS_CORETYPE"] = "Nehalem"
    try:
        with helpers.temporary() as folder:
            done, _, _ = measured(folder, worker(folder, "a", GOOD))
            assert done[0].end_report["variable"] is None
    finally:
        del os.environ["OPENBLAS_CORETYPE"]


def test_engines_that_fail_are_named_with_the_reason_and_the_others_go_on():
    with helpers.temporary() as folder:
        texts = {"dies": "import sys\nsys.exit('no such instruction')\n",
                 "wrong": "print('{\"load_us\": 1}', flush=True)\n", "broken": "print('{broken', flush=True)\n",
                 "stops": START + "input()\nprint('{\"latency_us\": [1]}', flush=True)\ninput()\nexit('enough')\n",
                 "silent": START + "import time\ntime.sleep(100)\n", "good": GOOD}
        workers = [worker(folder, name, text, answer_seconds=5) for name, text in texts.items()]
        workers.append(turns.Worker("absent", [f"{folder}/absent"], [0]))
        done, left_out, _ = measured(folder, *workers)
        assert [one.engine for one in done] == ["good"]
        for name, words in (("dies", "ended with exit code 1: no such instruction"),
                            ("wrong", "must hold first_run_us"), ("broken", "must be a JSON object"),
                            ("stops", "ended with exit code 1: enough"),
                            ("silent", "no answer within 5 seconds"), ("absent", "cannot be started")):
            assert words in left_out[name], (name, left_out)
        for one in workers:
            assert one.process is None or one.process.poll() is not None, one.engine


def test_many_words_on_stderr_do_not_stop_an_engine():
    with helpers.temporary() as folder:
        talks = "import sys\nsys.stderr.write('word ' * 100000)\n" + GOOD
        done, left_out, _ = measured(folder, worker(folder, "a", talks))
        assert len(done) == 1 and not left_out
