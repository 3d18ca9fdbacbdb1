#include <doctest/doctest.h>

#include <functional>
#include <limits>
#include <string>

#include "compile_sentencepiece.h"
#include "support/sentencepiece_bytes.h"
#include "support/tokenizer_builder.h"
#include "support/unigram_json.h"
#include "tokenizer/check.h"
#include "tokenizer_compiler.h"

using smx::Status;
using smx::testing::BuiltTokenizer;

namespace {

/// Breaks a sound tokenizer and expects a refusal whose message holds `words`.
void CheckRefused(const smx::tools::CompiledTokenizer& sound, const char* words,
                  const std::function<void(BuiltTokenizer*)>& damage, Status status = Status::kInvalidModel) {
  BuiltTokenizer tokenizer(sound);
  damage(&tokenizer);
  std::string message;
  const smx::Log log = {[](void* text, const char* line) { *static_cast<std::string*>(text) = line; }, &message};
  CHECK(smx::CheckTokenizer(tokenizer.view(), tokenizer.view().num_pieces(), log) == status);
  CAPTURE(message);
  CHECK(message.find(words) != std::string::npos);
}

smx::tools::CompiledTokenizer Compile(int type, const std::vector<smx::tools::SentencePiece>& pieces) {
  return smx::tools::CompileSentencePiece("test", smx::testing::SentencePieceBytes(type, pieces));
}

const smx::tools::CompiledTokenizer& Unigram() {
  static const auto compiled = Compile(1, {{"a", -1}, {"ab", -2}});
  return compiled;
}

const smx::tools::CompiledTokenizer& Bpe() {
  static const auto compiled = Compile(2, {{"\u00e9", -2}, {"a", -2}, {"\u00e9a", -1}});
  return compiled;
}

/// With a genuine character map.
const smx::tools::CompiledTokenizer& Mapped() {
  static const auto compiled =
      smx::tools::CompileTokenizer(std::string(SMX_TESTS_DIR) + "/tokenizer/data/spm_test_unigram_1000.model", {});
  return compiled;
}

const smx::tools::CompiledTokenizer& ByteLevel() {
  static const auto compiled =
      smx::tools::CompileTokenizer(std::string(SMX_TESTS_DIR) + "/tokenizer/data/byte_bpe_small_tokenizer.json", {});
  return compiled;
}

/// The first unit of the map with a value, and where the value is.
std::pair<size_t, size_t> UnitWithValue(const BuiltTokenizer& tokenizer) {
  const auto& units = tokenizer.view().reading.charsmap.units;
  for (size_t i = 0; i < units.size(); ++i) {
    const bool is_value = smx::schema::UnitLabel(units[i]) > 0xff;
    if (!is_value && smx::schema::UnitHasValue(units[i])) return {i, i ^ smx::schema::UnitOffset(units[i])};
  }
  return {0, 0};
}

}  // namespace

TEST_CASE("check segmentation: what the compiler makes is sound") {
  for (const auto* compiled : {&Unigram(), &Bpe(), &Mapped(), &ByteLevel()}) {
    const BuiltTokenizer tokenizer(*compiled);
    CHECK(smx::CheckTokenizer(tokenizer.view(), tokenizer.view().num_pieces(), smx::Log()) == Status::kOk);
  }
}

TEST_CASE("check segmentation: ids lie inside of the vocabulary, a pair has type 0 or 1") {
  CheckRefused(Unigram(), "segmentation unk_id 3", [](BuiltTokenizer* t) { t->view().segmentation.unk_id = 3; });
  CheckRefused(Unigram(), "pair_type_id 2", [](BuiltTokenizer* t) { t->view().pair_type_id = 2; });
  std::vector<uint32_t> ids(255);
  CheckRefused(Unigram(), "255 byte_ids", [&](BuiltTokenizer* t) { t->view().segmentation.byte_ids = ids; });
  ids = std::vector<uint32_t>(256, 3);
  CheckRefused(Unigram(), "byte_ids[0] is 3", [&](BuiltTokenizer* t) { t->view().segmentation.byte_ids = ids; });
}

