#include "tokenizer/check.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <string>

#include "support/tokenizer_builder.h"
#include "tokenizer/wordpiece.h"

using smx::Status;
using smx::testing::BuiltTokenizer;
using smx::testing::SmallVocabulary;

namespace {

constexpr size_t kVocabSize = 7;

struct Outcome {
  Status status;
  std::string message;
};

Outcome Check(const smx::TokenizerView& view, size_t vocab_size = kVocabSize) {
  Outcome outcome;
  const smx::Log log = {[](void* message, const char* text) { *static_cast<std::string*>(message) = text; },
                        &outcome.message};
  outcome.status = smx::CheckTokenizer(view, vocab_size, log);
  return outcome;
}

const smx::tools::CompiledTokenizer& Sound() {
  static const smx::tools::CompiledTokenizer compiled = SmallVocabulary({"a", "##b"});
  return compiled;
}

/// Breaks a sound tokenizer and expects a refusal whose message holds `words`.
void CheckRefused(const char* words, const std::function<void(BuiltTokenizer*)>& damage,
                  Status status = Status::kInvalidModel) {
  BuiltTokenizer tokenizer(Sound());
  damage(&tokenizer);
  const Outcome outcome = Check(tokenizer.view());
  CAPTURE(outcome.message);
  CHECK(outcome.status == status);
  CHECK(outcome.message.find(words) != std::string::npos);
}

/// The first sequence in the table, which every table with lower case has.
uint32_t* FirstSequence(BuiltTokenizer* tokenizer) { return tokenizer->compiled().sequences.data(); }

void FreeSlotOf(uint32_t id, BuiltTokenizer* tokenizer) {
  for (uint32_t& slot : tokenizer->compiled().hash_index) {
    if (slot == id) slot = smx::schema::kFreeSlot;
  }
}

}  // namespace

TEST_CASE("check: what the compiler makes is sound") {
  BuiltTokenizer tokenizer(Sound());
  const Outcome outcome = Check(tokenizer.view());
  CAPTURE(outcome.message);
  CHECK(outcome.status == Status::kOk);
}

TEST_CASE("check: pieces must be as many as the vocabulary, rising, and fill their bytes") {
  BuiltTokenizer tokenizer(Sound());
  CHECK(Check(tokenizer.view(), kVocabSize + 1).status == Status::kInvalidModel);
  CHECK(Check(tokenizer.view(), kVocabSize - 1).status == Status::kInvalidModel);
  CHECK(Check(smx::TokenizerView(), 0).status == Status::kInvalidModel);
  CheckRefused("must be 0..", [](BuiltTokenizer* t) { t->compiled().piece_offsets[0] = 1; });
  CheckRefused("must be 0..", [](BuiltTokenizer* t) { ++t->compiled().piece_offsets[kVocabSize]; });
  CheckRefused("rising", [](BuiltTokenizer* t) { t->compiled().piece_offsets[3] = 0; });
  CheckRefused("rising", [](BuiltTokenizer* t) { t->compiled().piece_offsets[3] = 0xffffffff; });
}

TEST_CASE("check: the hash index is a power of two with each id once and a free slot") {
  CheckRefused("power of two", [](BuiltTokenizer* t) { t->view().hash_index = {}; });
  CheckRefused("power of two", [](BuiltTokenizer* t) {
    t->view().hash_index = {t->compiled().hash_index.data(), t->compiled().hash_index.size() - 1};
  });
  CheckRefused("must be below", [](BuiltTokenizer* t) { t->compiled().hash_index[0] = kVocabSize; });
  CheckRefused("slots used", [](BuiltTokenizer* t) { FreeSlotOf(3, t); });
  CheckRefused("finds id", [](BuiltTokenizer* t) {
    for (uint32_t& slot : t->compiled().hash_index) {
      if (slot == 3) slot = 4;
    }
  });
  CheckRefused("finds id", [](BuiltTokenizer* t) {  // two pieces "[UNK]"
    std::copy_n(t->compiled().pieces.begin() + 5, 5, t->compiled().pieces.begin());
  });
}

