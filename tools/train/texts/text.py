"""WordPiece vocabularies and tokenization, as the engine repeats them on the device."""
import json
import pathlib
import string

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from errors import BadData
from texts.pieces import merge_pieces

PAD, UNK, CLS, SEP, MASK = SPECIAL_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PREFIX = "##"
LETTERS = string.ascii_lowercase + string.digits
# The four switches of a BertNormalizer; they go into config.json as they stand.
SWITCHES = {"clean_text": True, "handle_chinese_chars": True, "strip_accents": True, "lowercase": True}


def train_vocabulary(texts, size, min_frequency=2):
    """Pieces in id order, learned from the texts alone; the same for the same texts.

    Every ASCII character is a piece, and every letter and digit one that continues, so that an unknown word falls
    back to smaller pieces.
    """
    normalize, split = normalizers.BertNormalizer(**SWITCHES), pre_tokenizers.BertPreTokenizer()
    counts = {}
    for text in texts:
        for word, _ in split.pre_tokenize_str(normalize.normalize_str(text)):
            counts[word] = counts.get(word, 0) + 1
    pieces = SPECIAL_TOKENS + list(string.punctuation + LETTERS) + [PREFIX + letter for letter in LETTERS]
    return merge_pieces(counts, pieces, size, min_frequency, PREFIX)


def trim_vocabulary(pieces, tokenizer, texts, size):
    """Ids of the `size` pieces of a BERT vocabulary worth keeping, in rising order.

    Kept: the special tokens; single characters of ASCII, alone and continuing; what the texts use, often used first;
    then the first of the rest, as BERT's vocabularies list frequent pieces first.
    """
    used = {}
    for encoding in tokenizer.encode_batch(texts, add_special_tokens=False):
        for piece in encoding.ids:
            used[piece] = used.get(piece, 0) + 1
    place = {piece: index for index, piece in enumerate(pieces)}
    basic = SPECIAL_TOKENS + list(string.punctuation + LETTERS) + [PREFIX + letter for letter in LETTERS]
    basic = [piece for piece in basic if piece in place]
    missing = [piece for piece in SPECIAL_TOKENS if piece not in place]
    if missing:
        raise BadData(f"the teacher's vocabulary has no {missing[0]}")
    ranked = [place[piece] for piece in basic]
    ranked += sorted(used, key=lambda piece: (-used[piece], piece))
    ranked += [index for index, piece in enumerate(pieces) if not piece.startswith("[unused")]
    return sorted(list(dict.fromkeys(ranked))[:max(size, len(basic))])


def make_tokenizer(pieces):
    """A tokenizer without [CLS] and [SEP]: `frame` adds them after cutting."""
    vocabulary = {piece: index for index, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token=UNK, continuing_subword_prefix=PREFIX))
    tokenizer.normalizer = normalizers.BertNormalizer(**SWITCHES)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(SPECIAL_TOKENS)
    return tokenizer


def kept_of_pair(num_text, num_pair, room):
    """How many tokens stay of both: the longer loses its last token until they fit; the engine's KeepLongestFirst."""
    if num_text + num_pair <= room:
        return num_text, num_pair
    if num_text > num_pair:
        num_pair = min(num_pair, room // 2)
        return room - num_pair, num_pair
    num_text = min(num_text, room // 2)
    return num_text, room - num_text


class Framer:
    """Texts to ids and types: [CLS] text [SEP], or [CLS] text [SEP] pair [SEP] with type 1 from the pair on."""

    def __init__(self, tokenizer, cls_id, sep_id, max_length):
        self.tokenizer, self.cls_id, self.sep_id, self.max_length = tokenizer, cls_id, sep_id, max_length
        self.num_cut = 0

    def _ids(self, texts):
        return [encoding.ids for encoding in self.tokenizer.encode_batch(texts, add_special_tokens=False)]

    def frame(self, texts):
        """texts: (text, pair or None) each -> (ids, number of leading tokens of type 0) each."""
        first = self._ids([text for text, _ in texts])
        if not texts or texts[0][1] is None:
            return [self._single(ids) for ids in first]
        return [self._pair(*both) for both in zip(first, self._ids([pair for _, pair in texts]))]

    def _single(self, ids):
        room = self.max_length - 2
        self.num_cut += len(ids) > room
        framed = [self.cls_id, *ids[:room], self.sep_id]
        return framed, len(framed)

    def _pair(self, text, pair):
        room = self.max_length - 3
        self.num_cut += len(text) + len(pair) > room
        num_text, num_pair = kept_of_pair(len(text), len(pair), room)
        first = [self.cls_id, *text[:num_text], self.sep_id]
        return first + pair[:num_pair] + [self.sep_id], len(first)


def framer_of(pieces, max_length):
    return Framer(make_tokenizer(pieces), pieces.index(CLS), pieces.index(SEP), max_length)


def teacher_tokenizer(folder):
    """The tokenizer.json of a folder without its own cutting and padding, and its pieces in id order."""
    path = pathlib.Path(folder) / "tokenizer.json"
    tokenizer = Tokenizer.from_str(path.read_text(encoding="utf-8"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    kind = json.loads(tokenizer.to_str())["model"]["type"]
    if kind != "WordPiece":
        raise BadData(f"{path}: a {kind} tokenizer; the teacher's must be WordPiece")
    ids = tokenizer.get_vocab()
    return tokenizer, sorted(ids, key=ids.get)


def read_vocabulary(path):
    pieces = pathlib.Path(path).read_text(encoding="utf-8").removesuffix("\n").split("\n")
    missing = [token for token in SPECIAL_TOKENS if token not in pieces]
    if missing:
        raise BadData(f"{path}: without {', '.join(missing)}")
    return pieces


def write_vocabulary(path, pieces):
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(piece + "\n" for piece in pieces)