TEST_CASE("check segmentation: scores are as many as pieces, and finite or never found") {
  CheckRefused(Unigram(), "2 scores",
               [](BuiltTokenizer* t) { t->view().segmentation.scores = t->view().segmentation.scores.subspan(0, 2); });
  const std::vector<double> doubles(3);
  CheckRefused(Unigram(), "3 double_scores",
               [&](BuiltTokenizer* t) { t->view().segmentation.double_scores = doubles; });
  CheckRefused(Unigram(), "1 scores and 2 double_scores", [&](BuiltTokenizer* t) {
    t->view().segmentation.scores = t->view().segmentation.scores.subspan(0, 1);
    t->view().segmentation.double_scores = {doubles.data(), 2};
  });
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float score : {infinity, std::numeric_limits<float>::quiet_NaN(), 1.1e6f, -1.1e6f}) {
    CheckRefused(Unigram(), "of piece 1", [&](BuiltTokenizer* t) { t->compiled().segmentation.scores[1] = score; });
    CheckRefused(Unigram(), "unk_score", [&](BuiltTokenizer* t) { t->view().segmentation.unk_score = score; });
  }
  CheckRefused(Unigram(), "unk_score", [&](BuiltTokenizer* t) { t->view().segmentation.unk_score = -infinity; });
}

TEST_CASE("check segmentation: the prefix filter is a power of two") {
  const std::vector<uint8_t> filter(3);
  CheckRefused(Unigram(), "prefix_filter of 3",
               [&](BuiltTokenizer* t) { t->view().segmentation.prefix_filter = filter; });
  CheckRefused(Unigram(), "prefix_filter of 0", [](BuiltTokenizer* t) { t->view().segmentation.prefix_filter = {}; });
}

TEST_CASE("check segmentation: merges are as many as pieces and cut a piece between code points") {
  CheckRefused(Bpe(), "3 ranks",
               [](BuiltTokenizer* t) { t->view().segmentation.ranks = t->view().segmentation.ranks.subspan(0, 3); });
  CheckRefused(Bpe(), "3 left_bytes", [](BuiltTokenizer* t) {
    t->view().segmentation.left_bytes = t->view().segmentation.left_bytes.subspan(0, 3);
  });
  for (const int value : {0, 1, 3, 4, 65535}) {
    const uint16_t left_bytes = static_cast<uint16_t>(value);
    CheckRefused(Bpe(), "piece 3", [&](BuiltTokenizer* t) { t->compiled().segmentation.left_bytes[3] = left_bytes; });
  }
  CheckRefused(Bpe(), "piece 3",
               [](BuiltTokenizer* t) { t->compiled().segmentation.ranks[3] = smx::schema::kNeverMerged; });
  CheckRefused(Bpe(), "piece 2", [](BuiltTokenizer* t) { t->compiled().segmentation.ranks[2] = 0; });
}

TEST_CASE("check segmentation: a piece beyond the room for one is named") {
  CheckRefused(
      Unigram(), "a piece of 512 bytes", [](BuiltTokenizer* t) { t->view().longest_piece_bytes = 512; },
      Status::kUnsupported);
}

TEST_CASE("check segmentation: a character map leads nowhere else, and to texts of UTF-8 that end") {
  CheckRefused(Mapped(), "must be a multiple", [](BuiltTokenizer* t) {
    auto& units = t->view().reading.charsmap.units;
    units = units.subspan(0, units.size() - 1);
  });
  CheckRefused(Mapped(), "must end with 0",
               [](BuiltTokenizer* t) { t->compiled().reading.charsmap_texts.back() = 'x'; });
  CheckRefused(Mapped(), "must end with 0", [](BuiltTokenizer* t) { t->view().reading.charsmap.texts = {}; });
  for (const uint32_t root : {0xffffffffu, 0x7ffffcffu, 0x00000200u | 0x7ffffc00u}) {
    CheckRefused(Mapped(), "charsmap unit 0 ", [&](BuiltTokenizer* t) { t->compiled().reading.charsmap[0] = root; });
  }
  const size_t value = UnitWithValue(BuiltTokenizer(Mapped())).second;
  REQUIRE(value != 0);
  CheckRefused(Mapped(), "has value", [&](BuiltTokenizer* t) { t->compiled().reading.charsmap[value] = 0xffffffff; });
  CheckRefused(Mapped(), "has value", [&](BuiltTokenizer* t) {
    const uint32_t begin = smx::schema::UnitValue(t->compiled().reading.charsmap[value]);
    t->compiled().reading.charsmap_texts[begin] = 0xff;
  });
  CheckRefused(Mapped(), "has value", [](BuiltTokenizer* t) {
    auto& texts = t->compiled().reading.charsmap_texts;
    std::fill(texts.begin(), texts.end() - 1, 'x');
  });
}

