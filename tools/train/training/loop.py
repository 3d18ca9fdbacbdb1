"""The training loop of teacher and student: steps, checkpoints, several processes.

All that is random in a step follows from seed, epoch and place in the epoch, so a run that goes on from a checkpoint
does exactly what the first would have done.
"""
import dataclasses
import math
import time
import typing

import torch

from training.processes import Processes
from training.progress import Progress


@dataclasses.dataclass
class Run:
    """What all stages of one call share."""
    processes: Processes
    resume: bool
    checkpoint_seconds: float


@dataclasses.dataclass
class Recipe:
    """learning_rate: of the first group of the optimizer, the others keep their ratio to it."""
    epochs: int
    seed: int
    warm_up: float = 0.05
    largest_gradient: float = 1.0


@dataclasses.dataclass
class Task:
    """What is trained on. loss_of gives the sum of the losses of some texts."""
    batches_of: typing.Callable  # epoch -> lists of indices
    loss_of: typing.Callable     # indices -> scalar


def make_optimizer(parameters, weight_decay):
    """AdamW on (name, parameter, learning rate) each; only kernels decay."""
    groups = {}
    for name, parameter, rate in parameters:
        is_kernel = name.endswith("kernel") or (name.endswith("weight") and parameter.dim() == 2)
        is_kernel = is_kernel and not name.startswith(("bert.word", "bert.position", "bert.token_type"))
        decay = weight_decay if is_kernel else 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    return torch.optim.AdamW([{"params": group, "lr": rate, "weight_decay": decay, "full_rate": rate}
                              for (rate, decay), group in groups.items()], betas=(0.9, 0.98))


def rate_factor(done, warm_up):
    """Linear warm-up, then half a cosine; `done` is the share of the training behind us."""
    if done < warm_up:
        return done / warm_up
    return 0.5 * (1 + math.cos(math.pi * (done - warm_up) / (1 - warm_up)))


class Average:
    """Running average of the weights; its own first steps are weighted down (as Adam's moments are)."""

    def __init__(self, model, decay):
        self.parameters, self.decay, self.steps = dict(model.named_parameters()), decay, 0
        self.values = {name: p.detach().clone() for name, p in self.parameters.items()}

    def update(self):
        self.steps += 1
        decay = min(self.decay, self.steps / (self.steps + 9))
        for name, parameter in self.parameters.items():
            self.values[name].lerp_(parameter.detach(), 1 - decay)

    def state(self):
        return {"steps": self.steps, "values": self.values}

    def load(self, state):
        self.steps = state["steps"]
        for name, value in state["values"].items():
            self.values[name].copy_(value)


class Loop:
    """Trains `model`. `notes`, a dict of the caller's, is part of the checkpoint."""

    def __init__(self, model, optimizer, recipe, store, average=None):
        self.model, self.optimizer, self.recipe, self.store = model, optimizer, recipe, store
        self.average, self.processes = average, store.run.processes
        self.epoch = self.position = 0
        self.loss_sum, self.cpu_seconds, self.notes = 0.0, 0.0, {}

    def state(self):
        return {"epoch": self.epoch, "position": self.position, "loss_sum": self.loss_sum,
                "cpu_seconds": self.cpu_seconds, "notes": self.notes,
                "model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(),
                "average": self.average and self.average.state()}

    def go_on_from(self, state):
        for name in ("epoch", "position", "loss_sum", "cpu_seconds", "notes"):
            setattr(self, name, state[name])
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average:
            self.average.load(state["average"])

    def run(self, task, before_epoch, after_epoch):
        """Epochs until all are done. after_epoch(loop, mean loss, progress) -> the number of the next epoch."""
        progress = Progress(self.store.name, self.processes.is_first, self.epoch / self.recipe.epochs)
        while self.epoch < self.recipe.epochs:
            before_epoch(self)
            self.model.train()
            batches = task.batches_of(self.epoch)
            while self.position < len(batches):
                start = time.process_time()
                self._step(task, batches[self.position], len(batches))
                self.cpu_seconds += time.process_time() - start
                self.position += 1
                done = (self.epoch + self.position / len(batches)) / self.recipe.epochs
                progress.update(done, f"epoch {self.epoch + 1} of {self.recipe.epochs}, "
                                      f"loss {self.loss_sum / self.position:.4f}")
                self.store.save_when_due(self.state)
            self.epoch = after_epoch(self, self.loss_sum / max(1, len(batches)), progress)
            self.position, self.loss_sum = 0, 0.0
            self.store.save(self.state())

    def _step(self, task, batch, num_batches):
        recipe, processes = self.recipe, self.processes
        done = (self.epoch + (self.position + 1) / num_batches) / recipe.epochs
        for group in self.optimizer.param_groups:
            group["lr"] = group["full_rate"] * rate_factor(done, recipe.warm_up)
        torch.manual_seed((((recipe.seed * 10_007 + self.epoch) * 1_000_003 + self.position) * 1_009
                           + processes.rank) % 2 ** 63)
        self.optimizer.zero_grad(set_to_none=True)
        part = batch[processes.rank::processes.world]
        if part:
            loss = task.loss_of(part) / len(batch)
            loss.backward()
            self.loss_sum += float(loss) * len(batch) / len(part)
        processes.sum_gradients(self.model.parameters())
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), recipe.largest_gradient)
        self.optimizer.step()
        if self.average:
            self.average.update()
