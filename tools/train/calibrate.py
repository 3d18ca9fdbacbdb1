"""A temperature that makes probabilities mean what they say, fitted on held-out texts.

Source: Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks", arXiv:1706.04599.
"""
import math

import torch
from torch.nn import functional as F

LOWEST, HIGHEST = 0.05, 20.0
GOLDEN = (math.sqrt(5) - 1) / 2


def loss_at(logits, classes, temperature):
    return float(F.cross_entropy(logits.double() / temperature, classes))


def fit_temperature(logits, classes):
    """The temperature between LOWEST and HIGHEST with the least cross entropy: golden section on its logarithm, of
    which the loss is a function with one valley."""
    low, high = math.log(LOWEST), math.log(HIGHEST)
    while high - low > 1e-6:
        left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        if loss_at(logits, classes, math.exp(left)) < loss_at(logits, classes, math.exp(right)):
            high = right
        else:
            low = left
    return math.exp((low + high) / 2)


def calibration_error(logits, classes, temperature, num_bins=15):
    """Expected calibration error: |accuracy - mean confidence| over bins of equal width, weighted by their texts."""
    confidence, predicted = torch.softmax(logits.double() / temperature, -1).max(-1)
    right = (predicted == classes).double()
    bins = (confidence * num_bins).long().clamp(max=num_bins - 1)
    gaps = torch.zeros(num_bins, dtype=torch.float64).index_add(0, bins, right - confidence)
    return float(gaps.abs().sum()) / len(classes)


def calibrate(logits, classes):
    """A dict: temperature, and the error before and after."""
    temperature = fit_temperature(logits, classes)
    return {"temperature": temperature,
            "calibration_error_before": calibration_error(logits, classes, 1.0),
            "calibration_error_after": calibration_error(logits, classes, temperature)}
