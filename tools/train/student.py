"""Training the Sparse Mixer: on texts and copies, with soft or hard labels, int8 at the end, best epoch kept."""
import dataclasses

import torch

from mixer.model import SparseMixer
from texts import data
from texts.augment import Rates, augmented
from training.loop import Average, Loop, Recipe, Task, make_optimizer


@dataclasses.dataclass
class Samples:
    """texts: (text, pair or None) each; targets as the problem has them; unlabelled: texts beside these."""
    texts: list
    targets: torch.Tensor
    unlabelled: list = dataclasses.field(default_factory=list)

    def __len__(self):
        return len(self.texts)


class Lessons:
    """What the student sees in an epoch: the texts, then their changed copies and what nobody labelled.

    With soft labels, of the texts and then of `more`, these are always the same; without, every epoch has copies of its
    own.
    """

    def __init__(self, samples, framer, args, more=(), soft=None):
        self.samples, self.framer, self.args, self.soft = samples, framer, args, soft
        self.epoch, self.texts_framed = None, framer.frame(samples.texts)
        self.num_cut = framer.num_cut
        self.framed, self.targets = self.texts_framed, samples.targets
        if soft is not None:
            self.framed = self.texts_framed + framer.frame(more)

    def for_epoch(self, epoch):
        """The framed texts; a second call for the same epoch changes nothing."""
        if self.soft is None and self.args.augmented and epoch != self.epoch:
            copies = make_copies(self.samples, self.args, is_labelled_anew=False, seed=f"{self.args.seed} {epoch}")
            self.framed = self.texts_framed + self.framer.frame([text for _, text in copies])
            self.targets = torch.cat([self.samples.targets, self.samples.targets[[origin for origin, _ in copies]]])
            self.epoch = epoch
        return self.framed

    def loss(self, problem, outputs, part):
        """Summed over `part`."""
        args, device = self.args, outputs.device
        if self.soft is None:
            return problem.hard_loss(outputs, self.targets[part].to(device), args.label_smoothing).sum()
        loss = problem.soft_loss(outputs, self.soft[part].to(device), args.temperature)
        own = [place for place, index in enumerate(part) if index < len(self.samples)]
        if args.hard_weight and own:
            targets = self.samples.targets[[part[place] for place in own]].to(device)
            weight = torch.zeros_like(loss)
            weight[own] = args.hard_weight
            hard = torch.zeros_like(loss)
            hard[own] = problem.hard_loss(outputs[own], targets, args.label_smoothing)
            loss = (1 - weight) * loss + weight * hard
        return loss.sum()


def make_copies(samples, args, is_labelled_anew, seed):
    """Changed copies as (origin, text). Ends of texts are exchanged among all texts when a teacher labels them anew,
    else within a class; pairs and numbers keep their own ends then."""
    rates = Rates(args.splice, args.swap, args.drop, args.mask)
    if is_labelled_anew:
        groups = [0] * len(samples)
    elif args.regression or args.text_pair:
        groups = list(range(len(samples)))
    else:
        groups = samples.targets.tolist()
    return augmented(samples.texts, groups, args.augmented, rates, seed)


class Judge:
    """Measures the held-out texts after every epoch, in the arithmetic that will be shipped, and keeps the best."""

    def __init__(self, problem, held_out, framer, args, store):
        self.problem, self.held_out, self.args, self.processes = problem, held_out, args, store.run.processes
        self.framed = framer.frame(held_out.texts) if held_out else None

    def outputs(self, model, int8):
        model.int8 = int8
        config = model.config
        length = None if config.padding == "masked" else config.max_seq_length
        return data.predict(model, self.framed, config.pad_id, length, self.processes.device)

    def after_epoch(self, loop, loss, progress):
        """The next epoch: after `patience` epochs without a better result that is the first with int8 arithmetic."""
        words, epochs = f"epoch {loop.epoch + 1}, loss {loss:.4f}", loop.recipe.epochs
        if not self.held_out:
            progress.line(words)
            return loop.epoch + 1
        notes = loop.notes
        if self.processes.is_first:
            averaged = model_of(loop)
            measured = self.problem.measure(self.outputs(averaged, self.args.int8_epochs > 0), self.held_out.targets)
            words += f", held out: {self.problem.words(measured)}"
            if "best" not in notes or self.problem.rank(measured) > self.problem.rank(notes["best"]):
                notes.update(best=measured, best_epoch=loop.epoch, best_weights=weights_of(averaged))
        progress.line(words)
        waited = self.processes.from_first(loop.epoch - notes.get("best_epoch", 0))
        last = epochs - max(1, self.args.int8_epochs)
        if self.args.patience and waited >= self.args.patience and loop.epoch + 1 < last:
            progress.line(f"no better result for {waited} epochs: epoch {last + 1} is next")
            return last
        return loop.epoch + 1


def weights_of(model):
    return {name: weight.detach().cpu().clone() for name, weight in model.weights.items()}


def model_of(loop):
    """A model with the averaged weights, or the last ones."""
    model = SparseMixer(loop.model.config).to(loop.processes.device).eval()
    if loop.average:
        values = {name.removeprefix("weights."): value for name, value in loop.average.values.items()}
    else:
        values = loop.model.weights
    model.load_weights(dict(values.items()))
    return model


def train(model, lessons, judge, args, store):
    """Returns (weights, a dict of what was noted)."""
    problem, device, config = judge.problem, store.run.processes.device, model.config
    length = None if config.padding == "masked" else config.max_seq_length

    def loss_of(part):
        ids, types = data.pad([lessons.framed[index] for index in part], config.pad_id, length)
        return lessons.loss(problem, model(ids.to(device), types.to(device)), part)

    def batches_of(epoch):
        return data.batches_by_length(lessons.for_epoch(epoch), args.batch_size, f"{args.seed} {epoch}")

    def before_epoch(loop):
        model.int8 = loop.epoch >= args.epochs - args.int8_epochs

    model.to(device)
    named = [(name, parameter, args.learning_rate) for name, parameter in model.named_parameters()]
    average = Average(model, args.average) if args.average else None
    loop = Loop(model, make_optimizer(named, args.weight_decay), Recipe(args.epochs, args.seed), store, average)
    state, _ = store.load()
    if state:
        loop.go_on_from(state)
    loop.run(Task(batches_of, loss_of), before_epoch, judge.after_epoch)
    notes = loop.notes
    if args.patience and "best_weights" in notes:
        return notes["best_weights"], {"kept_epoch": notes["best_epoch"] + 1, "step_cpu_seconds": loop.cpu_seconds}
    return weights_of(model_of(loop)), {"kept_epoch": args.epochs, "step_cpu_seconds": loop.cpu_seconds}
