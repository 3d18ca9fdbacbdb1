"""int8 arithmetic of the engine in float32, for training: what is rounded on the device is rounded here, too.

Weights: symmetric, one scale per output channel. Activations: one scale and zero point per row, found at run time, of
the range of the row's values and 0. Gradients pass the rounding as if it were not there.

Source: QuantizeQc8w in tools/lib/quantize.cc, QuantizeRows_f32_qd8 in engine/src/kernels/reference/product.cc.
Agreement: tests/tools/train/test_fake_quant.py.
"""
import torch

SMALLEST_SCALE = 1e-30


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
