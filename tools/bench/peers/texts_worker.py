"""One engine over a whole file of texts in one process, timed when asked: the lines of worker.py, where a run is a pass
over all texts. TEXTS is what many_texts.py writes: texts, their tokens and labels.

  onnxruntime, openvino   the tokens, in batches of texts of one length; each thread takes batches of its own
  fasttext                the texts, lower-cased and split before, in one call, on one thread
  program                 a command that reads the texts' file; start, load and tokenizer included
"""
import argparse
import concurrent.futures
import itertools
import json
import pathlib
import re
import subprocess

from peers import worker
from peers.parameters import feeds_of


def batches_of(token_ids, size):
    """Indices of texts of the same length, `size` or fewer at a time; long texts first, so that threads end together."""
    longest_first = sorted(range(len(token_ids)), key=lambda i: -len(token_ids[i]))
    for _, group in itertools.groupby(longest_first, key=lambda i: len(token_ids[i])):
        same = list(group)
        yield from (same[begin:begin + size] for begin in range(0, len(same), size))


def fasttext_words(text):
    """Words and punctuation apart, in lower case, as fastText's own examples prepare texts."""
    return re.sub(r"([.!?,'/()])", r" \1 ", " ".join(text.split())).lower()


def over_batches(args, texts, runners):
    """A pass: each thread has a runner, and takes the next batch; gives the class of every text."""
    batches = [(batch, feeds_of([texts["token_ids"][i] for i in batch]))
               for batch in batches_of(texts["token_ids"], args.batch)]
    pool = concurrent.futures.ThreadPoolExecutor(len(runners))

    def take(run, left, answers):
        for batch, feeds in left:
            for i, best in zip(batch, run(feeds).argmax(-1).tolist()):
                answers[i] = best

    def a_pass():
        left, answers = iter(batches), [None] * len(texts["token_ids"])
        if len(runners) == 1:
            take(runners[0], left, answers)
        else:
            list(pool.map(lambda run: take(run, left, answers), runners))
        return answers
    return a_pass


def onnxruntime(args, texts):
    import onnxruntime as runtime
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = runtime.InferenceSession(args.folder / "model.onnx", options, providers=["CPUExecutionProvider"])
    return over_batches(args, texts, [lambda feeds: session.run(["logits"], feeds)[0]] * args.threads)


def openvino(args, texts):
    """The model is compiled for every size of a batch that occurs: a third quicker than for any."""
    import openvino as runtime
    settings = {"INFERENCE_NUM_THREADS": args.threads, "NUM_STREAMS": args.threads, "PERFORMANCE_HINT": "THROUGHPUT",
                "ENABLE_CPU_PINNING": False}
    core, path = runtime.Core(), args.folder / "model.xml"

    def compiled(shape):
        model = core.read_model(path)
        model.reshape({given.get_any_name(): shape for given in model.inputs})
        return core.compile_model(model, "CPU", settings)

    shapes = {(len(batch), len(texts["token_ids"][batch[0]])) for batch in batches_of(texts["token_ids"], args.batch)}
    models = {shape: compiled(list(shape)) for shape in shapes}

    def runner():
        requests = {shape: model.create_infer_request() for shape, model in models.items()}
        return lambda feeds: requests[feeds["input_ids"].shape].infer(feeds, share_inputs=True,
                                                                      share_outputs=True)["logits"]
    return over_batches(args, texts, [runner() for _ in range(args.threads)])


def fasttext(args, texts):
    import fasttext as runtime
    model = runtime.load_model(str(args.folder / "model.ftz"))
    split = [fasttext_words(text) for text in texts["texts"]]
    return lambda: [labels[0].removeprefix("__label__") for labels in model.predict(split)[0]]


def program(args, texts):
    del texts

    def a_pass():
        done = subprocess.run(args.command, stdout=subprocess.PIPE, text=True, check=True)
        return [line.split("\t")[0] for line in done.stdout.splitlines()]
    return a_pass


ENGINES = {"onnxruntime": onnxruntime, "openvino": openvino, "fasttext": fasttext, "program": program}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("engine", choices=ENGINES)
    add("texts", type=pathlib.Path)
    add("--folder", type=pathlib.Path, help="of its files")
    add("--batch", type=int, default=1, help="texts at a time, at most")
    add("--threads", type=int, default=1)
    add("--output", type=pathlib.Path, help="write the answers of the first pass here, as JSON")
    add("--command", nargs=argparse.REMAINDER)
    return parser.parse_args()


def main():
    args = parse_arguments()
    texts = json.loads(args.texts.read_text(encoding="utf-8"))
    load_us, run = worker.microseconds(lambda: ENGINES[args.engine](args, texts))
    first_run_us, answers = worker.microseconds(run)
    args.output.write_text(json.dumps(answers), encoding="utf-8")
    worker.serve(run, load_us=load_us, first_run_us=first_run_us)


if __name__ == "__main__":
    main()
