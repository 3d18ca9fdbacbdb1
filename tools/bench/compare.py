#!/usr/bin/env python3
"""Times smx side by side with what a user would pick instead: OpenVINO, LiteRT (XNNPACK), ONNX Runtime and CTranslate2,
all in int8, on BERT Base and Sparse Mixer Base with random weights, one text at a time; and fastText, ONNX Runtime and
OpenVINO over a file of texts, with the shipped weights.

Engines run in processes of their own, held to as many processors as threads, and take turns. The peers are installed
from PyPI into WORK, and their models and smx's made there, once. A peer that cannot be installed, made or run is named
with the reason, and the others go on. Writes OUT/results.json, results.md, latency.svg and sweep.svg; the results of
cases that are not measured this time stay.

Examples:
  tools/bench/compare.py /tmp/peers -o results
  tools/bench/compare.py /tmp/peers -o results --only-make
  tools/bench/compare.py /tmp/peers -o results --cases mixer-512 bert-512 --threads 1
  tools/bench/compare.py /tmp/peers -o results --cases sweep
  tools/bench/compare.py /tmp/peers -o results --cases texts --train banking77/train.csv
"""
import argparse
import os
import pathlib
import subprocess
import sys

import answers
import cases
import machine
import many_texts
import report
import sweep
import turns
from install import OWN_PACKAGES, StepFailed, Work, run

SWEEP, TEXTS = "sweep", "texts"
ROOT = pathlib.Path(__file__).resolve().parents[2]


