// Texts longer than the model reads, in windows: what Classifier and Embedder give is what the Encoder's answers for
// windows that the test cuts itself pool to.

#include <algorithm>
#include <cmath>

#include <doctest/doctest.h>

#include "smx/embedder.h"
#include "support/count.h"
#include "support/models.h"
#include "support/tiny_models.h"

using smx::Classifier;
using smx::Embedder;
using smx::Encoder;
using smx::EncoderOutput;
using smx::Model;
using smx::Options;
using smx::Pooling;
using smx::Prediction;
using smx::Status;
using smx::TextOptions;
using smx::TokenizeOptions;
using smx::TokenizeResult;
using smx::WindowPooling;
using smx::tests::LongText;
using smx::tests::MemoryModel;
using smx::tools::ModelContent;
using smx::tools::WeightsType;
using smx::tools::WithArena;

namespace {

/// Eight tokens a window, [CLS] and [SEP] among them.
ModelContent TinyContent(smx::schema::Padding padding) {
  ModelContent content = smx::tests::TinyLinear();
  content.config.padding = padding;
  return content;
}

/// `count` tokens: words of one piece, of two, and such that begin with a piece and are unknown in the end.
std::string TextOf(size_t count) {
  const std::pair<const char*, size_t> words[] = {{"ab", 1}, {"c", 1}, {"aa", 2}, {"abd", 1}, {"!", 1}, {"ababa", 4}};
  std::string text;
  for (size_t i = 0, tokens = 0; tokens < count; ++i) {
    const auto& [word, size] = words[i % 6];
    text += tokens + size <= count ? std::string(word) + " " : "a ";
    tokens += tokens + size <= count ? size : 1;
  }
  return text;
}

/// Of the text alone, without special tokens.
std::vector<int32_t> IdsOf(const Model& model, const std::string& text, bool parse_special = true) {
  auto tokenizer = smx::Tokenizer::Create(model);
  REQUIRE(tokenizer.ok());
  std::vector<int32_t> ids(text.size() + 2);
  TokenizeResult result = {};
  REQUIRE(tokenizer->Tokenize(text, {}, TokenizeOptions{false, parse_special}, {ids, {}, {}}, &result) == Status::kOk);
  CHECK(result.num_windows == 1);
  ids.resize(result.num_tokens);
  return ids;
}

/// What one window of `ids` gives.
std::vector<float> RunWindow(Encoder* encoder, const Model& model, std::vector<int32_t> ids,
                             smx::Span<float> EncoderOutput::*wanted) {
  ids.insert(ids.begin(), 2);  // [CLS]
  ids.push_back(3);            // [SEP]
  if (!model.info().masked_padding) ids.resize(model.info().max_seq_len, model.info().pad_id);
  std::vector<float> values(wanted == &EncoderOutput::logits ? model.info().num_classes : model.info().d_model);
  EncoderOutput output;
  output.*wanted = values;
  REQUIRE(encoder->Run(ids, {}, output) == Status::kOk);
  return values;
}

struct Pooled {
  std::vector<float> values;
  size_t num_windows = 0;
};

Pooled PoolByHand(const Model& model, const std::vector<int32_t>& ids, const smx::WindowOptions& windows,
                  smx::Span<float> EncoderOutput::*wanted) {
  WithArena<Encoder> encoder(model, {}, "test");
  const size_t room = model.info().max_seq_len - 2;
  Pooled pooled;
  for (size_t begin = 0;; begin += room - windows.overlap) {
    const size_t end = std::min(begin + room, ids.size());
    const std::vector<int32_t> window(ids.begin() + static_cast<std::ptrdiff_t>(begin),
                                      ids.begin() + static_cast<std::ptrdiff_t>(end));
    const std::vector<float> values = RunWindow(&*encoder, model, window, wanted);
    if (pooled.num_windows++ == 0) {
      pooled.values = values;
    } else {
      for (size_t i = 0; i < values.size(); ++i) {
        float& sum = pooled.values[i];
        sum = windows.pooling == WindowPooling::kMax ? std::max(sum, values[i]) : sum + values[i];
      }
    }
    if (end == ids.size()) break;
  }
  if (windows.pooling == WindowPooling::kMax) return pooled;
  for (float& value : pooled.values) value /= static_cast<float>(pooled.num_windows);
  return pooled;
}

/// softmax(logits / temperature)
std::vector<double> Softmax(const std::vector<float>& logits, double temperature) {
  std::vector<double> values;
  double sum = 0;
  for (const float logit : logits) {
    values.push_back(std::exp(static_cast<double>(logit) / temperature));
    sum += values.back();
  }
  for (double& value : values) value /= sum;
  return values;
}

void CheckClassifier(const Model& model, const std::string& text, const smx::WindowOptions& windows) {
  const std::vector<int32_t> ids = IdsOf(model, text);
  const Pooled expected = PoolByHand(model, ids, windows, &EncoderOutput::logits);
  WithArena<Classifier> classifier(model, {}, "test");
  std::vector<float> probabilities(model.info().num_classes);
  Prediction prediction = {};
  REQUIRE(classifier->Classify(text, {}, {{}, windows}, probabilities, &prediction) == Status::kOk);
  CHECK(prediction.num_windows == expected.num_windows);
  CHECK(prediction.num_tokens == ids.size() + 2);
  CHECK(prediction.num_tokens_whole == prediction.num_tokens);
  CHECK(!prediction.truncated);
  const std::vector<double> by_hand = Softmax(expected.values, model.info().temperature);
  for (size_t i = 0; i < by_hand.size(); ++i) {
    CHECK(static_cast<double>(probabilities[i]) == doctest::Approx(by_hand[i]).epsilon(1e-5));
  }
  const auto best = std::max_element(expected.values.begin(), expected.values.end());
  CHECK(prediction.class_index == static_cast<size_t>(best - expected.values.begin()));
}

void CheckEmbedder(const Model& model, const std::string& text, const smx::WindowOptions& windows, Pooling rows) {
  const auto wanted = rows == Pooling::kMean ? &EncoderOutput::mean : &EncoderOutput::cls;
  const Pooled expected = PoolByHand(model, IdsOf(model, text), windows, wanted);
  WithArena<Embedder> embedder(model, {}, "test");
  std::vector<float> vector(model.info().d_model);
  TokenizeResult tokens = {};
  REQUIRE(embedder->Embed(text, {}, {rows, false, {{}, windows}}, vector, &tokens) == Status::kOk);
  CHECK(vector == expected.values);
  CHECK(tokens.num_windows == expected.num_windows);
}

std::string Refused(const Model& model, const char* text_pair, size_t overlap) {
  std::string log;
  Options options;
  options.log = {[](void* context, const char* message) { *static_cast<std::string*>(context) += message; }, &log};
  std::vector<uint8_t> arena(Classifier::ArenaBytes(model).value());
  auto classifier = Classifier::Create(model, options, arena);
  REQUIRE(classifier.ok());
  Prediction prediction = {};
  const std::string_view pair = text_pair == nullptr ? std::string_view() : text_pair;
  CHECK(classifier->Classify("ab", pair, {{}, {true, overlap}}, {}, &prediction) == Status::kInvalidArgument);
  return log;
}

}  // namespace

