// TokenLabeler: labels of tokens as the Encoder's logits say, wherever they come from, and what is refused.

#include <algorithm>
#include <cmath>
#include <cstring>

#include <doctest/doctest.h>

#include "smx/classifier.h"
#include "support/models.h"
#include "support/tiny_models.h"

using smx::Encoder;
using smx::Options;
using smx::Result;
using smx::Span;
using smx::Status;
using smx::TokenizeResult;
using smx::TokenLabel;
using smx::TokenLabeler;
using smx::tests::MemoryModel;
using smx::tests::TinyTokenLabels;
using smx::tools::ModelContent;
using smx::tools::WeightsType;
using smx::tools::WithArena;

namespace {

constexpr size_t kLongest = 8;  // tokens that the tiny models read

ModelContent WithPadding(smx::schema::Padding padding) {
  ModelContent content = TinyTokenLabels();
  content.config.padding = padding;
  return content;
}

constexpr smx::schema::Padding kPaddings[] = {smx::schema::Padding_MASKED, smx::schema::Padding_REFERENCE};

std::vector<TokenLabel> LabelsOf(TokenLabeler* labeler, const char* text, const char* pair = nullptr) {
  std::vector<TokenLabel> labels(kLongest);
  TokenizeResult tokens = {};
  const std::string_view second = pair == nullptr ? std::string_view() : std::string_view(pair);
  REQUIRE(labeler->Label(text, second, {}, labels, &tokens) == Status::kOk);
  labels.resize(tokens.num_tokens);
  return labels;
}

bool IsSame(const TokenLabel& a, const TokenLabel& b) {
  return a.token_id == b.token_id && a.offset.begin == b.offset.begin && a.offset.end == b.offset.end &&
         a.of_pair == b.of_pair && a.label == b.label && a.class_index == b.class_index &&
         std::memcmp(&a.probability, &b.probability, sizeof(float)) == 0;
}

bool AreSame(const std::vector<TokenLabel>& a, const std::vector<TokenLabel>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), IsSame);
}

std::string LogOf(const smx::Model& model) {
  std::string text;
  Options options;
  options.log = {[](void* context, const char* message) { *static_cast<std::string*>(context) += message; }, &text};
  CHECK(TokenLabeler::ArenaBytes(model, options).status() == Status::kUnsupported);
  return text;
}

/// Logits of the first `num_tokens` rows, one after the other.
std::vector<float> LogitsOf(const smx::Model& model, const std::vector<int32_t>& ids, size_t num_tokens) {
  WithArena<Encoder> encoder(model, {}, "test");
  std::vector<uint32_t> positions;
  for (size_t i = 0; i < num_tokens; ++i) positions.push_back(static_cast<uint32_t>(i));
  std::vector<float> logits;
  smx::EncoderOutput output;
  output.tokens = {positions,
                   [](void* context, size_t, Span<const float> seen) {
                     auto* all = static_cast<std::vector<float>*>(context);
                     all->insert(all->end(), seen.begin(), seen.end());
                   },
                   &logits};
  REQUIRE(encoder->Run(ids, {}, output) == Status::kOk);
  return logits;
}

}  // namespace

TEST_CASE("token labeler: the largest logit of every row, and softmax over the temperature, for both paddings") {
  for (const smx::schema::Padding padding : kPaddings) {
    for (const WeightsType type : {WeightsType::kF32, WeightsType::kInt8}) {
      const MemoryModel model(WithPadding(padding), type);
      CHECK(model->info().temperature == 1.5);
      WithArena<TokenLabeler> labeler(*model, {}, "test");
      std::vector<int32_t> ids = {2, 6, 8, 9, 10, 3};  // [CLS] ab ##b c ! [SEP]
      const std::vector<TokenLabel> labels = LabelsOf(&*labeler, "abb c!");
      REQUIRE(labels.size() == ids.size());
      if (padding == smx::schema::Padding_REFERENCE) ids.resize(kLongest, 0);
      const std::vector<float> logits = LogitsOf(*model, ids, labels.size());
      REQUIRE(logits.size() == 3 * labels.size());
      for (size_t i = 0; i < labels.size(); ++i) {
        const float* row = logits.data() + 3 * i;
        const size_t best = static_cast<size_t>(std::max_element(row, row + 3) - row);
        double sum = 0;
        for (size_t k = 0; k < 3; ++k) sum += std::exp(static_cast<double>(row[k] - row[best]) / 1.5);
        CHECK(labels[i].token_id == ids[i]);
        CHECK(labels[i].class_index == best);
        CHECK(std::string(labels[i].label) == model->label(best));
        CHECK(static_cast<double>(labels[i].probability) == doctest::Approx(1 / sum).epsilon(1e-6));
      }
    }
  }
}

