#include "tokenizer/check.h"

#include "base/log.h"
#include "tokenizer/utf8.h"
#include "tokenizer/wordpiece.h"

namespace smx {
namespace {

// Far beyond any vocabulary in use. A text pays for each special token, a word for the prefix.
constexpr size_t kMaxPieces = size_t{1} << 24;
constexpr size_t kMaxSpecialTokens = 1024;
constexpr size_t kMaxSpecialTokenBytes = 256;
constexpr size_t kMaxPrefixBytes = 16;

Status CheckPieces(const TokenizerView& view, size_t vocab_size, const Log& log) {
  const Span<const uint32_t> offsets = view.piece_offsets;
  if (offsets.size() != vocab_size + 1 || vocab_size == 0 || vocab_size > kMaxPieces) {
    return Fail(log, Status::kInvalidModel, "tokenizer: %zu piece_offsets, must be vocab_size %zu + 1, at most %zu",
                offsets.size(), vocab_size, kMaxPieces + 1);
  }
  if (offsets[0] != 0 || offsets[vocab_size] != view.pieces.size()) {
    return Fail(log, Status::kInvalidModel, "tokenizer: piece_offsets span %u..%u, must be 0..%zu", offsets[0],
                offsets[vocab_size], view.pieces.size());
  }
  for (size_t i = 0; i < vocab_size; ++i) {
    if (offsets[i] >= offsets[i + 1]) {
      return Fail(log, Status::kInvalidModel, "tokenizer: piece %zu from %u to %u, must be rising", i, offsets[i],
                  offsets[i + 1]);
    }
  }
  return Status::kOk;
}

/// Slots that are used hold ids; no run of them, around the end too, is longer than kMaxUsedRun; one is free.
Status CheckSlots(Span<const uint32_t> slots, size_t num_pieces, const Log& log) {
  size_t num_used = 0;
  uint32_t run = 0;
  for (size_t i = 0; i < slots.size() + schema::kMaxUsedRun; ++i) {
    const uint32_t id = slots[i & (slots.size() - 1)];
    run = id == schema::kFreeSlot ? 0 : run + 1;
    if (run > schema::kMaxUsedRun) {
      return Fail(log, Status::kInvalidModel, "tokenizer: hash_index: more than %u used slots in a row",
                  schema::kMaxUsedRun);
    }
    if (i >= slots.size() || id == schema::kFreeSlot) continue;
    ++num_used;
    if (id >= num_pieces) {
      return Fail(log, Status::kInvalidModel, "tokenizer: hash_index[%zu] is %u, must be below %zu", i, id, num_pieces);
    }
  }
  // As many used slots as pieces, and each piece found (CheckHashIndex): so each id is there exactly once.
  if (num_used != num_pieces || num_used == slots.size()) {
    return Fail(log, Status::kInvalidModel, "tokenizer: hash_index: %zu of %zu slots used, must be %zu and one free",
                num_used, slots.size(), num_pieces);
  }
  return Status::kOk;
}

/// After CheckPieces.
Status CheckHashIndex(const TokenizerView& view, const Log& log) {
  const size_t num_slots = view.hash_index.size();
  const size_t num_pieces = view.num_pieces();
  if (num_slots == 0 || (num_slots & (num_slots - 1)) != 0) {
    return Fail(log, Status::kInvalidModel, "tokenizer: hash_index of %zu slots, must be a power of two", num_slots);
  }
  SMX_TRY(CheckSlots(view.hash_index, num_pieces, log));
  for (uint32_t id = 0; id < num_pieces; ++id) {
    const uint32_t found = FindPiece(view, view.Piece(id));
    if (found != id) {
      return Fail(log, Status::kInvalidModel, "tokenizer: hash_index finds id %u for piece %u", found, id);
    }
  }
  return Status::kOk;
}

struct NamedId {
  const char* name;
  uint32_t id;
};

Status CheckIds(const TokenizerView& view, size_t vocab_size, const Log& log) {
  for (const NamedId& named :
       {NamedId{"cls_id", view.cls_id}, NamedId{"sep_id", view.sep_id}, NamedId{"unk_id", view.unk_id},
        NamedId{"segmentation unk_id", view.segmentation.unk_id}}) {
    if (named.id >= vocab_size) {
      return Fail(log, Status::kInvalidModel, "tokenizer: %s %u, must be below vocab_size %zu", named.name, named.id,
                  vocab_size);
    }
  }
  if (view.pair_type_id > 1) {
    return Fail(log, Status::kInvalidModel, "tokenizer: pair_type_id %u, must be 0 or 1", view.pair_type_id);
  }
  return Status::kOk;
}

Status CheckWordPiece(const TokenizerView& view, const Log& log) {
  if (view.max_chars_per_word == 0) {
    return Fail(log, Status::kInvalidModel, "tokenizer: max_chars_per_word 0, must be positive");
  }
  if (view.max_chars_per_word > kMaxCharsPerWord) {
    return Fail(log, Status::kUnsupported, "tokenizer: max_chars_per_word %u, this version has room for %u",
                view.max_chars_per_word, kMaxCharsPerWord);
  }
  if (view.continuing_prefix.size() > kMaxPrefixBytes) {
    return Fail(log, Status::kInvalidModel, "tokenizer: continuing_prefix of %zu bytes, must be at most %zu",
                view.continuing_prefix.size(), kMaxPrefixBytes);
  }
  return Status::kOk;
}

/// UTF-8 lets a search go from code point to code point: no token begins inside of one.
Status CheckSpecialTokens(const TokenizerView& view, size_t vocab_size, const Log& log) {
  const size_t count = view.special_tokens.size();
  if (count > kMaxSpecialTokens) {
    return Fail(log, Status::kInvalidModel, "tokenizer: %zu special tokens, must be at most %zu", count,
                kMaxSpecialTokens);
  }
  for (size_t i = 0; i < count; ++i) {
    const SpecialTokenView& token = view.special_tokens[i];
    if (token.id >= vocab_size) {
      return Fail(log, Status::kInvalidModel, "tokenizer: special token %zu has id %u, must be below vocab_size %zu", i,
                  token.id, vocab_size);
    }
    if (token.text.empty() || token.text.size() > kMaxSpecialTokenBytes || !IsUtf8(token.text)) {
      return Fail(log, Status::kInvalidModel, "tokenizer: special token %zu of %zu bytes, must be 1..%zu of UTF-8", i,
                  token.text.size(), kMaxSpecialTokenBytes);
    }
  }
  return Status::kOk;
}

bool IsElement(uint32_t element) {
  const uint32_t code_point = schema::ElementCodePoint(element);
  if (code_point >= kNumCodePoints || (code_point >= 0xd800 && code_point < 0xe000)) return false;
  const uint32_t kind = schema::ElementClass(element);
  if (kind == static_cast<uint32_t>(CodePointClass::kWord)) return true;
  return kind <= static_cast<uint32_t>(CodePointClass::kBarrier) && schema::ElementCombiningClass(element) == 0;
}

bool IsSequence(Span<const uint32_t> sequences, size_t begin) {
  if (begin >= sequences.size()) return false;
  const size_t count = sequences[begin];
  if (count == 0 || count > schema::kMaxSequence || count >= sequences.size() - begin) return false;
  for (size_t i = 0; i < count; ++i) {
    if (!IsElement(sequences[begin + 1 + i])) return false;
  }
  return true;
}

Status CheckNormalization(const NormalizationView& view, const Log& log) {
  if (view.block_index.size() != schema::kNumBlockIndexes || view.blocks.size() % schema::kCodePointsPerBlock != 0) {
    return Fail(log, Status::kInvalidModel, "tokenizer: block_index [%zu], blocks [%zu], must be [%u], [n * %u]",
                view.block_index.size(), view.blocks.size(), schema::kNumBlockIndexes, schema::kCodePointsPerBlock);
  }
  const size_t num_blocks = view.blocks.size() / schema::kCodePointsPerBlock;
  for (const uint16_t block : view.block_index) {
    if (block >= num_blocks) {
      return Fail(log, Status::kInvalidModel, "tokenizer: block_index names block %u of %zu", block, num_blocks);
    }
  }
  for (const uint16_t action : view.blocks) {
    if (action <= schema::kActionDrop) continue;
    if (action < schema::kFirstSequence || !IsSequence(view.sequences, action - schema::kFirstSequence)) {
      return Fail(log, Status::kInvalidModel, "tokenizer: action %u is none, and no sound sequence of %zu values",
                  action, view.sequences.size());
    }
  }
  return Status::kOk;
}

}  // namespace

bool IsUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const DecodedCodePoint decoded = DecodeUtf8(text.data() + i, text.size() - i);
    if (!decoded.valid) return false;
    i += decoded.num_bytes;
  }
  return true;
}

Status CheckTokenizer(const TokenizerView& view, size_t vocab_size, const Log& log) {
  SMX_TRY(CheckPieces(view, vocab_size, log));
  SMX_TRY(CheckHashIndex(view, log));
  SMX_TRY(CheckIds(view, vocab_size, log));
  SMX_TRY(CheckSpecialTokens(view, vocab_size, log));
  if (view.kind == TokenizerKind::kWordPiece) {
    SMX_TRY(CheckWordPiece(view, log));
    return CheckNormalization(view.normalization, log);
  }
  SMX_TRY(CheckReading(view.reading, log));
  if (!view.normalization.block_index.empty()) SMX_TRY(CheckNormalization(view.normalization, log));
  return CheckSegmentation(view, log);
}

}  // namespace smx