TEST_CASE("windows: the encoder's answers for windows cut by hand, pooled, for every length and overlap") {
  for (const smx::schema::Padding padding : {smx::schema::Padding_MASKED, smx::schema::Padding_REFERENCE}) {
    const MemoryModel model(TinyContent(padding), WeightsType::kInt8);
    for (const size_t overlap : {0, 1, 3, 5}) {
      for (const size_t count : {0, 1, 5, 6, 7, 8, 11, 12, 13, 18, 19, 40}) {
        CAPTURE(overlap);
        CAPTURE(count);
        REQUIRE(IdsOf(*model, TextOf(count)).size() == count);
        for (const WindowPooling pooling : {WindowPooling::kMean, WindowPooling::kMax}) {
          CheckClassifier(*model, TextOf(count), {true, overlap, pooling});
          CheckEmbedder(*model, TextOf(count), {true, overlap, pooling}, Pooling::kMean);
          CheckEmbedder(*model, TextOf(count), {true, overlap, pooling}, Pooling::kCls);
        }
      }
    }
  }
}

TEST_CASE("windows: a text of one window has the bits that it has without them") {
  const MemoryModel model(TinyContent(smx::schema::Padding_MASKED), WeightsType::kF32);
  WithArena<Classifier> classifier(*model, {}, "test");
  for (const size_t count : {0, 3, 6}) {
    std::vector<float> without(3), with(3);
    Prediction prediction = {};
    REQUIRE(classifier->Classify(TextOf(count), {}, {}, without, &prediction) == Status::kOk);
    CHECK(prediction.num_windows == 1);
    REQUIRE(classifier->Classify(TextOf(count), {}, {{}, {true, 2}}, with, &prediction) == Status::kOk);
    CHECK(prediction.num_windows == 1);
    CHECK(with == without);
  }
}

