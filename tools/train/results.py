"""Measures the weights as they are written, and writes the model folder with its card."""
import json
import time

import calibrate
from errors import BadUsage
from mixer import export
from problem import Numbers
from texts import data
from training.progress import duration, say

CARD = {"name": "", "licence": "", "language": "", "training_data": "", "accuracy": "not measured", "description": ""}


def read_card(path):
    """The fields of the card that its author gives."""
    if not path:
        return dict(CARD)
    try:
        with open(path, encoding="utf-8") as file:
            given = json.load(file)
    except ValueError as error:
        raise BadUsage(f"--card {path}: not a JSON object: {error}") from error
    wrong = [key for key, value in given.items() if key not in CARD or not isinstance(value, str)]
    if wrong:
        raise BadUsage(f"--card {path}: {wrong[0]}: the fields are {', '.join(CARD)}, each a text")
    return {**CARD, **given}


def outputs_of(model, framed, int8, device="cpu"):
    """Of a model folder's model, in float32 or in the engine's int8 arithmetic."""
    model.int8 = int8
    length = None if model.config.padding == "masked" else model.config.max_seq_length
    return data.predict(model, framed, model.config.pad_id, length, device)


def measure(model, problem, samples, framer):
    """{"count", "float32": measured, "int8": measured}, and the int8 outputs."""
    framed = framer.frame(samples.texts)
    exact, rounded = (outputs_of(model, framed, int8) for int8 in (False, True))
    return {"count": len(samples), "float32": problem.measure(problem.fold(exact), samples.targets),
            "int8": problem.measure(problem.fold(rounded), samples.targets)}, rounded


def words(problem, measured, what):
    return (f"{what}, {measured['count']:,} texts: int8 {problem.words(measured['int8'])}; "
            f"float32 {problem.words(measured['float32'])}")


def write(args, problem, trained, notes):
    """Writes the folder. trained: weights, config, pieces, framer, held_out and test (or None)."""
    card = read_card(args.card)
    report = {"seconds": round(time.monotonic() - notes.pop("start"), 1), **notes}
    report["parameters"] = sum(weight.numel() for weight in trained["weights"].values())
    with export.whole_folder(args.output) as folder:
        export.write_weights(folder, problem.unfold(trained["weights"]))
        export.write_words(folder, trained["pieces"], problem.labels)
        export.write_config(folder, trained["config"], problem.labels, card)
        model, _, _ = export.load_model(folder)
        lines = []
        for key, what in (("held_out", "held-out part of the training texts"), ("test", "test texts")):
            if not trained[key]:
                continue
            report[key], rounded = measure(model, problem, trained[key], trained["framer"])
            lines.append(words(problem, report[key], what))
            if key == "held_out" and not problem.is_regression:
                report["calibration"] = calibrate.calibrate(rounded, trained[key].targets)
        lines += _calibration_lines(report, problem)
        if report.get("held_out") or report.get("test"):
            card["accuracy"] = lines[1 if report.get("held_out") and report.get("test") else 0]
        temperature = report.get("calibration", {}).get("temperature")
        export.write_config(folder, trained["config"], problem.labels, card, temperature)
        export.write_text(folder, "training.json", json.dumps(report, indent=1) + "\n")
        export.write_text(folder, "card.md", _card_text(card, report, lines, trained["config"]))
    for line in lines:
        say(line)
    print(f"{args.output}: {report['parameters']:,} parameters, trained in {duration(report['seconds'])}")


def _calibration_lines(report, problem):
    if "calibration" in report:
        fit = report["calibration"]
        return [f"expected calibration error {fit['calibration_error_before']:.4f}, with temperature "
                f"{fit['temperature']:.3f} {fit['calibration_error_after']:.4f} (fitted and measured on the held-out "
                "texts)"]
    if isinstance(problem, Numbers):
        return []
    return ["no text was held out, so no temperature was fitted"]


def _card_text(card, report, lines, config):
    """card.md: for people; config.json has the same for programs."""
    about = "".join(f"- {key}: {value}\n" for key, value in card.items() if value and key != "accuracy")
    measured = "".join(f"- {line}\n" for line in lines)
    made = "".join(f"- {key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in report["settings"].items())
    lost = "".join(f"- {line}\n" for line in report["lost"]) or "- nothing\n"
    return (f"# {card['name'] or 'Model card'}\n\n{about}\n## Measured\n\n{measured}\nThe held-out texts chose the "
            f"epoch ({report['kept_epoch']}) and the temperature; the test texts chose nothing.\n\n## Made\n\n"
            f"{report['parameters']:,} parameters, {config.num_layers} layers of width {config.d_model}, "
            f"{config.vocab_size:,} pieces, texts up to {config.max_seq_length} tokens "
            f"({report['num_cut']} of the training texts were cut), {duration(report['seconds'])} in the last run.\n\n"
            f"Ingredients that were missing:\n\n{lost}\nSettings:\n\n{made}")
