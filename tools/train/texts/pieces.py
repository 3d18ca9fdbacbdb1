"""Learning WordPiece pieces from words: the most frequent pair of neighbours becomes a piece, again and again.

Ties go to the pair that sorts first, so the same words always give the same pieces.
"""
import collections
import heapq


def merge_pieces(word_counts, pieces, size, min_frequency, prefix):
    """`pieces`, then characters of the words, then merged pieces, until there are `size` or no pair is frequent."""
    pieces = list(pieces)
    known = set(pieces)

    def add(piece):
        if piece not in known:
            known.add(piece)
            pieces.append(piece)

    words = sorted(word_counts)
    counts = [word_counts[word] for word in words]
    symbols = [[word[0], *(prefix + letter for letter in word[1:])] for word in words]
    seen = collections.Counter()
    for word, count in zip(symbols, counts):
        for symbol in word:
            seen[symbol] += count
    for symbol in sorted(seen, key=lambda symbol: (-seen[symbol], symbol)):
        if seen[symbol] >= min_frequency and len(pieces) < size:
            add(symbol)
    pairs = _Pairs(symbols, counts)
    while len(pieces) < size:
        pair = pairs.most_frequent(min_frequency)
        if pair is None:
            break
        merged = pair[0] + pair[1].removeprefix(prefix)
        pairs.merge(pair, merged)
        add(merged)
    return pieces


class _Pairs:
    """Counts of neighbouring symbols, kept up to date while pairs are merged."""

    def __init__(self, symbols, counts):
        self.symbols, self.counts = symbols, counts
        self.total = collections.Counter()
        self.words = collections.defaultdict(set)
        for index in range(len(symbols)):
            self._count(index, 1)
        self.heap = [(-count, pair) for pair, count in self.total.items()]
        heapq.heapify(self.heap)

    def _count(self, index, sign):
        word = self.symbols[index]
        for pair in zip(word, word[1:]):
            self.total[pair] += sign * self.counts[index]
            self.words[pair].add(index)

    def most_frequent(self, least):
        while self.heap:
            negative, pair = self.heap[0]
            if self.total[pair] == -negative:
                return pair if -negative >= least else None
            heapq.heappop(self.heap)  # out of date; merge() has pushed its true count
        return None

    def merge(self, pair, merged):
        changed = set()
        for index in sorted(self.words[pair]):
            word = self.symbols[index]
            if not any(both == pair for both in zip(word, word[1:])):
                continue
            self._count(index, -1)
            changed.update(zip(word, word[1:]))
            self.symbols[index] = word = _merged(word, pair, merged)
            self._count(index, 1)
            changed.update(zip(word, word[1:]))
        del self.words[pair]
        for each in changed:
            if self.total[each] > 0:
                heapq.heappush(self.heap, (-self.total[each], each))


def _merged(word, pair, merged):
    result, at = [], 0
    while at < len(word):
        if tuple(word[at:at + 2]) == pair:
            result.append(merged)
            at += 2
        else:
            result.append(word[at])
            at += 1
    return result
