"""The temperature, and the error of confidence."""
import torch

import calibrate


def drawn(temperature, count=20000):
    """Logits, and classes drawn from what they say at `temperature`."""
    torch.manual_seed(2)
    logits = torch.randn(count, 5) * 3
    return logits, torch.multinomial(torch.softmax(logits / temperature, 1), 1)[:, 0]


def test_the_temperature_that_classes_were_drawn_at_is_found():
    for temperature in (0.5, 1.0, 2.5):
        got = calibrate.calibrate(*drawn(temperature))
        assert abs(got["temperature"] / temperature - 1) < 0.05, got
        assert got["calibration_error_after"] < 0.012, got
        assert temperature == 1.0 or got["calibration_error_before"] > 0.05, got


def test_the_fit_is_where_the_loss_is_least():
    logits, classes = drawn(1.7, 2000)
    best = calibrate.fit_temperature(logits, classes)
    least = calibrate.loss_at(logits, classes, best)
    assert all(calibrate.loss_at(logits, classes, best * factor) > least for factor in (0.2, 0.9, 0.99, 1.01, 1.1, 5))


def test_calibration_error_by_hand():
    """Confidences 0.9 (right), 0.9 (wrong), 0.6 (right): bins of 0.5 and 0.4 off, weighted 2 and 1."""
    probabilities = torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4]], dtype=torch.float64)
    got = calibrate.calibration_error(probabilities.log(), torch.tensor([0, 1, 0]), 1.0)
    assert abs(got - (abs(1 - 1.8) + abs(1 - 0.6)) / 3) < 1e-9, got


def test_a_model_that_is_always_right_keeps_a_finite_temperature():
    got = calibrate.calibrate(torch.eye(4) * 5, torch.arange(4))
    assert calibrate.LOWEST <= got["temperature"] < 0.5 and got["calibration_error_after"] < 1e-3, got
