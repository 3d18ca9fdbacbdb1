#include "tokenizer_compiler.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "compile_sentencepiece.h"
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

std::string ReadText(const std::string& path) {
  const std::vector<uint8_t> bytes = ReadWhole(path);
  return {bytes.begin(), bytes.end()};
}

void AddNormalization(const TokenizerSwitches& switches, CompiledTokenizer* tokenizer) {
  tokenizer->clean_text = switches.clean_text;
  tokenizer->handle_chinese_chars = switches.handle_chinese_chars;
  tokenizer->lowercase = switches.lowercase;
  tokenizer->strip_accents = switches.strip_accents.value_or(switches.lowercase);
  const NormalizationTable& table = BertNormalization(
      {tokenizer->clean_text, tokenizer->handle_chinese_chars, tokenizer->strip_accents, tokenizer->lowercase});
  tokenizer->block_index = table.block_index;
  tokenizer->blocks = table.blocks;
  tokenizer->sequences = table.sequences;
  tokenizer->decompose_hangul = table.decompose_hangul;
  tokenizer->unicode_version = table.unicode_version;
}

CompiledTokenizer CompileLines(const std::string& path, std::string_view content, const TokenizerSwitches& switches) {
  CompiledTokenizer tokenizer = CompilePieces(path, content);
  AddNormalization(switches, &tokenizer);
  return tokenizer;
}

CompiledTokenizer CompileJson(const std::string& path, const std::string& content) {
  TokenizerSwitches switches;
  CompiledTokenizer tokenizer = CompileJsonPieces(path, content, &switches);
  if (tokenizer.kind == schema::TokenizerKind_WORDPIECE) AddNormalization(switches, &tokenizer);
  return tokenizer;
}

}  // namespace

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
  if (is_json) return CompileJson(path, content);
  // A protobuf whose first field are pieces begins with this byte; no vocabulary does, since no piece is empty.
  const bool is_protobuf = !content.empty() && content[0] == '\n';
  return is_protobuf ? CompileSentencePiece(path, content) : CompileLines(path, content, switches);
}

}  // namespace smx::tools
