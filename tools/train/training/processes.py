"""The processes that train together: one, or as many as torchrun started."""
import datetime
import os

import torch
from torch import distributed

from errors import BadUsage

# The others wait while the first evaluates or writes.
LONGEST_WAIT = datetime.timedelta(hours=12)


class Processes:
    """Which of `world` processes this is, and its device. Each takes every world-th text of a batch."""

    def __init__(self, device="auto"):
        self.world, self.rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
        self.device = self._choose_device(device)
        if self.world > 1:
            backend = "nccl" if self.device.type == "cuda" else "gloo"
            distributed.init_process_group(backend, timeout=LONGEST_WAIT)

    @staticmethod
    def _choose_device(wanted):
        if wanted == "cuda" and not torch.cuda.is_available():
            raise BadUsage("--device cuda: PyTorch sees no GPU here; take cpu or auto")
        if wanted == "cpu" or not torch.cuda.is_available():
            return torch.device("cpu")
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
        return device

    @property
    def is_first(self):
        return self.rank == 0

    def sum_gradients(self, parameters):
        """Adds up the gradients of all processes: of the whole batch's mean, if each has divided by its whole size."""
        if self.world == 1:
            return
        parameters = list(parameters)
        flat = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).reshape(-1) for p in parameters])
        distributed.all_reduce(flat)
        for parameter, grad in zip(parameters, flat.split([p.numel() for p in parameters])):
            parameter.grad = grad.view_as(parameter).clone()

    def add(self, tensor):
        """The sum of every process's tensor, on this device."""
        tensor = tensor.to(self.device)
        if self.world > 1:
            distributed.all_reduce(tensor)
        return tensor

    def from_first(self, value):
        """What the first process has; the argument of the others is not looked at."""
        if self.world == 1:
            return value
        box = [value if self.is_first else None]
        distributed.broadcast_object_list(box, src=0)
        return box[0]

    def leave(self):
        if self.world > 1:
            distributed.destroy_process_group()
