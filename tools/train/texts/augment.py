"""Changed copies of texts: dropping, masking, swapping and splicing of words."""
import dataclasses
import random

from texts.text import MASK


@dataclasses.dataclass(frozen=True)
class Rates:
    """`splice` and `swap` are chances per text, `drop` and `mask` per word."""
    splice: float = 0.2
    swap: float = 0.2
    drop: float = 0.1
    mask: float = 0.1


def change(text, partner, rates, rng):
    """A changed copy of `text`, never empty; `partner` is another text, whose end may replace the end of this one."""
    words = text.split()
    if partner is not None and rng.random() < rates.splice:
        other = partner.split()
        words = (words[:rng.randint(0, len(words))] + other[rng.randint(0, len(other)):]) or words
    words = [MASK if rng.random() < rates.mask else word
             for word in words if rng.random() >= rates.drop] or words
    if len(words) > 1 and rng.random() < rates.swap:
        at = rng.randrange(len(words) - 1)
        words[at], words[at + 1] = words[at + 1], words[at]
    return " ".join(words)


def augmented(texts, groups, count, rates, seed):
    """`count` changed copies as (index of the origin, (text, pair)), each text as often as any other.

    texts: (text, pair or None) each. groups: one value a text; only texts of a group are spliced. Without a teacher a
    copy keeps the label of its origin, so a group is a class there.
    """
    rng = random.Random(f"augment {seed}")
    members = {}
    for index in range(len(texts)):
        members.setdefault(groups[index], []).append(index)
    order, copies = [], []
    while len(copies) < count:
        if not order:
            order = list(range(len(texts)))
            rng.shuffle(order)
        origin = order.pop()
        partners = members[groups[origin]]
        partner = texts[rng.choice(partners)] if len(partners) > 1 else (None, None)
        text, pair = texts[origin]
        changed = change(text, partner[0], rates, rng)
        copies.append((origin, (changed, pair if pair is None else change(pair, partner[1], rates, rng))))
    return copies
