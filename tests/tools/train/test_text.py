"""Vocabularies, cutting, augmentation and batches."""
import random
import string

import helpers
from texts import augment
from texts import data
from texts import pieces as piece_tools
from texts import text as text_tools


def test_the_most_frequent_pair_becomes_a_piece_and_ties_go_by_order():
    counts = {"abc": 3, "abd": 2, "xc": 2}
    # a ##b is seen 5 times; then ab ##c 3; then ab ##d and x ##c 2 each, of which the first in order is taken.
    got = piece_tools.merge_pieces(counts, ["a", "x", "##b", "##c", "##d"], 8, 2, "##")
    assert got == ["a", "x", "##b", "##c", "##d", "ab", "abc", "abd"], got


def test_pieces_of_random_words_equal_those_of_recounting_every_time():
    seed = random.randrange(10 ** 6)
    rng = random.Random(seed)
    counts = {"".join(rng.choices("abc", k=rng.randint(1, 9))): rng.randint(1, 5) for _ in range(60)}
    want = recounted(counts, ["a", "b", "c", "##a", "##b", "##c"], 60)
    got = piece_tools.merge_pieces(counts, ["a", "b", "c", "##a", "##b", "##c"], 60, 2, "##")
    assert got == want, f"seed {seed}"
    return f"seed {seed}"


def recounted(counts, pieces, size):
    """merge_pieces as its definition has it, without any bookkeeping."""
    words = {word: [word[0], *("##" + letter for letter in word[1:])] for word in counts}
    while len(pieces) < size:
        totals = {}
        for word, symbols in words.items():
            for pair in zip(symbols, symbols[1:]):
                totals[pair] = totals.get(pair, 0) + counts[word]
        best = min(totals, key=lambda pair: (-totals[pair], pair), default=None)
        if best is None or totals[best] < 2:
            break
        merged = best[0] + best[1].removeprefix("##")
        for word, symbols in words.items():
            at, result = 0, []
            while at < len(symbols):
                both = tuple(symbols[at:at + 2]) == best
                result.append(merged if both else symbols[at])
                at += 2 if both else 1
            words[word] = result
        if merged not in pieces:
            pieces.append(merged)
    return pieces


def test_unknown_words_fall_back_to_smaller_pieces():
    learned = text_tools.train_vocabulary([text for text, _ in helpers.texts(60, 1)], 300)
    tokenizer = text_tools.make_tokenizer(learned)
    for word in ("zyx", "cardx9", "42", "Quarz", "naïve", "don't", "{~}"):
        ids = tokenizer.encode(word, add_special_tokens=False).ids
        assert ids and learned.index(text_tools.UNK) not in ids, word


def test_trimming_keeps_what_the_texts_use_and_what_any_word_needs():
    words = ["card", "the", "bank", "##ing", "zebra", "[unused1]"]
    letters = list(string.ascii_lowercase) + ["##" + letter for letter in string.ascii_lowercase]
    all_pieces = [*text_tools.SPECIAL_TOKENS, *words, *letters]
    tokenizer = text_tools.make_tokenizer(all_pieces)
    kept = text_tools.trim_vocabulary(all_pieces, tokenizer, ["cards banking", "cards"], 5 + 52 + 3)
    names = [all_pieces[index] for index in kept]
    assert kept == sorted(kept) and names[:5] == text_tools.SPECIAL_TOKENS
    # Three are left beside the special tokens and letters: those in use.
    assert set(names) - set(letters) - set(text_tools.SPECIAL_TOKENS) == {"card", "bank", "##ing"}
    more = [all_pieces[index] for index in text_tools.trim_vocabulary(all_pieces, tokenizer, ["cards"], 10 ** 6)]
    assert "zebra" in more and "[unused1]" not in more


def test_pairs_are_cut_one_token_at_a_time_from_the_longer():
    """Of two that have become equal the one that was the shorter loses the next; the text, if they were equal."""
    def one_at_a_time(text, pair, room):
        text_was_longer = text > pair
        while text + pair > room:
            if text > pair or (text == pair and not text_was_longer):
                text -= 1
            else:
                pair -= 1
        return text, pair

    for text in range(12):
        for pair in range(12):
            for room in range(1, 14):
                kept = text_tools.kept_of_pair(text, pair, room)
                assert kept == one_at_a_time(text, pair, room), (text, pair, room, kept)


def test_framed_pairs_have_types():
    learned = text_tools.train_vocabulary(["a b c d e f"], 200, min_frequency=1)
    framer = text_tools.framer_of(learned, 8)
    (ids, first), (short, short_first) = framer.frame([("a b c d", "e f"), ("a", "e")])
    names = [learned[piece] for piece in ids]
    assert names == ["[CLS]", "a", "b", "c", "[SEP]", "e", "f", "[SEP]"] and first == 5 and framer.num_cut == 1
    padded, types = data.pad([(ids, first), (short, short_first)], 0)
    assert types.tolist() == [[0, 0, 0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 0, 0, 0]]
    assert padded[1, 5:].tolist() == [0, 0, 0]


def test_copies_come_from_all_texts_alike_and_keep_to_their_group():
    texts = [(f"a{index} b{index} c{index} d{index}", None) for index in range(10)]
    groups = [index % 2 for index in range(10)]
    copies = augment.augmented(texts, groups, 200, augment.Rates(splice=1.0), seed=1)
    assert [sum(origin == index for origin, _ in copies) for index in range(10)] == [20] * 10
    for origin, (text, pair) in copies:
        assert text and pair is None
        numbers = {int(word[1:]) % 2 for word in text.split() if word != text_tools.MASK}
        assert numbers <= {groups[origin]}, text
    assert copies == augment.augmented(texts, groups, 200, augment.Rates(splice=1.0), seed=1)
    assert copies != augment.augmented(texts, groups, 200, augment.Rates(splice=1.0), seed=2)


def test_every_kind_of_change_happens_alone():
    words = "a b c d e f g h"
    rng = random.Random(1)
    none = dict(splice=0.0, swap=0.0, drop=0.0, mask=0.0)
    kinds = {"splice": lambda got: "X" in got, "swap": lambda got: sorted(got.split()) == words.split() != got.split(),
             "drop": lambda got: len(got.split()) < 8 and set(got) <= set(words),
             "mask": lambda got: text_tools.MASK in got and len(got.split()) == 8}
    assert augment.change(words, "X X", augment.Rates(**none), rng) == words
    for kind, happened in kinds.items():
        got = [augment.change(words, "X X X X", augment.Rates(**{**none, kind: 0.5}), rng) for _ in range(20)]
        assert any(map(happened, got)), kind
        assert all(happened(each) or each == words or kind == "splice" for each in got), kind


def test_batches_hold_every_text_once_and_alike_lengths():
    framed = [([0] * random.Random(index).randint(3, 60), 0) for index in range(500)]
    batches = data.batches_by_length(framed, 16, seed=5)
    assert sorted(index for batch in batches for index in batch) == list(range(500))
    spread = [max(len(framed[i][0]) for i in batch) - min(len(framed[i][0]) for i in batch) for batch in batches]
    assert sum(spread) / len(spread) < 10
    assert batches == data.batches_by_length(framed, 16, seed=5) != data.batches_by_length(framed, 16, seed=6)
