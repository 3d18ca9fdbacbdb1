"""Labelled texts: reading them, changing them a little, and putting them into batches."""
import csv
import json

import torch

import text as text_tools


def read_table(path, text_column, label_column):
    """Texts and label names of a .csv (quoted as usual) or .tsv (header line, one tab, no quoting) file."""
    tabs = not str(path).endswith(".csv")
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if tabs
                    else csv.DictReader(file))
    if not rows:
        raise ValueError(f"{path}: no rows below the header line")
    for column in (text_column, label_column):
        if column not in rows[0]:
            raise ValueError(f"{path}: no column {column!r} in the header line {list(rows[0])}")
        for number, row in enumerate(rows, 1):
            if row[column] is None:
                raise ValueError(f"{path}: row {number} below the header has no column {column!r}")
    return [row[text_column] for row in rows], [row[label_column] for row in rows]


def read_labels(path):
    """Label names in class order: a JSON array, or one name per line."""
    with open(path, encoding="utf-8") as file:
        content = file.read()
    return json.loads(content) if content.lstrip().startswith("[") else content.removesuffix("\n").split("\n")


def class_numbers(names, labels):
    """The place of each name among `labels`."""
    unknown = sorted(set(names) - set(labels))
    if unknown:
        raise ValueError(f"{len(unknown)} labels of the texts are not among the model's labels, first {unknown[0]!r}")
    place = {label: index for index, label in enumerate(labels)}
    return [place[name] for name in names]


def augment(words, partner, mask_id, rates, rng):
    """A changed copy of `words`; `partner` is another text of the same class.

    rates: `splice` and `swap` are chances per text, `drop` and `mask` per word.
    """
    if rng.random() < rates["splice"]:
        words = (words[:rng.randint(0, len(words))] + partner[rng.randint(0, len(partner)):]) or words
    words = [(mask_id,) if rng.random() < rates["mask"] else word
             for word in words if rng.random() >= rates["drop"]] or words
    if len(words) > 1 and rng.random() < rates["swap"]:
        first = rng.randrange(len(words) - 1)
        words = [*words[:first], words[first + 1], words[first], *words[first + 2:]]
    return words


class Dataset:
    """Texts as words of piece ids, with class numbers."""

    def __init__(self, words, classes, pieces, max_seq_length):
        self.words, self.classes = words, classes
        self.pieces, self.max_seq_length = pieces, max_seq_length
        self.by_class = {}
        for index, label in enumerate(classes):
            self.by_class.setdefault(label, []).append(index)

    def __len__(self):
        return len(self.words)

    def plain(self):
        return [text_tools.frame(words, self.pieces, self.max_seq_length) for words in self.words]

    def augmented(self, rates, rng):
        """One changed version of every text."""
        mask_id = self.pieces.index(text_tools.MASK)
        changed = []
        for words, label in zip(self.words, self.classes):
            partner = self.words[rng.choice(self.by_class[label])]
            words = augment(words, partner, mask_id, rates, rng)
            changed.append(text_tools.frame(words, self.pieces, self.max_seq_length))
        return changed


def batches_by_length(sequences, batch_size, rng=None, pool=16):
    """Lists of indices whose texts are about equally long: sorted inside random pools of `pool` batches."""
    order = list(range(len(sequences)))
    if rng is not None:
        rng.shuffle(order)
    span = batch_size * (pool if rng is not None else len(order))
    batches = []
    for start in range(0, len(order), span):
        part = sorted(order[start:start + span], key=lambda index: len(sequences[index]))
        batches += [part[at:at + batch_size] for at in range(0, len(part), batch_size)]
    if rng is not None:
        rng.shuffle(batches)
    return batches


def pad(sequences, config):
    """[B, L] ids; L is the longest sequence with masked padding, max_seq_length with the reference's."""
    length = max(map(len, sequences)) if config.padding == "masked" else config.max_seq_length
    return torch.tensor([ids + [config.pad_id] * (length - len(ids)) for ids in sequences])