TEST_CASE("windows: a text is what it is without them: special tokens typed in it are such, or text") {
  const MemoryModel model(TinyContent(smx::schema::Padding_MASKED), WeightsType::kF32);
  const std::string text = "ab [MASK] c ab [MASK] c ab c [MASK]";
  WithArena<Classifier> classifier(*model, {}, "test");
  for (const bool parse : {true, false}) {
    Prediction prediction = {};
    TextOptions options = {{true, parse}, {true, 1}};
    REQUIRE(classifier->Classify(text, {}, options, {}, &prediction) == Status::kOk);
    CHECK(prediction.num_tokens == IdsOf(*model, text, parse).size() + 2);
    options.tokenize.add_special_tokens = false;
    REQUIRE(classifier->Classify(text, {}, options, {}, &prediction) == Status::kOk);
    CHECK(prediction.num_tokens == IdsOf(*model, text, parse).size());
    CHECK(prediction.num_windows == (prediction.num_tokens - 1 + 6) / 7);
  }
}

TEST_CASE("windows: a million words take one pass") {
  const MemoryModel model(TinyContent(smx::schema::Padding_MASKED), WeightsType::kInt8);
  std::string text;
  const size_t windows = LongText(1'000'000) / 6;
  for (size_t i = 0; i < windows * 6; ++i) text += "a ";
  WithArena<Classifier> classifier(*model, {}, "test");
  Prediction prediction = {};
  REQUIRE(classifier->Classify(text, {}, {{}, {true, 0}}, {}, &prediction) == Status::kOk);
  CHECK(prediction.num_windows == windows);
}

TEST_CASE("windows: of pairs, and with an overlap that leaves nothing new, are refused") {
  const MemoryModel model(TinyContent(smx::schema::Padding_MASKED), WeightsType::kInt8);
  CHECK(Refused(*model, "c", 0).find("pair") != std::string::npos);
  CHECK(Refused(*model, nullptr, 6).find("overlap of 6 tokens, must be below the 6") != std::string::npos);
  CHECK(Refused(*model, nullptr, SIZE_MAX).find("overlap") != std::string::npos);
}

TEST_CASE("windows: what breaks in one of them ends the text with its status") {
  ModelContent content = TinyContent(smx::schema::Padding_MASKED);
  for (smx::tools::Parameter& parameter : content.checkpoint.parameters) {
    if (parameter.name == "classification/output_bias") parameter.values[1] = HUGE_VALF;
  }
  const MemoryModel model(content, WeightsType::kF32);
  WithArena<Classifier> classifier(*model, {}, "test");
  Prediction prediction = {};
  CHECK(classifier->Classify(TextOf(40), {}, {{}, {true, 2}}, {}, &prediction) == Status::kInvalidModel);
}
