"""What is to be learned: classes or a number; their losses and what is measured."""
import math

import torch
from torch.nn import functional as F


class Classes:
    """Labels are class numbers; outputs are logits."""
    is_regression = False

    def __init__(self, labels):
        self.labels, self.num_outputs = labels, len(labels)

    def targets(self, numbers):
        return torch.tensor(numbers)

    def hard_loss(self, outputs, targets, smoothing):
        """[B]: cross entropy, its target spread a little over all classes."""
        return F.cross_entropy(outputs, targets, label_smoothing=smoothing, reduction="none")

    def soft_loss(self, outputs, teacher, temperature):
        """[B]: KL divergence from the teacher's distribution, both at a temperature; of the gradients' usual size."""
        ours = torch.log_softmax(outputs / temperature, -1)
        theirs = torch.log_softmax(teacher / temperature, -1)
        return temperature ** 2 * F.kl_div(ours, theirs, reduction="none", log_target=True).sum(-1)

    def unfold(self, weights):
        return weights

    def fold(self, outputs):
        return outputs

    def measure(self, outputs, targets):
        right = (outputs.argmax(1) == targets).float().mean()
        return {"accuracy": float(right), "loss": float(F.cross_entropy(outputs, targets))}

    @staticmethod
    def rank(measured):
        """The larger, the better."""
        return measured["accuracy"], -measured["loss"]

    @staticmethod
    def words(measured):
        return f"accuracy {100 * measured['accuracy']:.2f} %, loss {measured['loss']:.4f}"


class Numbers:
    """Labels are numbers, learned as multiples of their deviation from their mean; `unfold` goes back."""
    is_regression, labels, num_outputs = True, None, 1

    def __init__(self, values):
        self.mean = sum(values) / len(values)
        variance = sum((value - self.mean) ** 2 for value in values) / len(values)
        self.deviation = math.sqrt(variance) or 1.0

    def targets(self, numbers):
        return (torch.tensor(numbers, dtype=torch.float64) - self.mean).div(self.deviation).float()

    def hard_loss(self, outputs, targets, smoothing):
        del smoothing
        return (outputs[:, 0] - targets) ** 2

    def soft_loss(self, outputs, teacher, temperature):
        del temperature
        return (outputs[:, 0] - teacher[:, 0]) ** 2

    def measure(self, outputs, targets):
        error = (outputs[:, 0] - targets).double() * self.deviation
        x, y = outputs[:, 0].double() - outputs[:, 0].double().mean(), targets.double() - targets.double().mean()
        scale = float(x.norm() * y.norm())
        return {"pearson": float((x * y).sum()) / scale if scale else 0.0,
                "root_mean_square_error": float((error ** 2).mean().sqrt())}

    @staticmethod
    def rank(measured):
        return (-measured["root_mean_square_error"],)

    @staticmethod
    def words(measured):
        return (f"correlation {measured['pearson']:.4f}, root mean square error "
                f"{measured['root_mean_square_error']:.4f}")

    def unfold(self, weights):
        """Weights whose output is a label's number itself."""
        weights = dict(weights)
        weights["classification/output_kernel"] = weights["classification/output_kernel"] * self.deviation
        weights["classification/output_bias"] = weights["classification/output_bias"] * self.deviation + self.mean
        return weights

    def fold(self, outputs):
        """What `measure` takes, of a model with unfolded weights."""
        return (outputs - self.mean) / self.deviation
