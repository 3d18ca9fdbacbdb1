"""Texts from a table, with or without labels: every fault is named by file, line, value and rule."""
import collections
import csv
import dataclasses
import gzip
import io
import json
import math
import pathlib
import random
import zlib

from errors import BadData, BadUsage

MOST_NAMED = 5


@dataclasses.dataclass(frozen=True)
class Columns:
    """Which columns of a table hold what; `text_pair` is None for single texts, `label` for texts without labels."""
    text: str = "text"
    label: str = "label"
    text_pair: str = None


@dataclasses.dataclass(frozen=True)
class Row:
    """One text; `label` is a name, or a number as it was written, or None. `pair` is None for single texts."""
    text: str
    pair: str
    label: str
    line: int

    def key(self):
        return self.text.split(), (self.pair or "").split()


def read_table(path, columns):
    """The rows of a .csv (quoted as usual) or a table of tabs (no quoting), either perhaps .gz; never an empty list."""
    content = _decode(path, _read(path))
    records = _csv_records(path, content) if _has_commas(path) else _tab_records(content)
    header_line, header = next(records, (1, []))
    if not any(header):
        example = "<TAB>".join(name for name in (columns.text, columns.text_pair, columns.label) if name)
        raise BadData(f"{path}: line {header_line}: empty; a header line is needed, such as {example}")
    place = {flag: _column(path, header, name, flag) for flag, name in
             (("--text", columns.text), ("--label", columns.label), ("--text-pair", columns.text_pair)) if name}
    rows = []
    for line, values in records:
        if len(values) != len(header):
            raise BadData(f"{path}: line {line}: {len(values)} columns, the header has {len(header)} "
                          f"(split by {'commas' if _has_commas(path) else 'one tab'})")
        row = Row(values[place["--text"]], values[place["--text-pair"]] if columns.text_pair else None,
                  values[place["--label"]] if columns.label else None, line)
        _check_row(path, row, columns)
        rows.append(row)
    if not rows:
        raise BadData(f"{path}: a header line and no text")
    return rows


def _has_commas(path):
    return str(path).removesuffix(".gz").endswith(".csv")


def _read(path):
    content = pathlib.Path(path).read_bytes()
    if not str(path).endswith(".gz"):
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadData(f"{path}: not whole gzip: {error}") from error


def _decode(path, content):
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[:error.start]
        column = error.start - (before.rfind(b"\n") + 1) + 1
        raise BadData(f"{path}: line {before.count(bytes([10])) + 1}: byte {column} is {error.object[error.start]}, "
                      "which is not UTF-8 there") from error


def _tab_records(content):
    lines = content.removesuffix("\n").split("\n")
    for number, line in enumerate(lines, 1):
        yield number, line.removesuffix("\r").split("\t")


def _csv_records(path, content):
    reader = csv.reader(io.StringIO(content, newline=""), strict=True)
    line = 1
    while True:
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise BadData(f"{path}: line {line}: not CSV: {error}") from error
        if values:  # a line without a character is no record
            yield line, values
        line = reader.line_num + 1


def _column(path, header, name, flag):
    if name not in header:
        raise BadData(f"{path}: line 1: no column {name!r}; there are: {', '.join(header)}. Choose one with {flag}")
    return header.index(name)


def _check_row(path, row, columns):
    for name, value in ((columns.text, row.text), (columns.text_pair, row.pair)):
        if value is not None and not value.strip():
            raise BadData(f"{path}: line {row.line}: {name} is {value!r}; a text needs a character that is no space")
    if columns.label and (not row.label or any(ord(c) < 32 or ord(c) == 127 for c in row.label)):
        raise BadData(f"{path}: line {row.line}: {columns.label} is {row.label!r}; a label needs a character and no "
                      "control character")


def class_labels(path, rows):
    """Sorted label names of training rows: two or more, each seen twice or more."""
    lines = collections.defaultdict(list)
    for row in rows:
        lines[row.label].append(row.line)
    if len(lines) == 1:
        raise BadData(f"{path}: line {rows[0].line}: label {rows[0].label!r} is the only one; a classifier needs two "
                      "classes (--regression for numbers)")
    once = [(seen[0], label) for label, seen in lines.items() if len(seen) == 1]
    if once:
        named = "; ".join(f"line {line}: {label!r}" for line, label in sorted(once)[:MOST_NAMED])
        more = f" and {len(once) - MOST_NAMED} more" if len(once) > MOST_NAMED else ""
        raise BadData(f"{path}: labels that are seen once: {named}{more}; a label needs two texts, one to learn from "
                      "and one to hold out")
    return sorted(lines)


def class_numbers(path, rows, labels):
    """The place of each row's label among `labels`; a class number is taken, too, as `smx evaluate` does."""
    place = {label: index for index, label in enumerate(labels)}
    numbers = []
    for row in rows:
        number = place.get(row.label)
        if number is None and row.label.isdecimal() and int(row.label) < len(labels):
            number = int(row.label)
        if number is None:
            raise BadData(f"{path}: line {row.line}: label {row.label!r} is neither a name of the {len(labels)} "
                          f"classes nor a class number (0..{len(labels) - 1})")
        numbers.append(number)
    return numbers


def label_values(path, rows):
    """The labels of a regression as numbers."""
    values = []
    for row in rows:
        try:
            value = float(row.label)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise BadData(f"{path}: line {row.line}: label {row.label!r} is no finite number, as --regression needs")
        values.append(value)
    return values


def read_labels(path):
    """Label names in class order: a JSON array, or one name per line."""
    content = _decode(path, pathlib.Path(path).read_bytes())
    if not content.lstrip().startswith("["):
        return content.removesuffix("\n").split("\n")
    try:
        return json.loads(content)
    except ValueError as error:
        raise BadData(f"{path}: not a JSON array: {error}") from error


def hold_out(rows, wanted, seed, by_label=True):
    """Indices (kept, held out). Each label gives its share; equal texts stay on one side.

    wanted: a share below 1, or a number of texts.
    """
    count = round(wanted * len(rows)) if wanted < 1 else int(wanted)
    if not 0 <= count < len(rows):
        raise BadUsage(f"--hold-out {wanted:g}: the table has {len(rows)} texts, fewer can be held out")
    groups = collections.defaultdict(list)
    for index, row in enumerate(rows):
        groups[row.label if by_label else ""].append(index)
    rng = random.Random(f"hold-out {seed}")
    chosen = []
    for label in sorted(groups):
        rng.shuffle(groups[label])
        share = count * len(groups[label]) / len(rows)
        # Rounded by chance, so that the shares of many small labels add up.
        number = min(int(share) + (rng.random() < share % 1), len(groups[label]) - 1)
        chosen += groups[label][:number]
    texts = {repr(rows[index].key()) for index in chosen}
    held = [index for index, row in enumerate(rows) if repr(row.key()) in texts]
    out = set(held)
    return [index for index in range(len(rows)) if index not in out], held
