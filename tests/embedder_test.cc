#include "smx/embedder.h"

#include <cmath>

#include <doctest/doctest.h>

#include "support/models.h"
#include "support/tiny_models.h"

using smx::Embedder;
using smx::Encoder;
using smx::Options;
using smx::Pooling;
using smx::Result;
using smx::Span;
using smx::Status;
using smx::TokenizeResult;
using smx::tests::MemoryModel;
using smx::tools::ModelContent;
using smx::tools::WeightsType;
using smx::tools::WithArena;

namespace {

/// The tiny model with a tokenizer, without the head and pooler that it has.
ModelContent WithoutHead() {
  ModelContent content = smx::tests::TinyLinear();
  content.config.task = smx::schema::TaskKind_EMBEDDING;
  content.config.num_classes = 0;
  content.config.labels.clear();
  content.config.temperature = 1;
  content.config.has_pooler = false;
  auto& parameters = content.checkpoint.parameters;
  const uint32_t head = parameters.back().segment;
  while (parameters.back().segment == head) parameters.pop_back();
  content.checkpoint.num_segments = content.checkpoint.first_expert_segment = head;
  return content;
}

std::vector<float> Embed(Embedder* embedder, size_t width, const char* text, Pooling pooling, bool normalize) {
  std::vector<float> vector(width);
  TokenizeResult tokens;
  REQUIRE(embedder->Embed(text, {}, {pooling, normalize, {}}, vector, &tokens) == Status::kOk);
  return vector;
}

std::string LogOf(const smx::Model& model, const Options& options) {
  std::string text;
  Options with_log = options;
  with_log.log = {[](void* context, const char* message) { *static_cast<std::string*>(context) += message; }, &text};
  CHECK(Embedder::ArenaBytes(model, with_log).status() == Status::kUnsupported);
  return text;
}

}  // namespace

TEST_CASE("embedder: vectors are those of the encoder's rows, with or without a head on top") {
  const MemoryModel with_head(smx::tests::TinyLinear(), WeightsType::kF32);
  const MemoryModel without_head(WithoutHead(), WeightsType::kF32);
  CHECK(without_head->info().num_classes == 0);
  CHECK(!without_head->info().has_pooler);
  const size_t d = with_head->info().d_model;
  WithArena<Embedder> first(*with_head, {}, "test");
  WithArena<Embedder> second(*without_head, {}, "test");
  // [CLS] ab c ! [SEP]
  const std::vector<int32_t> ids = {2, 6, 9, 10, 3};
  std::vector<float> hidden(ids.size() * d);
  WithArena<Encoder> encoder(*without_head, {}, "test");
  REQUIRE(encoder->Run(ids, {}, {hidden, {}, {}}) == Status::kOk);
  for (Embedder* embedder : {&*first, &*second}) {
    const std::vector<float> mean = Embed(embedder, d, "ab c!", Pooling::kMean, false);
    const std::vector<float> cls = Embed(embedder, d, "ab c!", Pooling::kCls, false);
    const std::vector<float> unit = Embed(embedder, d, "ab c!", Pooling::kMean, true);
    double squares = 0;
    for (const float value : mean) squares += static_cast<double>(value) * static_cast<double>(value);
    for (size_t c = 0; c < d; ++c) {
      float sum = 0;
      for (size_t r = 0; r < ids.size(); ++r) sum += hidden[r * d + c];
      CHECK(mean[c] == sum / static_cast<float>(ids.size()));
      CHECK(cls[c] == hidden[c]);
      CHECK(static_cast<double>(unit[c]) ==
            doctest::Approx(static_cast<double>(mean[c]) / std::sqrt(squares)).epsilon(1e-6));
    }
  }
}

TEST_CASE("embedder: what nobody reads is not computed: for the row of [CLS] one row of the last block") {
  const MemoryModel model(WithoutHead(), WeightsType::kF32);
  WithArena<Embedder> embedder(*model, {}, "test");
  const size_t d = model->info().d_model;
  Embed(&*embedder, d, "ab c!", Pooling::kCls, false);
  const uint64_t of_one_row = embedder->report().macs;
  Embed(&*embedder, d, "ab c!", Pooling::kMean, false);
  CHECK(of_one_row < embedder->report().macs);
  CHECK(embedder->report().macs_dense == embedder->report().macs);
}