def at_least_one(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"is {text}, must be a whole number from 1")
    return int(text)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    names = [*(case.name for case in cases.CASES), SWEEP, TEXTS]
    engines = [cases.SMX, *(peer.name for peer in cases.PEERS), cases.READING]
    add("work", metavar="WORK", help="folder for environments and models, used again")
    add("-o", "--output", metavar="OUT", help="folder of the results (default: WORK/results)")
    add("--programs", metavar="FOLDER", default=ROOT / "build/host-release/bin",
        help="of smx and smx-quantize (default: %(default)s)")
    add("--threads", type=at_least_one, nargs="+", default=[1, 2], metavar="N", help="(default: 1 2)")
    add("--cases", nargs="+", choices=names, default=names, metavar="CASE",
        help=f"of {', '.join(names)} (default: all)")
    add("--engines", nargs="+", choices=engines, default=engines, metavar="ENGINE",
        help=f"of {', '.join(engines)} (default: all)")
    add("--rounds", type=at_least_one, default=12, metavar="N", help="turns of each, at most (default: %(default)s)")
    add("--repeat", type=at_least_one, default=3, metavar="N", help="measured runs a turn (default: %(default)s)")
    add("--seconds", type=at_least_one, default=60, metavar="N",
        help="no new round of a case after that, but three at least (default: %(default)s)")
    add("--starts", type=at_least_one, default=2, metavar="N", help="of each engine; the quickest counts (default: "
        "%(default)s)")
    add("--step", type=at_least_one, choices=range(1, sweep.LAST // 2 + 1), default=8, metavar="N",
        help="tokens between lengths of the sweep (default: %(default)s)")
    add("--train", type=pathlib.Path, metavar="FILE", help="what fastText learns from for the case texts: CSV or TSV, text "
        "and label first")
    add("--only-make", action="store_true", help="install and make models, measure nothing")
    args = parser.parse_args()
    count = len(machine.processors(1024))
    if max(args.threads) > count:
        parser.error(f"--threads {max(args.threads)}: {count} processor(s) here")
    for program in ("smx", "smx-quantize"):
        if not (pathlib.Path(args.programs) / program).exists():
            parser.error(f"--programs {args.programs}: no {program} in it; build it first")
    return args


class LeftOut:
    """Engines that do not take part, with the reason; each is said once."""

    def __init__(self, where):
        self.where, self.entries = where, []

    def __call__(self, engine, reason):
        print(f"compare.py: left out: {engine}, {self.where}: {reason}", file=sys.stderr, flush=True)
        self.entries.append((engine, reason))


class Comparison:
    def __init__(self, args):
        self.args, self.work = args, Work(args.work, args.programs)
        folder = pathlib.Path(args.output or self.work.folder / "results")
        folder.mkdir(parents=True, exist_ok=True)
        self.results = report.Results(folder, machine.describe())
        self.smx = self.work.programs / "smx"
        self.peers, self.files = [], {}
        self.texts = None

    def install(self):
        """Keeps the peers that can be installed."""
        left_out = LeftOut("everywhere")
        try:
            self.work.install(self.work.python, OWN_PACKAGES)
        except StepFailed as error:
            left_out("plots", str(error))
        for peer in cases.PEERS:
            if peer.name in self.args.engines:
                try:
                    self.work.install_peer(peer)
                    self.peers.append(peer)
                except StepFailed as error:
                    left_out(peer.name, str(error))
        packages = {package for peer in cases.PEERS for package in peer.packages}
        self.results.values["versions"] = {name: version for name, version in machine.package_versions(
            self.work.python).items() if name in packages}
        self.results.replace("everywhere", [], left_out.entries)

    def make(self):
        """Models of the chosen cases; keeps (peer, folder of its files) of the peers that have them."""
        for case in self.chosen():
            left_out = LeftOut(case.name)
            self.work.smx_model(case)
            self.files[case.name] = []
            for peer in self.peers:
                if case.size in peer.sizes:
                    try:
                        self.files[case.name].append((peer.name, self.work.peer_files(peer, case)))
                    except StepFailed as error:
                        left_out(peer.name, str(error))
            self.results.replace(case.name, [], left_out.entries)
        if TEXTS in self.args.cases:
            left_out = LeftOut(TEXTS)
            engines = {cases.SMX, *(peer.name for peer in self.peers)} & set(self.args.engines)
            self.texts = many_texts.ManyTexts(self.work, engines, self.args.train)
            self.texts.make(left_out)
            self.results.replace(TEXTS, [], left_out.entries)

    def worker(self, case, threads, engine, folder, *more):
        command = [self.work.python, "-m", "peers.worker", engine, folder, "--length", case.length, "--tokens",
                   case.tokens, "--threads", threads, *more]
        variables = {"PYTHONPATH": str(pathlib.Path(__file__).parent)}
        if engine == cases.READING:
            variables["OPENBLAS_NUM_THREADS"] = "1"  # its dot product does not share its work, the worker does
        return turns.Worker(engine, command, machine.processors(threads), variables)

    def answer_file(self, engine):
        return self.work.folder / f"answer.{engine}.json"

    def workers(self, case, threads):
        made = []
        if cases.SMX in self.args.engines:
            command = [self.smx, "bench", self.work.smx_model(case), "--turns", "--length", case.tokens, "--threads",
                       threads]
            made.append(turns.Worker(cases.SMX, command, machine.processors(threads)))
        for engine, folder in self.files[case.name]:
            made.append(self.worker(case, threads, engine, folder, "--output", self.answer_file(engine)))
        if cases.READING in self.args.engines and case.name == cases.READING_CASE:
            made.append(self.worker(case, threads, cases.READING, self.work.models, "--bytes", self.needed_bytes(case)))
        return made

    def needed_bytes(self, case):
        return sweep.needed_bytes(sweep.tensors_of(self.smx, self.work.smx_model(case)), case.tokens, cases.MAX_SEQ_LEN)

    def measure(self, case, threads):
        where = report.place(case.name, threads)
        print(f"compare.py: {where}", file=sys.stderr, flush=True)
        left_out, load_average = LeftOut(where), round(os.getloadavg()[0], 2)
        workers = self.workers(case, threads)
        try:
            running = turns.start_all(workers, self.args.starts, left_out)
            measured = turns.take_turns(running, rounds=self.args.rounds, repeat=self.args.repeat,
                                        seconds=self.args.seconds, leave_out=left_out)
        finally:
            for worker in workers:
                worker.kill()
        rows = [report.row_of(case, threads, worker, load_average) for worker in measured]
        if case.size == answers.COMPARED_SIZE:
            files = {engine: self.answer_file(engine) for engine, _ in self.files[case.name]}
            answers.add_cosines(rows, files, self.smx, self.work.smx_model(case), self.work.folder)
        self.results.replace(where, rows, left_out.entries)

    def chosen(self):
        return [case for case in cases.CASES if case.name in self.args.cases]

    def measure_sweep(self):
        case = next(case for case in cases.CASES if case.name == cases.READING_CASE)
        reading = report.find(self.results.values["rows"], case.name, 1, cases.READING)
        bytes_per_ms = self.needed_bytes(case) / reading["min_ms"] if reading else None
        measured = sweep.measure(self.smx, self.work.smx_model(case), self.args.step, bytes_per_ms)
        self.results.values["sweep"] = measured
        self.results.write()

    def measure_texts(self, threads):
        where = report.place(TEXTS, threads)
        print(f"compare.py: {where}", file=sys.stderr, flush=True)
        left_out = LeftOut(where)
        self.results.replace_texts(threads, self.texts.measure(threads, self.args, left_out))
        self.results.replace(where, [], left_out.entries)

    def plot(self):
        left_out = LeftOut("plots")
        try:
            run("plots.py", [self.work.python, pathlib.Path(__file__).with_name("plots.py"), self.results.path])
        except StepFailed as error:
            left_out("plots", str(error))
        self.results.replace("plots", [], left_out.entries)

    def run(self):
        self.install()
        self.make()
        if self.args.only_make:
            return
        for threads in self.args.threads:
            for case in self.chosen():
                self.measure(case, threads)
            if self.texts:
                self.measure_texts(threads)
        if SWEEP in self.args.cases and cases.SMX in self.args.engines:
            self.measure_sweep()
        self.plot()
        print((self.results.folder / "results.md").read_text(encoding="utf-8"), end="")


def main():
    args = parse_arguments()
    try:
        Comparison(args).run()
    except (StepFailed, OSError, subprocess.SubprocessError) as error:
        print(f"compare.py: {error}", file=sys.stderr)
        sys.exit(1 if isinstance(error, StepFailed) else 5)


if __name__ == "__main__":
    main()
