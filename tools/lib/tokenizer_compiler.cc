#include "tokenizer_compiler.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "error.h"
#include "normalization_table.h"
#include "output_file.h"
#include "tokenizer_format.h"
#include "tokenizer_json.h"
#include "unicode_rules.h"
#include "utf8.h"

namespace smx::tools {
namespace {

constexpr const char* kSpecialPieces[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};

[[noreturn]] void FailLine(const std::string& path, size_t line, const std::string& piece, const std::string& rule) {
  throw Error(ExitCode::kBadInput,
              path + ": line " + std::to_string(line) + ": \"" + ReplaceInvalidUtf8(piece) + "\": " + rule);
}

/// The library cuts white space off the end of a line, so such a piece would be another one there.
bool EndsInWhitespace(const std::string& piece) {
  size_t last = piece.size() - 1;
  while (last > 0 && (static_cast<uint8_t>(piece[last]) & 0xc0) == 0x80) --last;
  char32_t code_point = static_cast<uint8_t>(piece[last]);
  const size_t num_bytes = piece.size() - last;
  if (num_bytes > 1) code_point &= 0x7fu >> num_bytes;
  for (size_t i = last + 1; i < piece.size(); ++i) code_point = code_point << 6 | (static_cast<uint8_t>(piece[i]) & 63);
  return IsWhitespace(code_point);
}

void CheckPiece(const std::string& path, size_t line, const std::string& piece) {
  if (piece.empty()) FailLine(path, line, piece, "a piece must not be empty");
  if (FirstInvalidUtf8(piece) != piece.size()) FailLine(path, line, piece, "a piece must be UTF-8");
  if (EndsInWhitespace(piece)) FailLine(path, line, piece, "a piece must not end in white space");
}

/// Lines without their LF or CRLF; the last may lack it.
std::vector<std::string> SplitLines(std::string_view content) {
  std::vector<std::string> lines;
  while (!content.empty()) {
    const size_t end = content.find('\n');
    std::string_view line = content.substr(0, end);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    lines.emplace_back(line);
    content.remove_prefix(end == std::string_view::npos ? content.size() : end + 1);
  }
  return lines;
}

using PieceIds = std::unordered_map<std::string, uint32_t>;

PieceIds IndexPieces(const std::string& path, const std::vector<std::string>& pieces) {
  PieceIds ids;
  for (size_t i = 0; i < pieces.size(); ++i) {
    CheckPiece(path, i + 1, pieces[i]);
    const auto [known, is_new] = ids.emplace(pieces[i], static_cast<uint32_t>(i));
    if (!is_new) {
      FailLine(path, i + 1, pieces[i],
               "a piece must not occur twice; it is in line " + std::to_string(known->second + 1));
    }
  }
  return ids;
}

uint32_t IdOf(const std::string& path, const PieceIds& ids, const char* piece) {
  const auto found = ids.find(piece);
  if (found == ids.end()) {
    throw Error(ExitCode::kBadInput, path + ": " + std::to_string(ids.size()) + " pieces, none is " + piece +
                                         "; a WordPiece vocabulary must have it");
  }
  return found->second;
}

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

std::string ReadText(const std::string& path) {
  const std::vector<uint8_t> bytes = ReadWhole(path);
  return {bytes.begin(), bytes.end()};
}

void AddNormalization(const TokenizerSwitches& switches, CompiledTokenizer* tokenizer) {
  tokenizer->clean_text = switches.clean_text;
  tokenizer->handle_chinese_chars = switches.handle_chinese_chars;
  tokenizer->lowercase = switches.lowercase;
  tokenizer->strip_accents = switches.strip_accents.value_or(switches.lowercase);
  NormalizationTable table = BuildNormalizationTable(
      {tokenizer->clean_text, tokenizer->handle_chinese_chars, tokenizer->strip_accents, tokenizer->lowercase});
  tokenizer->block_index = std::move(table.block_index);
  tokenizer->blocks = std::move(table.blocks);
  tokenizer->sequences = std::move(table.sequences);
  tokenizer->decompose_hangul = table.decompose_hangul;
  tokenizer->unicode_version = std::move(table.unicode_version);
}

CompiledTokenizer CompileLines(const std::string& path, std::string_view content, const TokenizerSwitches& switches) {
  CompiledTokenizer tokenizer = CompilePieces(path, content);
  AddNormalization(switches, &tokenizer);
  return tokenizer;
}

CompiledTokenizer CompileJson(const std::string& path, const std::string& content) {
  TokenizerSwitches switches;
  CompiledTokenizer tokenizer = CompileJsonPieces(path, content, &switches);
  AddNormalization(switches, &tokenizer);
  return tokenizer;
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

CompiledTokenizer AssembleTokenizer(const std::vector<std::string>& pieces, const TokenizerSwitches& switches) {
  CompiledTokenizer tokenizer = AssemblePieces(pieces);
  AddNormalization(switches, &tokenizer);
  return tokenizer;
}

CompiledTokenizer CompilePieces(const std::string& path, std::string_view content) {
  const std::vector<std::string> pieces = SplitLines(content);
  const PieceIds ids = IndexPieces(path, pieces);
  const uint32_t pad_id = IdOf(path, ids, "[PAD]");
  const uint32_t unk_id = IdOf(path, ids, "[UNK]");
  const uint32_t cls_id = IdOf(path, ids, "[CLS]");
  const uint32_t sep_id = IdOf(path, ids, "[SEP]");
  CompiledTokenizer tokenizer = AssemblePieces(pieces);
  tokenizer.pad_id = pad_id;
  tokenizer.unk_id = unk_id;
  tokenizer.cls_id = cls_id;
  tokenizer.sep_id = sep_id;
  for (const char* text : kSpecialPieces) {
    const auto found = ids.find(text);
    if (found != ids.end()) tokenizer.special_tokens.emplace_back(found->second, text);
  }
  return tokenizer;
}

CompiledTokenizer CompileVocabTxt(const std::string& path, const TokenizerSwitches& switches) {
  return CompileLines(path, ReadText(path), switches);
}

CompiledTokenizer CompileTokenizerJson(const std::string& path) { return CompileJson(path, ReadText(path)); }

CompiledTokenizer CompileTokenizer(const std::string& path, const TokenizerSwitches& switches) {
  const std::string content = ReadText(path);
  // "{" may be the first piece of a vocabulary; an object goes on with a name or its end.
  constexpr const char* kJsonSpace = " \t\r\n";
  const size_t brace = content.find_first_not_of(kJsonSpace);
  const bool has_brace = brace != std::string::npos && content[brace] == '{';
  const size_t next = has_brace ? content.find_first_not_of(kJsonSpace, brace + 1) : std::string::npos;
  const bool is_json = next != std::string::npos && (content[next] == '"' || content[next] == '}');
  return is_json ? CompileJson(path, content) : CompileLines(path, content, switches);
}

flatbuffers::Offset<schema::Tokenizer> WriteTokenizer(flatbuffers::FlatBufferBuilder& builder,
                                                      const CompiledTokenizer& tokenizer) {
  std::vector<flatbuffers::Offset<schema::SpecialToken>> special_tokens;
  for (const auto& [id, text] : tokenizer.special_tokens) {
    special_tokens.push_back(schema::CreateSpecialToken(builder, id, builder.CreateString(text)));
  }
  const auto normalization =
      schema::CreateNormalization(builder, builder.CreateVector(tokenizer.block_index),
                                  builder.CreateVector(tokenizer.blocks), builder.CreateVector(tokenizer.sequences),
                                  tokenizer.decompose_hangul, builder.CreateString(tokenizer.unicode_version));
  const auto wordpiece = schema::CreateWordPiece(builder, tokenizer.unk_id, tokenizer.max_chars_per_word,
                                                 builder.CreateString(tokenizer.continuing_prefix));
  return schema::CreateTokenizer(builder, schema::TokenizerKind_WORDPIECE, builder.CreateVector(tokenizer.pieces),
                                 builder.CreateVector(tokenizer.piece_offsets),
                                 builder.CreateVector(tokenizer.hash_index), tokenizer.cls_id, tokenizer.sep_id,
                                 tokenizer.clean_text, tokenizer.handle_chinese_chars, tokenizer.strip_accents,
                                 tokenizer.lowercase, builder.CreateVector(special_tokens), normalization, wordpiece);
}

}  // namespace smx::tools