TEST_CASE("embedder: the arena is exact, a vector of another length and models without text are refused") {
  const MemoryModel model(WithoutHead(), WeightsType::kInt8);
  const Result<size_t> bytes = Embedder::ArenaBytes(*model);
  REQUIRE(bytes.ok());
  std::vector<uint8_t> arena(bytes.value() + 1);
  CHECK(Embedder::Create(*model, {}, {arena.data() + 1, bytes.value() - 1}).status() == Status::kArenaTooSmall);
  Result<Embedder> embedder = Embedder::Create(*model, {}, {arena.data() + 1, bytes.value()});
  REQUIRE(embedder.ok());
  CHECK(embedder->report().arena_bytes == bytes.value());
  std::vector<float> vector(model->info().d_model + 1, 7.0f);
  TokenizeResult tokens;
  CHECK(embedder->Embed("ab", {}, {}, vector, &tokens) == Status::kInvalidArgument);
  CHECK(vector == std::vector<float>(vector.size(), 7.0f));

  ModelContent content = WithoutHead();
  content.tokenizer.reset();
  CHECK(LogOf(*MemoryModel(content, WeightsType::kF32), {}).find("tokenizer") != std::string::npos);
  content = smx::tests::TinyExperts();
  content.tokenizer = smx::tests::TinyTokenizer();
  content.config.routing_group = smx::schema::RoutingGroup_BATCH;
  CHECK(LogOf(*MemoryModel(content, WeightsType::kF32), {}).find("neighbours") != std::string::npos);
}

TEST_CASE("encoder: the mean leaves pads out, and is 0 of a text of nothing but pads") {
  const MemoryModel model(smx::tests::TinyExperts(), WeightsType::kF32);  // reference padding
  WithArena<Encoder> encoder(*model, {}, "test");
  const size_t d = model->info().d_model;
  std::vector<float> hidden(8 * d), mean(d), cls(d);
  for (const std::vector<int32_t>& ids : {std::vector<int32_t>{2, 5, 0, 9, 3, 0, 0, 0}, std::vector<int32_t>(8, 0)}) {
    REQUIRE(encoder->Run(ids, {}, {hidden, {}, {}, cls, mean}) == Status::kOk);
    for (size_t c = 0; c < d; ++c) {
      float sum = 0;
      float count = 0;
      for (size_t r = 0; r < ids.size(); ++r) {
        if (ids[r] == 0) continue;
        sum += hidden[r * d + c];
        ++count;
      }
      CHECK(mean[c] == (count == 0 ? 0.0f : sum / count));
      CHECK(cls[c] == hidden[c]);
    }
  }
}

TEST_CASE("encoder: outputs that the model has not, and such of another length, are refused and named") {
  std::string log;
  Options options;
  options.log = {[](void* context, const char* message) { *static_cast<std::string*>(context) = message; }, &log};
  const MemoryModel model(WithoutHead(), WeightsType::kF32);
  WithArena<Encoder> encoder(*model, {}, "test");
  std::vector<uint8_t> arena(Encoder::ArenaBytes(*model).value());
  Result<Encoder> created = Encoder::Create(*model, options, arena);
  REQUIRE(created.ok());
  const std::vector<int32_t> ids = {2, 3};
  std::vector<float> values(model->info().d_model);
  const auto refused = [&](const smx::EncoderOutput& output, const char* name) {
    CHECK(created->Run(ids, {}, output) == Status::kInvalidArgument);
    CHECK(log.find(name) != std::string::npos);
  };
  refused({{}, values, {}}, "pooled");
  refused({{}, {}, values}, "logits");
  refused({values, {}, {}}, "hidden");
  const Span<float> half = {values.data(), values.size() / 2};
  refused({{}, {}, {}, half, {}}, "cls");
  refused({{}, {}, {}, {}, half}, "mean");
}