TEST_CASE("token labeler: what tokens cover, of one text and of two; special tokens cover nothing") {
  const MemoryModel model(TinyTokenLabels(), WeightsType::kInt8);
  WithArena<TokenLabeler> labeler(*model, {}, "test");
  struct Token {
    int32_t id;
    uint32_t begin, end;
    bool of_pair;
  };
  const auto check = [&](const std::vector<TokenLabel>& labels, const std::vector<Token>& expected) {
    REQUIRE(labels.size() == expected.size());
    for (size_t i = 0; i < labels.size(); ++i) {
      CAPTURE(i);
      CHECK(labels[i].token_id == expected[i].id);
      CHECK(labels[i].offset.begin == expected[i].begin);
      CHECK(labels[i].offset.end == expected[i].end);
      CHECK(labels[i].of_pair == expected[i].of_pair);
    }
  };
  check(LabelsOf(&*labeler, " abb !"),
        {{2, 0, 0, false}, {6, 1, 3, false}, {8, 3, 4, false}, {10, 5, 6, false}, {3, 0, 0, false}});
  check(LabelsOf(&*labeler, "c", "ab c"),
        {{2, 0, 0, false}, {9, 0, 1, false}, {3, 0, 0, false}, {6, 0, 2, true}, {9, 3, 4, true}, {3, 0, 0, true}});
  // Cut to eight: of the longer text the last tokens first.
  check(LabelsOf(&*labeler, "c c c c", "ab c"), {{2, 0, 0, false},
                                                 {9, 0, 1, false},
                                                 {9, 2, 3, false},
                                                 {9, 4, 5, false},
                                                 {3, 0, 0, false},
                                                 {6, 0, 2, true},
                                                 {9, 3, 4, true},
                                                 {3, 0, 0, true}});
  check(LabelsOf(&*labeler, ""), {{2, 0, 0, false}, {3, 0, 0, false}});
  check(LabelsOf(&*labeler, "", ""), {{2, 0, 0, false}, {3, 0, 0, false}, {3, 0, 0, true}});
}

TEST_CASE("token labeler: a text that is too long is cut, and says so") {
  const MemoryModel model(TinyTokenLabels(), WeightsType::kInt8);
  WithArena<TokenLabeler> labeler(*model, {}, "test");
  std::vector<TokenLabel> labels(kLongest);
  TokenizeResult tokens = {};
  REQUIRE(labeler->Label("c c c c c c c c c", {}, {}, labels, &tokens) == Status::kOk);
  CHECK(tokens.truncated());
  CHECK(tokens.num_tokens == kLongest);
  CHECK(tokens.num_tokens_whole == 11);
  CHECK(AreSame(labels, LabelsOf(&*labeler, "c c c c c c")));
}