TEST_CASE("check: a hash index without a free slot would never end a search") {
  const BuiltTokenizer sound(SmallVocabulary({"a", "##b", "c"}));
  smx::TokenizerView view = sound.view();
  uint32_t slots[8] = {};
  for (uint32_t id = 0; id < 8; ++id) {
    const std::string_view piece = view.Piece(id);
    size_t slot = smx::schema::ContinueHash(smx::schema::kHashStart, piece.data(), piece.size()) % 8;
    while (slots[slot] != 0) slot = (slot + 1) % 8;
    slots[slot] = id;
  }
  view.hash_index = slots;
  CHECK(Check(view, 8).status == Status::kInvalidModel);
}

TEST_CASE("check: a long run of used slots would make each word of a text slow") {
  std::vector<uint32_t> slots(2048, smx::schema::kFreeSlot);
  for (uint32_t i = 0; i <= smx::schema::kMaxUsedRun; ++i) slots[(1800 + i) % 2048] = 0;
  CheckRefused("in a row", [&](BuiltTokenizer* t) { t->view().hash_index = slots; });
}

TEST_CASE("check: ids lie inside of the vocabulary") {
  CheckRefused("cls_id 7", [](BuiltTokenizer* t) { t->view().cls_id = kVocabSize; });
  CheckRefused("sep_id 7", [](BuiltTokenizer* t) { t->view().sep_id = kVocabSize; });
  CheckRefused("unk_id 7", [](BuiltTokenizer* t) { t->view().unk_id = kVocabSize; });
  const smx::SpecialTokenView outside[] = {{kVocabSize, "[X]"}};
  CheckRefused("special token 0", [&](BuiltTokenizer* t) { t->view().special_tokens = outside; });
}

TEST_CASE("check: word rules have sizes that the engine has room for") {
  CheckRefused("max_chars_per_word 0", [](BuiltTokenizer* t) { t->view().max_chars_per_word = 0; });
  CheckRefused(
      "max_chars_per_word 101", [](BuiltTokenizer* t) { t->view().max_chars_per_word = 101; }, Status::kUnsupported);
  CheckRefused("continuing_prefix", [](BuiltTokenizer* t) { t->view().continuing_prefix = "12345678901234567"; });
}

TEST_CASE("check: a special token is UTF-8, neither empty nor endless, and they are not too many") {
  for (const std::string& text : {std::string(), std::string("\x82["), std::string("[\xe2"), std::string(257, 'x')}) {
    const smx::SpecialTokenView tokens[] = {{0, text}};
    CheckRefused("of UTF-8", [&](BuiltTokenizer* t) { t->view().special_tokens = tokens; });
  }
  const std::vector<smx::SpecialTokenView> many(1025, {0, "x"});
  CheckRefused("1025 special tokens", [&](BuiltTokenizer* t) { t->view().special_tokens = many; });
}

TEST_CASE("check: blocks and actions are those that are there") {
  CheckRefused("block_index", [](BuiltTokenizer* t) { t->view().normalization.block_index = {}; });
  CheckRefused("blocks", [](BuiltTokenizer* t) {
    t->view().normalization.blocks = {t->compiled().blocks.data(), t->compiled().blocks.size() - 1};
  });
  CheckRefused("names block 65535", [](BuiltTokenizer* t) { t->compiled().block_index.back() = 0xffff; });
  CheckRefused("action 4", [](BuiltTokenizer* t) { t->compiled().blocks[0] = 4; });
  CheckRefused("action 65535", [](BuiltTokenizer* t) { t->compiled().blocks[0] = 0xffff; });
}

TEST_CASE("check: sequences have 1..18 elements that are scalar values of a known class") {
  CheckRefused("sound sequence", [](BuiltTokenizer* t) { *FirstSequence(t) = 0; });
  CheckRefused("sound sequence", [](BuiltTokenizer* t) { *FirstSequence(t) = 19; });
  CheckRefused("sound sequence", [](BuiltTokenizer* t) { FirstSequence(t)[1] = 0x110000; });
  CheckRefused("sound sequence", [](BuiltTokenizer* t) { FirstSequence(t)[1] = 0xd800; });
  CheckRefused("sound sequence", [](BuiltTokenizer* t) { FirstSequence(t)[1] = 4u << 21 | 'a'; });
  CheckRefused("sound sequence", [](BuiltTokenizer* t) { FirstSequence(t)[1] = 1u << 24 | 1u << 21 | '!'; });
  CheckRefused("sound sequence", [](BuiltTokenizer* t) {
    t->view().normalization.sequences = {t->compiled().sequences.data(), 1};
  });
}
