"""Texts per second over a file of texts, with the shipped models, and beside them the engines that others would pick: the
same weights in ONNX Runtime and OpenVINO, and fastText trained on the same data.

smx is measured as users run it, the program `smx classify --input FILE` from its start to its end. The others are
processes that are warm, and get what is best for them: tokens made before, batches of texts of one length."""
import dataclasses
import json
import pathlib
import statistics

import cases
import machine
import turns
from install import StepFailed, run, whole

MODELS = pathlib.Path(__file__).resolve().parents[2] / "examples" / "models"
TEST = MODELS / "banking77" / "test.tsv"
FASTTEXT = "fasttext"
BATCH = 32  # texts of one length: ONNX Runtime gives 1.3, OpenVINO 1.2 times as many a second as one at a time


@dataclasses.dataclass(frozen=True)
class Entry:
    """What takes turns: an engine with a model."""
    engine: str
    title: str
    model: str = "banking77"
    batch: int = 1
    max_threads: int = 1024

    @property
    def name(self):
        return f"{self.engine}-{self.model}"


ENTRIES = (
    Entry(cases.SMX, "smx int8, whole program"),
    Entry(cases.SMX, "smx int8, tiny, whole program", model="banking77_tiny"),
    Entry("onnxruntime", "ONNX Runtime int8, dynamic, tokens given", batch=BATCH),
    Entry("openvino", "OpenVINO int8, tokens given", batch=BATCH),
    Entry(FASTTEXT, "fastText, quantized, texts in memory", max_threads=1),
)


class ManyTexts:
    """`folder` is within the work folder; what is made there is made once."""

    def __init__(self, work, engines, train):
        self.work, self.train, self.folder = work, train, work.folder / "texts"
        self.entries = [entry for entry in ENTRIES if entry.engine in engines]
        self.folder.mkdir(exist_ok=True)
        self.smx = work.programs / "smx"

    def smx_model(self, name):
        return self.folder / f"{name}.smx"

    def make(self, leave_out):
        """Models and texts; keeps the entries that have theirs. smx's are made anew: they take a second."""
        for name in {entry.model for entry in ENTRIES}:
            run("smx-quantize", [self.work.programs / "smx-quantize", MODELS / name / "model.safetensors", "-o",
                                 self.smx_model(name)])
        self._write_texts()
        for engine in sorted({entry.engine for entry in self.entries} - {cases.SMX}):
            try:
                whole(self.folder / engine, lambda part, engine=engine: self._make_peer(engine, part))
            except StepFailed as error:
                leave_out(engine, str(error))
                self.entries = [entry for entry in self.entries if entry.engine != engine]

    def _make_peer(self, engine, part):
        part.mkdir()
        if engine != FASTTEXT:
            self._run_module(f"peers.{engine}_int8", MODELS / "banking77", cases.ANY, part, self.folder / "texts.json")
        elif not self.train:
            raise StepFailed("learns from texts: --train FILE, Banking77's train.csv")
        else:
            self._run_module("peers.fasttext_model", self.train, part)

    def _run_module(self, module, *arguments):
        run(module, [self.work.python, "-m", module, *arguments])

    def _write_texts(self):
        """The texts, a line each, and with their tokens and labels as JSON."""
        rows = [line.split("\t") for line in TEST.read_text(encoding="utf-8").splitlines()[1:]]
        lines = self.folder / "texts.txt"
        lines.write_text("".join(f"{text}\n" for text, _ in rows), encoding="utf-8")
        model = self.smx_model("banking77")
        longest = json.loads((MODELS / "banking77" / "config.json").read_text(encoding="utf-8"))["max_seq_length"]
        printed = run("smx tokenize", [self.smx, "tokenize", model, "--input", lines])
        ids = [[int(word) for word in line.split("\t")[0].split()] for line in printed.splitlines()]
        ids = [row if len(row) <= longest else row[:longest - 1] + row[-1:] for row in ids]
        values = {"texts": [text for text, _ in rows], "labels": [label for _, label in rows], "token_ids": ids}
        (self.folder / "texts.json").write_text(json.dumps(values), encoding="utf-8")

    def answer_file(self, entry):
        return self.folder / f"answers.{entry.name}.json"

    def worker(self, entry, threads):
        command = [self.work.python, "-m", "peers.texts_worker", "program" if entry.engine == cases.SMX else
                   entry.engine, self.folder / "texts.json", "--output", self.answer_file(entry)]
        if entry.engine == cases.SMX:
            command += ["--command", self.smx, "classify", self.smx_model(entry.model), "--input",
                        self.folder / "texts.txt", "--threads", threads]
        else:
            command += ["--folder", self.folder / entry.engine, "--threads", threads, "--batch", entry.batch]
        variables = {"PYTHONPATH": str(pathlib.Path(__file__).parent)}
        return turns.Worker(entry.name, command, machine.processors(threads), variables)

    def measure(self, threads, args, leave_out):
        """Rows of those that were measured."""
        entries = {entry.name: entry for entry in self.entries if threads <= entry.max_threads}
        workers = [self.worker(entry, threads) for entry in entries.values()]
        try:
            running = turns.start_all(workers, 1, leave_out)
            measured = turns.take_turns(running, rounds=args.rounds, repeat=args.repeat,
                                        seconds=args.seconds, leave_out=leave_out)
        finally:
            for worker in workers:
                worker.kill()
        texts = json.loads((self.folder / "texts.json").read_text(encoding="utf-8"))
        return [self.row(entries[worker.engine], threads, worker.latency_us, texts) for worker in measured]

    def row(self, entry, threads, pass_us, texts):
        answers = json.loads(self.answer_file(entry).read_text(encoding="utf-8"))
        labels = json.loads((MODELS / entry.model / "config.json").read_text(encoding="utf-8"))["labels"]
        named = [labels[answer] if isinstance(answer, int) else answer for answer in answers]
        right = sum(given == wanted for given, wanted in zip(named, texts["labels"], strict=True))
        count = len(texts["labels"])
        return {"engine": entry.engine, "title": entry.title, "model": entry.model, "batch": entry.batch,
                "threads": threads, "texts_per_second": round(count / min(pass_us) * 1e6),
                "median_texts_per_second": round(count / statistics.median(pass_us) * 1e6), "samples": len(pass_us),
                "accuracy": round(right / count, 4), "file_bytes": self.file_bytes(entry), "date": machine.now()}

    def file_bytes(self, entry):
        if entry.engine == cases.SMX:
            return self.smx_model(entry.model).stat().st_size
        return sum(path.stat().st_size for path in (self.folder / entry.engine).iterdir())