TEST_CASE("token labeler: the same bits with two threads, after other texts, and when every row is computed") {
  for (const smx::schema::Padding padding : kPaddings) {
    for (const WeightsType type : {WeightsType::kF32, WeightsType::kInt8}) {
      const MemoryModel model(WithPadding(padding), type);
      const char* const texts[] = {"ab c!", "", "abb abb c abb", "c", "[PAD] ab [PAD]"};
      Options two_threads, every_row;
      two_threads.num_threads = 2;
      every_row.skip_dead_rows = false;
      WithArena<TokenLabeler> reused(*model, two_threads, "test");
      WithArena<TokenLabeler> dense(*model, every_row, "test");
      for (const size_t i : {0, 3, 1, 2, 2, 4, 0}) {
        CAPTURE(std::string(texts[i]));
        WithArena<TokenLabeler> fresh(*model, {}, "test");
        const std::vector<TokenLabel> alone = LabelsOf(&*fresh, texts[i]);
        CHECK(AreSame(LabelsOf(&*reused, texts[i]), alone));
        CHECK(AreSame(LabelsOf(&*dense, texts[i]), alone));
        if (padding != smx::schema::Padding_REFERENCE || alone.size() == kLongest) continue;
        // Pads have no labels, so nobody computes their rows in the last block.
        CHECK(fresh->report().macs < fresh->report().macs_dense);
      }
    }
  }
}

TEST_CASE("token labeler: the arena is exact; too little room and other models are refused") {
  const MemoryModel model(TinyTokenLabels(), WeightsType::kInt8);
  const Result<size_t> bytes = TokenLabeler::ArenaBytes(*model);
  REQUIRE(bytes.ok());
  std::vector<uint8_t> arena(bytes.value() + 1);
  CHECK(TokenLabeler::Create(*model, {}, {arena.data() + 1, bytes.value() - 1}).status() == Status::kArenaTooSmall);
  Result<TokenLabeler> labeler = TokenLabeler::Create(*model, {}, {arena.data() + 1, bytes.value()});
  REQUIRE(labeler.ok());
  CHECK(labeler->report().arena_bytes == bytes.value());
  std::vector<TokenLabel> labels(4);
  TokenizeResult tokens = {};
  CHECK(labeler->Label("ab c", {}, {}, labels, &tokens) == Status::kOk);
  CHECK(labeler->Label("ab c !", {}, {}, labels, &tokens) == Status::kInvalidArgument);

  Options shorter;
  shorter.max_tokens = 4;
  CHECK(TokenLabeler::ArenaBytes(*model, shorter).value() < bytes.value());
  WithArena<TokenLabeler> short_labeler(*model, shorter, "test");
  CHECK(LabelsOf(&*short_labeler, "ab c !").size() == 4);

  CHECK(LogOf(*MemoryModel(smx::tests::TinyLinear(), WeightsType::kF32)).find("classification") != std::string::npos);
  ModelContent content = TinyTokenLabels();
  content.tokenizer.reset();
  CHECK(LogOf(*MemoryModel(content, WeightsType::kF32)).find("no tokenizer") != std::string::npos);
  content = TinyTokenLabels();
  content.config.padding = smx::schema::Padding_REFERENCE;
  content.config.routing_group = smx::schema::RoutingGroup_BATCH;
  CHECK(LogOf(*MemoryModel(content, WeightsType::kF32)).find("neighbours") != std::string::npos);
}

TEST_CASE(
    "token labeler: logits that are no numbers are an invalid model; of equal ones the first class is the label") {
  ModelContent content = TinyTokenLabels();
  for (smx::tools::Parameter& parameter : content.checkpoint.parameters) {
    if (parameter.name == "token_labels/output_kernel") parameter.values.assign(parameter.values.size(), 0.0f);
    if (parameter.name == "token_labels/output_bias") parameter.values = {0, 2, 2};
  }
  {
    const MemoryModel model(content, WeightsType::kF32);
    WithArena<TokenLabeler> labeler(*model, {}, "test");
    CHECK(LabelsOf(&*labeler, "ab")[1].class_index == 1);
  }
  content.checkpoint.parameters.back().values[2] = HUGE_VALF;
  const MemoryModel model(content, WeightsType::kF32);
  WithArena<TokenLabeler> labeler(*model, {}, "test");
  std::vector<TokenLabel> labels(kLongest);
  TokenizeResult tokens = {};
  CHECK(labeler->Label("ab", {}, {}, labels, &tokens) == Status::kInvalidModel);
}
