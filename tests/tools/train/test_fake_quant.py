"""Rounding in training is the engine's: integer by integer against loops in NumPy, and through `smx run` in int8."""
import numpy as np
import torch

from mixer import fake_quant

F32 = np.float32


def quantization_of(row):
    """QuantizationOf(RangeWithZero(row)) of engine/src/kernels/reference/product.cc, in float32 step by step."""
    low, high = F32(min(0.0, min(row))), F32(max(0.0, max(row)))
    if low == high:
        return 0, F32(1.0)
    scale = max(F32(high / F32(255)) - F32(low / F32(255)), F32(1e-30))
    from_low, from_high = F32(-128) - F32(low / scale), F32(127) - F32(high / scale)
    low_errs_less = F32(128) + abs(F32(low / scale)) < F32(127) + abs(F32(high / scale))
    zero_point = from_low if low_errs_less else from_high
    return int(np.rint(min(max(zero_point, F32(-128)), F32(127)))), scale


def quantized_row(row):
    zero_point, scale = quantization_of(row)
    inverse = F32(1) / scale
    values = [int(min(max(np.rint(F32(x * inverse)) + F32(zero_point), F32(-128)), F32(127))) for x in row]
    return values, zero_point, scale


def quantized_channel(channel):
    """QuantizeQc8w of tools/lib/quantize.cc for one output channel."""
    largest = max(abs(x) for x in channel)
    scale = F32(1) if largest == 0 else max(F32(largest / F32(127)), F32(1e-30))
    return [int(min(max(np.rint(F32(x / scale)), F32(-127)), F32(127))) for x in channel], scale


def rows_to_try():
    generator = torch.Generator().manual_seed(4)
    rows = torch.randn(300, 33, generator=generator) * torch.logspace(-4, 4, 300)[:, None]
    rows[0], rows[1], rows[2] = 0.0, rows[1].abs(), -rows[2].abs()
    rows[3, 5:], rows[4], rows[5, 0] = 0.0, 1e-33, 3e5
    rows[6] = torch.arange(33) - 16.0  # many values halfway between two integers
    rows[7] = torch.linspace(-1, 1, 33)
    return rows


def test_rows_are_quantized_as_in_the_engine():
    rows = rows_to_try()
    values, zero_points, scales = fake_quant.quantize_rows(rows)
    for index, row in enumerate(rows.numpy()):
        want, zero_point, scale = quantized_row(row)
        assert int(zero_points[index]) == zero_point and F32(scales[index]) == scale, f"row {index}"
        assert values[index].int().tolist() == want, f"row {index}"


def test_channels_are_quantized_as_in_the_quantizer():
    weights = rows_to_try()
    for axis, channels in ((0, weights), (1, weights.t())):
        values, scales = fake_quant.quantize_channels(weights, axis)
        values = values if axis == 0 else values.t()
        for index, channel in enumerate(channels.numpy()):
            want, scale = quantized_channel(channel)
            assert values[index].int().tolist() == want and F32(scales.flatten()[index]) == scale, (axis, index)


def test_a_product_of_fake_values_is_the_integer_product():
    """Product_qd8_f32_qc8w: integer sums, then the two scales; in float32 they may differ by rounding alone."""
    generator = torch.Generator().manual_seed(5)
    x, w = torch.randn(20, 65, generator=generator) * 3, torch.randn(65, 17, generator=generator)
    got = (fake_quant.fake_rows(x) @ fake_quant.fake_channels(w, 1)).double()
    want = torch.zeros(20, 17, dtype=torch.float64)
    for r, row in enumerate(x.numpy()):
        values, zero_point, scale = quantized_row(row)
        for n, channel in enumerate(w.t().numpy()):
            weights, channel_scale = quantized_channel(channel)
            total = sum((value - zero_point) * weight for value, weight in zip(values, weights))
            want[r, n] = float(F32(F32(F32(total) * scale) * channel_scale))
    assert float((got - want).abs().max()) < 2e-5 and float((got - x.double() @ w.double()).abs().max()) > 1e-2


def quantized_int16(row, limit):
    """QuantizeRow of engine/src/kernels/reference/attention.cc."""
    scale = max(F32(max(abs(x) for x in row)) / F32(limit), F32(1e-20))
    inverse = F32(1) / scale
    return [int(min(max(np.rint(F32(x * inverse)), -limit), limit)) for x in row], scale


def attended(query, keys, values):
    """AttentionHead_f32_qs16 for one query [cols], with integers."""
    limit = fake_quant.attention_limit(len(query))
    query, query_scale = quantized_int16(query, limit)
    keys = [quantized_int16(row, limit) for row in keys]
    values = [quantized_int16(row, 4095) for row in values]
    scores = [sum(a * b for a, b in zip(query, key)) * float(query_scale) * float(scale) / np.sqrt(len(query))
              for key, scale in keys]
    exps = [np.exp(score - max(scores)) for score in scores]
    weights = [exp * float(scale) for exp, (_, scale) in zip(exps, values)]
    factor = min(32767 / max(weights), 491520 / sum(weights))
    integers = [int(np.rint(weight * factor)) for weight in weights]
    assert sum(integers) * 4095 < 2 ** 31 and max(integers) < 2 ** 15
    sums = [sum(weight * row[c] for weight, (row, _) in zip(integers, values)) for c in range(len(values[0][0]))]
    return [total * sum(weights) / (sum(integers) * sum(exps)) for total in sums]


def test_attention_of_fake_values_is_that_of_integers():
    generator = torch.Generator().manual_seed(6)
    q, k, v = (torch.randn(rows, 16, generator=generator) * 2 for rows in (9, 40, 40))
    v *= torch.logspace(-2, 1, 40)[:, None]
    limit = fake_quant.attention_limit(16)
    scores = fake_quant.fake_int16_rows(q, limit) @ fake_quant.fake_int16_rows(k, limit).t() / 4
    probs = fake_quant.fake_probs(torch.softmax(scores, -1), v)
    got = (probs @ fake_quant.fake_int16_rows(v, fake_quant.VALUE_LIMIT)).double()
    want = torch.tensor([attended(row, k.numpy(), v.numpy()) for row in q.numpy()], dtype=torch.float64)
    exact = torch.softmax(q.double() @ k.double().t() / 4, -1) @ v.double()
    rounding = float((want - exact).abs().max())
    # A weight may fall to the other side of a half, by float32: one step of one of them.
    assert float((got - want).abs().median()) < 2e-6 and float((got - want).abs().max()) < rounding / 2, rounding
    assert 1e-5 < rounding < 1e-2


def test_gradients_pass_as_if_nothing_were_rounded():
    x = torch.randn(3, 8, requires_grad=True)
    w = torch.randn(8, 4, requires_grad=True)
    (fake_quant.fake_rows(x) @ fake_quant.fake_channels(w, 1)).sum().backward()
    assert torch.allclose(x.grad, fake_quant.fake_channels(w, 1).sum(1).expand(3, 8), atol=1e-6)
    assert torch.allclose(w.grad, fake_quant.fake_rows(x).sum(0)[:, None].expand(8, 4), atol=1e-6)
    scores = torch.randn(5, 7, requires_grad=True)
    values = torch.randn(7, 4)
    probs = torch.softmax(scores, -1)
    fake_quant.fake_probs(probs, values).square().sum().backward()
    want = torch.autograd.grad((2 * fake_quant.fake_probs(probs, values).detach() * torch.softmax(scores, -1)).sum(), scores)[0]
    assert torch.allclose(scores.grad, want, atol=1e-6)
