"""Engines in processes of their own that take turns, so that whatever disturbs the machine disturbs all alike.

An engine is any program that speaks the lines of `smx bench --turns`; see peers/worker.py."""
import json
import os
import subprocess
import tempfile
import threading
import time

ANSWER_SECONDS = 300
# Set on some machines for old builds of OpenBLAS; a peer is to find the processor as it is.
NOT_FOR_PEERS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


class WorkerFailed(Exception):
    """What the engine said last."""


def environment(**more):
    return {**{name: value for name, value in os.environ.items() if name not in NOT_FOR_PEERS},
            "PYTHONDONTWRITEBYTECODE": "1", **more}


def last_words(text, count=3):
    return "; ".join(text.strip().splitlines()[-count:])[-500:] or "without a word"


class Worker:
    """One engine, held to the processors given."""

    def __init__(self, engine, command, cpus, variables=None, answer_seconds=ANSWER_SECONDS):
        self.engine, self.command, self.cpus = engine, [str(word) for word in command], cpus
        self.variables, self.answer_seconds = variables or {}, answer_seconds
        self.start_report, self.end_report, self.latency_us = {}, {}, []
        self.process, self.errors = None, None

    def start(self):
        self.errors = tempfile.TemporaryFile("w+", errors="replace")
        try:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True,
                env=environment(**self.variables), preexec_fn=lambda: os.sched_setaffinity(0, self.cpus))
        except OSError as error:
            raise WorkerFailed(f"cannot be started: {error}") from error
        self.start_report = self._read("first_run_us")

    def turn(self, count):
        self.latency_us += self._ask(count)

    def warm(self):
        """A turn that does not count."""
        self._ask(1)

    def stop(self):
        self.process.stdin.close()
        self.end_report = self._read("peak_rss_bytes")
        self.process.wait()

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def _ask(self, count):
        try:
            self.process.stdin.write(f"{count}\n")
            self.process.stdin.flush()
        except OSError as error:
            raise WorkerFailed(self._words()) from error
        return self._read("latency_us")["latency_us"]

    def _read(self, key):
        """The next answer; lines that are no JSON objects are a runtime's own words."""
        is_late = threading.Event()
        timer = threading.Timer(self.answer_seconds, lambda: (is_late.set(), self.process.kill()))
        timer.start()
        try:
            for line in self.process.stdout:
                if line.startswith("{"):
                    return self._checked(line, key)
        finally:
            timer.cancel()
        if is_late.is_set():
            raise WorkerFailed(f"no answer within {self.answer_seconds} seconds")
        raise WorkerFailed(self._words())

    def _checked(self, line, key):
        try:
            answer = json.loads(line)
        except ValueError as error:
            raise WorkerFailed(f"answered {line.strip()[:200]}, must be a JSON object") from error
        if key not in answer:
            raise WorkerFailed(f"answered {line.strip()[:200]}, must hold {key}")
        return answer

    def _words(self):
        code = self.process.wait()
        self.errors.seek(0)
        return f"ended with exit code {code}: {last_words(self.errors.read())}"


def start_all(workers, num_starts, leave_out):
    """Starts each so many times, one after another, and keeps the quickest start's report; returns those that run."""
    running = []
    for worker in workers:
        reports = []
        try:
            for start in range(num_starts):
                worker.start()
                reports.append(worker.start_report)
                worker.warm()
                if start + 1 < num_starts:
                    worker.stop()
        except WorkerFailed as error:
            worker.kill()
            leave_out(worker.engine, str(error))
            continue
        worker.start_report = min(reports, key=lambda report: report["load_us"] + report["first_run_us"])
        running.append(worker)
    return running


def take_turns(workers, *, rounds, repeat, seconds, leave_out):
    """Rounds of one turn of each, `repeat` measured runs a turn; no new round after `seconds`, but three at least.
    Returns those that were measured; `leave_out(engine, reason)` hears of the others."""
    begin = time.monotonic()
    for number in range(rounds):
        if number >= 3 and time.monotonic() - begin > seconds:
            break
        workers = _each(workers, lambda worker: worker.turn(repeat), leave_out)
    return _each(workers, Worker.stop, leave_out)


def _each(workers, act, leave_out):
    good = []
    for worker in workers:
        try:
            act(worker)
            good.append(worker)
        except WorkerFailed as error:
            worker.kill()
            leave_out(worker.engine, str(error))
    return good
