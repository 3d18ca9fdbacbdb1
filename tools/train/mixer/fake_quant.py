"""int8 arithmetic of the engine in float32, for training: what is rounded on the device is rounded here, too.

Weights: symmetric, one scale per output channel. Activations: one scale and zero point per row, found at run time, of
the range of the row's values and 0. Attention's two products are of int16, symmetric, one scale per row. Gradients pass
the rounding as if it were not there.

Source: QuantizeQc8w in tools/lib/quantize.cc, QuantizeRows_f32_qd8 in engine/src/kernels/reference/product.cc,
AttentionHead_f32_qs16 in engine/src/kernels/attention.h.
Agreement: tests/tools/train/test_fake_quant.py.
"""
import math

import torch

SMALLEST_SCALE = 1e-30

# Of int16 values in attention, so that sums of products fit int32.
VALUE_LIMIT = 4095.0
WEIGHT_LIMIT = 32767.0
SUM_OF_WEIGHTS_LIMIT = 491520.0
SMALLEST_INT16_SCALE, LARGEST_IN_INT16 = 1e-20, 1e17


def attention_limit(d_head):
    """The largest magnitude in queries and keys."""
    return min(32767.0, math.floor(math.sqrt(2147483647.0 / d_head)))


def quantize_channels(weights, axis):
    """weights [rows, cols] -> int8 values as float32, and the scale of each channel along `axis`, broadcastable."""
    largest = weights.abs().amax(1 - axis, keepdim=True)
    scales = torch.where(largest == 0, torch.ones_like(largest), (largest / 127).clamp(min=SMALLEST_SCALE))
    return torch.round(weights / scales).clamp(-127, 127), scales


def quantize_rows(x):
    """x [..., cols] -> int8 values as float32, zero points and scales [..., 1]."""
    low, high = x.amin(-1, keepdim=True).clamp(max=0), x.amax(-1, keepdim=True).clamp(min=0)
    is_zero = high == low
    scales = (high / 255 - low / 255).clamp(min=SMALLEST_SCALE)
    from_low, from_high = -128 - low / scales, 127 - high / scales
    low_errs_less = 128 + (low / scales).abs() < 127 + (high / scales).abs()
    zero_points = torch.round(torch.where(low_errs_less, from_low, from_high).clamp(-128, 127))
    zero_points = zero_points.masked_fill(is_zero, 0.0)
    scales = scales.masked_fill(is_zero, 1.0)
    values = (torch.round(x * (1 / scales)) + zero_points).clamp(-128, 127)
    return values, zero_points, scales


def fake_channels(weights, axis):
    """What weights [rows, cols] are worth after quantization."""
    with torch.no_grad():
        values, scales = quantize_channels(weights, axis)
        rounded = values * scales
    return weights + (rounded - weights).detach()


def fake_rows(x):
    """What activations [..., cols] are worth after quantization."""
    with torch.no_grad():
        values, zero_points, scales = quantize_rows(x)
        rounded = (values - zero_points) * scales
    return x + (rounded - x).detach()


def quantize_int16_rows(x, limit):
    """x [..., cols] -> int16 values as float32, and scales [..., 1]."""
    scales = (x.abs().amax(-1, keepdim=True).clamp(max=LARGEST_IN_INT16) / limit).clamp(min=SMALLEST_INT16_SCALE)
    return torch.round(x * (1 / scales)).clamp(-limit, limit), scales


def fake_int16_rows(x, limit):
    """What rows of queries, keys or values [..., cols] are worth after quantization."""
    with torch.no_grad():
        values, scales = quantize_int16_rows(x, limit)
        rounded = values * scales
    return x + (rounded - x).detach()


def fake_probs(probs, values):
    """What probabilities [..., queries, keys] are worth beside values [..., keys, cols]: the engine rounds their products
    with the scales of the values."""
    with torch.no_grad():
        scales = quantize_int16_rows(values, VALUE_LIMIT)[1].transpose(-1, -2)
        weights = probs * scales
        total = weights.sum(-1, keepdim=True)
        factor = torch.minimum(WEIGHT_LIMIT / weights.amax(-1, keepdim=True), SUM_OF_WEIGHTS_LIMIT / total)
        integers = torch.round(weights * factor)
        rounded = integers * (total / integers.sum(-1, keepdim=True)) / scales
    return probs + (rounded - probs).detach()
