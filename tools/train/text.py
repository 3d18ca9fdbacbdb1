"""WordPiece vocabulary and tokenization, as the engine repeats them on the device."""
import string

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

PAD, UNK, CLS, SEP, MASK = SPECIAL_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PREFIX = "##"
# The four switches of a BertNormalizer; they go into config.json as they stand.
SWITCHES = {"clean_text": True, "handle_chinese_chars": True, "strip_accents": True, "lowercase": True}


def train_vocabulary(texts, size, min_frequency=2):
    """Pieces in id order. Every ASCII letter and digit is a piece, alone and as a continuation."""
    tokenizer = make_tokenizer(SPECIAL_TOKENS)
    letters = string.ascii_lowercase + string.digits
    trainer = trainers.WordPieceTrainer(
        vocab_size=size, min_frequency=min_frequency, special_tokens=SPECIAL_TOKENS,
        initial_alphabet=list(letters + string.punctuation), continuing_subword_prefix=PREFIX,
        show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    ids = tokenizer.get_vocab()
    pieces = sorted(ids, key=ids.get)
    return pieces + [PREFIX + letter for letter in letters if PREFIX + letter not in ids]


def make_tokenizer(pieces):
    """A tokenizer without [CLS] and [SEP]: words stay apart for augmentation; `frame` adds the two."""
    vocabulary = {piece: index for index, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token=UNK, continuing_subword_prefix=PREFIX))
    tokenizer.normalizer = normalizers.BertNormalizer(**SWITCHES)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(SPECIAL_TOKENS)
    return tokenizer


def encode_words(tokenizer, texts):
    """Each text as a list of words, each word the tuple of its pieces' ids."""
    encoded = []
    for encoding in tokenizer.encode_batch(texts, add_special_tokens=False):
        words, last = [], None
        for piece, word in zip(encoding.ids, encoding.word_ids):
            if word is not None and word == last:
                words[-1] += (piece,)
            else:
                words.append((piece,))
            last = word
        encoded.append(words)
    return encoded


def frame(words, pieces, max_seq_length):
    """[CLS] text [SEP] as ids; what does not fit is cut from the end of the text."""
    ids = [piece for word in words for piece in word][:max_seq_length - 2]
    return [pieces.index(CLS), *ids, pieces.index(SEP)]


def read_vocabulary(path):
    with open(path, encoding="utf-8") as file:
        pieces = file.read().removesuffix("\n").split("\n")
    missing = [token for token in SPECIAL_TOKENS if token not in pieces]
    if missing:
        raise ValueError(f"{path}: without {', '.join(missing)}")
    return pieces


def write_vocabulary(path, pieces):
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(piece + "\n" for piece in pieces)
