#include "compiled_tokenizer.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "error.h"
#include "tokenizer_format.h"

namespace smx::tools {
namespace {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;

uint32_t LongestUsedRun(const std::vector<uint32_t>& slots) {
  uint32_t longest = 0;
  uint32_t run = 0;
  for (size_t i = 0; i < slots.size() + schema::kMaxUsedRun; ++i) {
    run = slots[i % slots.size()] == schema::kFreeSlot ? 0 : run + 1;
    longest = std::max(longest, run);
  }
  return longest;
}

/// Nothing when a piece finds no free slot soon: made-up pieces can share a hash, and to go on would take for ever.
std::optional<std::vector<uint32_t>> FillSlots(const std::vector<std::string>& pieces, size_t num_slots) {
  std::vector<uint32_t> slots(num_slots, schema::kFreeSlot);
  for (size_t id = 0; id < pieces.size(); ++id) {
    size_t slot = schema::ContinueHash(schema::kHashStart, pieces[id].data(), pieces[id].size()) % num_slots;
    for (uint32_t used = 0; slots[slot] != schema::kFreeSlot; slot = (slot + 1) % num_slots) {
      if (++used > schema::kMaxUsedRun) return std::nullopt;
    }
    slots[slot] = static_cast<uint32_t>(id);
  }
  return slots;
}

/// At most half full, and with runs that the engine accepts.
std::vector<uint32_t> HashIndex(const std::vector<std::string>& pieces) {
  size_t num_slots = 2;
  while (num_slots < 2 * pieces.size()) num_slots *= 2;
  for (int attempt = 0; attempt < 4; ++attempt, num_slots *= 2) {
    std::optional<std::vector<uint32_t>> slots = FillSlots(pieces, num_slots);
    if (slots && LongestUsedRun(*slots) <= schema::kMaxUsedRun) return std::move(*slots);
  }
  throw Error(ExitCode::kUnsupported, "tokenizer: too many pieces share a hash");
}

size_t CodePointBytes(char lead) {
  const uint8_t byte = static_cast<uint8_t>(lead);
  return byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

/// A bit for every beginning of a piece of which a longer piece begins; about one in eight others has one by chance.
std::vector<uint8_t> PrefixFilter(const std::vector<std::string>& pieces) {
  std::vector<uint32_t> hashes;
  for (const std::string& piece : pieces) {
    uint32_t hash = schema::kHashStart;
    for (size_t i = 0; i < piece.size();) {
      const size_t num_bytes = std::min(CodePointBytes(piece[i]), piece.size() - i);
      hash = schema::ContinueHash(hash, piece.data() + i, num_bytes);
      i += num_bytes;
      if (i < piece.size()) hashes.push_back(hash);
    }
  }
  std::sort(hashes.begin(), hashes.end());
  hashes.erase(std::unique(hashes.begin(), hashes.end()), hashes.end());
  size_t num_bytes = 1;
  while (num_bytes < hashes.size()) num_bytes *= 2;
  std::vector<uint8_t> filter(num_bytes);
  for (const uint32_t hash : hashes) filter[schema::FilterByte(hash, num_bytes)] |= schema::FilterBit(hash);
  return filter;
}

template <typename T>
Offset<flatbuffers::Vector<T>> VectorOrNone(FlatBufferBuilder& builder, const std::vector<T>& values) {
  return values.empty() ? Offset<flatbuffers::Vector<T>>() : builder.CreateVector(values);
}

Offset<schema::Reading> WriteReading(FlatBufferBuilder& builder, const CompiledReading& reading) {
  const auto charsmap = VectorOrNone(builder, reading.charsmap);
  const auto texts = VectorOrNone(builder, reading.charsmap_texts);
  Offset<schema::CodePointClasses> classes;
  if (!reading.classes.blocks.empty()) {
    const auto block_index = builder.CreateVector(reading.classes.block_index);
    classes = schema::CreateCodePointClasses(builder, block_index, builder.CreateVector(reading.classes.blocks));
  }
  return schema::CreateReading(builder, reading.rule, charsmap, texts, reading.add_dummy_prefix,
                               reading.remove_extra_whitespaces, classes, reading.joins_quotes);
}

Offset<schema::Segmentation> WriteSegmentation(FlatBufferBuilder& builder, const CompiledSegmentation& rules) {
  const auto filter = builder.CreateVector(rules.prefix_filter);
  const auto byte_ids = VectorOrNone(builder, rules.byte_ids);
  const auto scores = VectorOrNone(builder, rules.scores);
  const auto ranks = VectorOrNone(builder, rules.ranks);
  const auto left_bytes = VectorOrNone(builder, rules.left_bytes);
  const auto double_scores = VectorOrNone(builder, rules.double_scores);
  return schema::CreateSegmentation(builder, rules.unk_id, filter, byte_ids, scores, rules.unk_score, rules.float_sums,
                                    ranks, left_bytes, double_scores);
}

Offset<schema::Normalization> WriteNormalization(FlatBufferBuilder& builder, const CompiledTokenizer& tokenizer) {
  const auto block_index = builder.CreateVector(tokenizer.block_index);
  const auto blocks = builder.CreateVector(tokenizer.blocks);
  const auto sequences = builder.CreateVector(tokenizer.sequences);
  return schema::CreateNormalization(builder, block_index, blocks, sequences, tokenizer.decompose_hangul,
                                     builder.CreateString(tokenizer.unicode_version));
}

}  // namespace

CompiledTokenizer AssemblePieces(const std::vector<std::string>& pieces) {
  CompiledTokenizer tokenizer;
  tokenizer.piece_offsets.push_back(0);
  for (const std::string& piece : pieces) {
    tokenizer.pieces.insert(tokenizer.pieces.end(), piece.begin(), piece.end());
    tokenizer.piece_offsets.push_back(static_cast<uint32_t>(tokenizer.pieces.size()));
  }
  tokenizer.hash_index = HashIndex(pieces);
  return tokenizer;
}

void AssembleSegmentation(const std::string& path, const std::vector<std::string>& pieces,
                          CompiledTokenizer* tokenizer) {
  for (size_t id = 0; id < pieces.size(); ++id) {
    if (pieces[id].size() <= schema::kMaxPieceBytes) continue;
    throw Error(ExitCode::kUnsupported, path + ": piece " + std::to_string(id) + " of " +
                                            std::to_string(pieces[id].size()) + " bytes; only " +
                                            std::to_string(schema::kMaxPieceBytes) + " are implemented");
  }
  tokenizer->segmentation.prefix_filter = PrefixFilter(pieces);
}

void AddCharsMap(const std::string& place, std::string_view bytes, CompiledReading* reading) {
  uint32_t array_bytes = 0;
  if (bytes.size() >= sizeof(array_bytes)) std::memcpy(&array_bytes, bytes.data(), sizeof(array_bytes));
  if (bytes.size() <= sizeof(array_bytes) || array_bytes == 0 || array_bytes >= bytes.size() - sizeof(array_bytes) ||
      array_bytes % sizeof(uint32_t) != 0) {
    throw Error(ExitCode::kBadInput, place + ": " + std::to_string(bytes.size()) + " bytes, its double array has " +
                                         std::to_string(array_bytes) + "; must be 1 or more of 4 bytes, inside");
  }
  bytes.remove_prefix(sizeof(array_bytes));
  reading->charsmap.resize(array_bytes / sizeof(uint32_t));
  std::memcpy(reading->charsmap.data(), bytes.data(), array_bytes);
  bytes.remove_prefix(array_bytes);
  reading->charsmap_texts.assign(bytes.begin(), bytes.end());
}

Offset<schema::Tokenizer> WriteTokenizer(FlatBufferBuilder& builder, const CompiledTokenizer& tokenizer) {
  std::vector<Offset<schema::SpecialToken>> tokens;
  for (const auto& [id, text] : tokenizer.special_tokens) {
    tokens.push_back(schema::CreateSpecialToken(builder, id, builder.CreateString(text)));
  }
  const bool is_wordpiece = tokenizer.kind == schema::TokenizerKind_WORDPIECE;
  const auto special_tokens = builder.CreateVector(tokens);
  const auto pieces = builder.CreateVector(tokenizer.pieces);
  const auto piece_offsets = builder.CreateVector(tokenizer.piece_offsets);
  const auto hash_index = builder.CreateVector(tokenizer.hash_index);
  Offset<schema::Normalization> normalization;
  if (!tokenizer.blocks.empty()) normalization = WriteNormalization(builder, tokenizer);
  Offset<schema::WordPiece> wordpiece;
  Offset<schema::Reading> reading;
  Offset<schema::Segmentation> segmentation;
  if (is_wordpiece) {
    wordpiece = schema::CreateWordPiece(builder, tokenizer.unk_id, tokenizer.max_chars_per_word,
                                        builder.CreateString(tokenizer.continuing_prefix));
  } else {
    reading = WriteReading(builder, tokenizer.reading);
    segmentation = WriteSegmentation(builder, tokenizer.segmentation);
  }
  schema::TokenizerBuilder table(builder);
  table.add_kind(tokenizer.kind);
  table.add_pieces(pieces);
  table.add_piece_offsets(piece_offsets);
  table.add_hash_index(hash_index);
  table.add_cls_id(tokenizer.cls_id);
  table.add_sep_id(tokenizer.sep_id);
  table.add_clean_text(tokenizer.clean_text);
  table.add_handle_chinese_chars(tokenizer.handle_chinese_chars);
  table.add_strip_accents(tokenizer.strip_accents);
  table.add_lowercase(tokenizer.lowercase);
  table.add_special_tokens(special_tokens);
  table.add_normalization(normalization);
  table.add_wordpiece(wordpiece);
  table.add_adds_cls(tokenizer.adds_cls);
  table.add_adds_sep(tokenizer.adds_sep);
  table.add_pair_type_id(tokenizer.pair_type_id);
  table.add_reading(reading);
  table.add_segmentation(segmentation);
  return table.Finish();
}

}  // namespace smx::tools