TEST_CASE("check segmentation: classes have a block for every code point") {
  CheckRefused(ByteLevel(), "classes: block_index [8703]", [](BuiltTokenizer* t) {
    auto& index = t->view().reading.classes.block_index;
    index = index.subspan(0, index.size() - 1);
  });
  CheckRefused(ByteLevel(), "classes: block_index [8704], blocks [127]", [](BuiltTokenizer* t) {
    t->view().reading.classes.blocks = t->view().reading.classes.blocks.subspan(0, 127);
  });
  CheckRefused(ByteLevel(), "classes: block_index [0]", [](BuiltTokenizer* t) { t->view().reading.classes = {}; });
  CheckRefused(ByteLevel(), "classes: block_index names block 65535",
               [](BuiltTokenizer* t) { t->compiled().reading.classes.block_index.back() = 65535; });
}

TEST_CASE("check segmentation: what Metaspace reads with is proved, classes and normalization") {
  nlohmann::json root = smx::testing::TinyUnigramJson();
  root["normalizer"] = {{"type", "Sequence"}, {"normalizers", {{{"type", "NFKD"}}, {{"type", "StripAccents"}}}}};
  const smx::tools::CompiledTokenizer metaspace = smx::testing::CompileJson(root);
  const BuiltTokenizer sound(metaspace);
  CHECK(smx::CheckTokenizer(sound.view(), sound.view().num_pieces(), smx::Log()) == Status::kOk);
  CheckRefused(metaspace, "classes: block_index [0]", [](BuiltTokenizer* t) { t->view().reading.classes = {}; });
  CheckRefused(metaspace, "tokenizer: block_index names block 65535",
               [](BuiltTokenizer* t) { t->compiled().block_index[5] = 65535; });
  CheckRefused(metaspace, "no sound sequence", [](BuiltTokenizer* t) { t->view().normalization.sequences = {}; });
  CheckRefused(metaspace, "of piece 1", [](BuiltTokenizer* t) { t->compiled().segmentation.double_scores[1] = 1e7; });
}

TEST_CASE("check segmentation: a class that is none counts as other") {
  smx::tools::CompiledTokenizer compiled = ByteLevel();
  std::fill(compiled.reading.classes.blocks.begin(), compiled.reading.classes.blocks.end(), uint8_t{255});
  const BuiltTokenizer tokenizer(compiled);
  CHECK(smx::CheckTokenizer(tokenizer.view(), tokenizer.view().num_pieces(), smx::Log()) == Status::kOk);
  CHECK(tokenizer.Pieces("it's 1") == "it 's \u01201");
}

TEST_CASE("check segmentation: a map that leads in a circle ends all the same") {
  smx::tools::CompiledTokenizer compiled = Unigram();
  // Every unit is reached by 'a' and leads back to itself and its neighbours.
  compiled.reading.charsmap.assign(256, 'a');
  compiled.reading.charsmap_texts = {0};
  compiled.reading.add_dummy_prefix = false;
  const BuiltTokenizer tokenizer(compiled);
  CHECK(smx::CheckTokenizer(tokenizer.view(), 3, smx::Log()) == Status::kOk);
  CHECK(tokenizer.Tokenize(std::string(100000, 'a'), {}, {}, 200000).ids.size() == 100000);
}
