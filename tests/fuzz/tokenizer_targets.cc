#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

#include "compile_sentencepiece.h"
#include "error.h"
#include "fuzz/targets.h"
#include "support/tokenizer_builder.h"
#include "tokenizer/check.h"
#include "tokenizer_json.h"

namespace smx::fuzz {
namespace {

using testing::BuiltTokenizer;
using testing::Tokens;
using tools::CompiledTokenizer;
using tools::TokenizerSwitches;

constexpr size_t kMuchRoom = 4096;
constexpr size_t kNoSwitch = 0;
constexpr size_t kEverySwitch = 15;

std::string_view TextOf(const uint8_t* data, size_t size) { return {reinterpret_cast<const char*>(data), size}; }

TokenizerSwitches SwitchesOf(size_t bits) {
  TokenizerSwitches switches;
  switches.clean_text = (bits & 1) != 0;
  switches.handle_chinese_chars = (bits & 2) != 0;
  switches.lowercase = (bits & 4) != 0;
  switches.strip_accents = (bits & 8) != 0;
  return switches;
}

/// One for each way to set four switches, made when it is first asked for.
const BuiltTokenizer& TokenizerWith(size_t bits) {
  static std::array<std::unique_ptr<BuiltTokenizer>, 16> known;
  std::unique_ptr<BuiltTokenizer>& tokenizer = known[bits];
  if (tokenizer == nullptr) {
    tokenizer = std::make_unique<BuiltTokenizer>(testing::SmallVocabulary({"a",
                                                                           "##a",
                                                                           "b",
                                                                           "##b",
                                                                           "ab",
                                                                           "##ab",
                                                                           "abb",
                                                                           "!",
                                                                           "##!",
                                                                           "e",
                                                                           "##e",
                                                                           "\xcc\x81",
                                                                           "##\xcc\x81",
                                                                           "\xc3\xa9",
                                                                           "\xe4\xb8\xad",
                                                                           "##\xe4\xb8\xad",
                                                                           "\xea\xb0\x80",
                                                                           "\xe1\x84\x80",
                                                                           "##\xe1\x85\xa1",
                                                                           "[",
                                                                           "##MASK",
                                                                           "]",
                                                                           "\xef\xbf\xbd"},
                                                                          SwitchesOf(bits)));
  }
  return *tokenizer;
}

/// What a text is read with.
struct Reading {
  std::string_view text, pair;
  TokenizeOptions options;
  size_t capacity;
};

bool IsInside(const std::pair<uint32_t, uint32_t>& offset, std::string_view text) {
  return offset.first <= offset.second && offset.second <= text.size();
}

/// Ids of the vocabulary, types 0 then 1, and offsets into the text that a token is of.
void CheckTokens(const BuiltTokenizer& tokenizer, const Reading& reading, const Tokens& tokens) {
  for (size_t i = 0; i < tokens.ids.size(); ++i) {
    const bool is_id = tokens.ids[i] >= 0 && static_cast<size_t>(tokens.ids[i]) < tokenizer.view().num_pieces();
    Require(is_id, "an id is one of the vocabulary");
    Require(tokens.type_ids[i] == 0 || tokens.type_ids[i] == 1, "types are 0 and 1");
    Require(i == 0 || tokens.type_ids[i - 1] <= tokens.type_ids[i], "a pair follows its text");
    Require(IsInside(tokens.offsets[i], tokens.type_ids[i] == 0 ? reading.text : reading.pair),
            "a token lies inside of its text");
  }
}

void CheckReading(const BuiltTokenizer& tokenizer, const Reading& reading) {
  const Tokens tokens = tokenizer.Tokenize(reading.text, reading.pair, reading.options, reading.capacity);
  const TokenizerView& view = tokenizer.view();
  const size_t num_sep = reading.options.add_special_tokens && view.adds_sep ? 1 : 0;
  const size_t num_cls = reading.options.add_special_tokens && view.adds_cls ? 1 : 0;
  const size_t num_special = num_cls + num_sep * (reading.pair.data() == nullptr ? 1 : 2);
  if (reading.capacity < num_special) {
    Require(tokens.status == Status::kInvalidArgument, "too little room is refused");
    return;
  }
  Require(tokens.status == Status::kOk, "any text is read");
  Require(tokens.ids.size() <= reading.capacity, "no more than there is room for");
  Require(tokens.ids.size() == std::min(tokens.num_tokens_whole, reading.capacity), "the room is used");
  CheckTokens(tokenizer, reading, tokens);
  const Tokens whole = tokenizer.Tokenize(reading.text, reading.pair, reading.options, kMuchRoom);
  Require(whole.num_tokens_whole == tokens.num_tokens_whole, "the whole does not depend on the room");
  if (reading.pair.data() != nullptr || tokens.ids.empty()) return;
  const size_t kept = tokens.ids.size() - num_sep;
  Require(std::equal(tokens.ids.begin(), tokens.ids.begin() + static_cast<std::ptrdiff_t>(kept), whole.ids.begin()),
          "the first tokens stay");
}

/// `flags`: 16 special tokens around, 32 special tokens in the text, 64 the part behind the first 0x1f is a pair.
Reading ReadingOf(size_t flags, size_t capacity, std::string_view text) {
  Reading reading = {text, {}, {}, capacity};
  reading.options.add_special_tokens = (flags & 16) != 0;
  reading.options.parse_special_tokens = (flags & 32) != 0;
  const size_t end = text.find('\x1f');
  if ((flags & 64) != 0 && end != std::string_view::npos) {
    reading.text = text.substr(0, end);
    reading.pair = text.substr(end + 1);
  }
  return reading;
}

/// With a normalization from elsewhere, because to make one takes a hundred thousand times as long as the rest.
void UseNormalization(CompiledTokenizer* tokenizer, size_t bits) {
  const NormalizationView& table = TokenizerWith(bits).view().normalization;
  tokenizer->block_index.assign(table.block_index.begin(), table.block_index.end());
  tokenizer->blocks.assign(table.blocks.begin(), table.blocks.end());
  tokenizer->sequences.assign(table.sequences.begin(), table.sequences.end());
  tokenizer->decompose_hangul = table.decompose_hangul;
}

void CheckSound(const BuiltTokenizer& tokenizer) {
  const Status status = CheckTokenizer(tokenizer.view(), tokenizer.view().num_pieces(), Log());
  Require(status == Status::kOk, "the engine takes what the compiler writes");
}

}  // namespace

void PrepareAllNormalizations() {
  for (size_t bits = kNoSwitch; bits <= kEverySwitch; ++bits) TokenizerWith(bits);
}

void PrepareNormalizations() {
  TokenizerWith(kNoSwitch);
  TokenizerWith(kEverySwitch);
}

void TokenizeText(const uint8_t* data, size_t size) {
  if (size < 2) return;
  CheckReading(TokenizerWith(data[0] & 15), ReadingOf(data[0], data[1], TextOf(data + 2, size - 2)));
}

void TokenizeWithVocabulary(const uint8_t* data, size_t size) {
  if (size < 2) return;
  const std::string_view input = TextOf(data + 2, size - 2);
  const size_t end = std::min(input.find(std::string_view("\0\0", 2)), input.size());
  CompiledTokenizer compiled;
  try {
    compiled = tools::CompilePieces("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n" + std::string(input.substr(0, end)));
  } catch (const tools::Error&) {
    return;
  }
  UseNormalization(&compiled, data[0] & 1 ? kEverySwitch : kNoSwitch);
  const BuiltTokenizer tokenizer(std::move(compiled));
  CheckSound(tokenizer);
  CheckReading(tokenizer, ReadingOf(data[0], data[1], input.substr(std::min(end + 2, input.size()))));
}

void ReadTokenizerJson(const uint8_t* data, size_t size) {
  TokenizerSwitches switches;
  CompiledTokenizer compiled;
  try {
    compiled = tools::CompileJsonPieces("tokenizer.json", std::string(TextOf(data, size)), &switches);
  } catch (const tools::Error&) {
    return;
  }
  UseNormalization(&compiled, kNoSwitch);
  // The engine has limits of its own for special tokens, which the compiler leaves to it.
  compiled.special_tokens.clear();
  const bool is_unigram = compiled.kind == schema::TokenizerKind_UNIGRAM;
  const BuiltTokenizer tokenizer(std::move(compiled));
  // Scores and the character map are left to the engine to refuse.
  if (is_unigram && CheckTokenizer(tokenizer.view(), tokenizer.view().num_pieces(), Log()) != Status::kOk) return;
  CheckSound(tokenizer);
  CheckReading(tokenizer, {"ab, a", {}, {}, 16});
  CheckReading(tokenizer, {"``a\xcc\x81\xcc\x81 \xe2\x96\x81 \xff", {}, {}, 16});
}

void ReadSentencePiece(const uint8_t* data, size_t size) {
  CompiledTokenizer compiled;
  try {
    compiled = tools::CompileSentencePiece("x.model", TextOf(data, size));
  } catch (const tools::Error&) {
    return;
  }
  const BuiltTokenizer tokenizer(std::move(compiled));
  // Scores and the character map are left to the engine to refuse.
  if (CheckTokenizer(tokenizer.view(), tokenizer.view().num_pieces(), Log()) != Status::kOk) return;
  for (const std::string_view text : {" ab  aab\xc3\xa9\xe2\x96\x81", "abababababababababab\xff"}) {
    CheckReading(tokenizer, {text, {}, {}, 16});
  }
}

}  // namespace smx::fuzz
