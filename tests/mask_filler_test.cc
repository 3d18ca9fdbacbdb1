#include "smx/mask_filler.h"

#include <cmath>

#include <doctest/doctest.h>

#include "support/models.h"
#include "support/tiny_models.h"

using smx::Encoder;
using smx::FillResult;
using smx::MaskCandidate;
using smx::MaskFiller;
using smx::Options;
using smx::Result;
using smx::Status;
using smx::tests::MemoryModel;
using smx::tests::TinyMasked;
using smx::tools::ModelContent;
using smx::tools::WeightsType;
using smx::tools::WithArena;

namespace {

constexpr size_t kVocabulary = 12;

std::vector<MaskCandidate> Fill(MaskFiller* filler, const char* text, size_t top, size_t num_masks) {
  std::vector<MaskCandidate> candidates(num_masks * top);
  FillResult result = {};
  REQUIRE(filler->Fill(text, {}, {top, {}}, candidates, &result) == Status::kOk);
  CHECK(result.num_masks == num_masks);
  return candidates;
}

std::string LogOf(const smx::Model& model) {
  std::string text;
  Options options;
  options.log = {[](void* context, const char* message) { *static_cast<std::string*>(context) += message; }, &text};
  CHECK(MaskFiller::ArenaBytes(model, options).status() == Status::kUnsupported);
  return text;
}

}  // namespace

TEST_CASE("mask filler: the largest logits of the encoder at the masks, as probabilities") {
  for (const WeightsType type : {WeightsType::kF32, WeightsType::kInt8}) {
    const MemoryModel model(TinyMasked(), type);
    WithArena<MaskFiller> filler(*model, {}, "test");
    WithArena<Encoder> encoder(*model, {}, "test");
    const std::vector<int32_t> ids = {2, 6, 4, 9, 4, 3};  // [CLS] ab [MASK] c [MASK] [SEP]
    const uint32_t positions[] = {2, 4};
    std::vector<float> logits;
    smx::EncoderOutput output;
    output.tokens = {positions,
                     [](void* context, size_t, smx::Span<const float> seen) {
                       auto* all = static_cast<std::vector<float>*>(context);
                       all->insert(all->end(), seen.begin(), seen.end());
                     },
                     &logits};
    REQUIRE(encoder->Run(ids, {}, output) == Status::kOk);
    const std::vector<MaskCandidate> all = Fill(&*filler, "ab [MASK] c [MASK]", kVocabulary, 2);
    for (size_t m = 0; m < 2; ++m) {
      double sum = 0;
      for (size_t i = 0; i < kVocabulary; ++i) sum += std::exp(static_cast<double>(logits[m * kVocabulary + i]));
      for (size_t i = 0; i < kVocabulary; ++i) {
        const MaskCandidate& candidate = all[m * kVocabulary + i];
        const float logit = logits[m * kVocabulary + static_cast<size_t>(candidate.token_id)];
        CHECK(static_cast<double>(candidate.probability) ==
              doctest::Approx(std::exp(static_cast<double>(logit)) / sum).epsilon(1e-5));
        if (i > 0) CHECK(candidate.probability <= all[m * kVocabulary + i - 1].probability);
      }
    }
    for (const size_t top : {1, 3, 11}) {
      const std::vector<MaskCandidate> best = Fill(&*filler, "ab [MASK] c [MASK]", top, 2);
      for (size_t m = 0; m < 2; ++m) {
        for (size_t i = 0; i < top; ++i) {
          CHECK(best[m * top + i].token_id == all[m * kVocabulary + i].token_id);
          CHECK(best[m * top + i].probability == all[m * kVocabulary + i].probability);
        }
      }
    }
    Fill(&*filler, "ab c", 3, 0);
  }
}

TEST_CASE("mask filler: of tokens that are equally probable the lower ids are the best") {
  ModelContent content = TinyMasked();
  for (smx::tools::Parameter& parameter : content.checkpoint.parameters) {
    if (parameter.name == "encoder/embedder/word/embedding") parameter.values.assign(parameter.values.size(), 0.25f);
    if (parameter.name == "predictions_output/output_bias") parameter.values = {0, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1};
  }
  const MemoryModel model(content, WeightsType::kF32);
  WithArena<MaskFiller> filler(*model, {}, "test");
  const std::vector<MaskCandidate> best = Fill(&*filler, "[MASK]", 6, 1);
  const std::vector<int32_t> expected = {1, 3, 4, 11, 0, 2};
  for (size_t i = 0; i < 6; ++i) CHECK(best[i].token_id == expected[i]);
}

TEST_CASE("mask filler: the arena is exact; too many candidates, too little room and other models are refused") {
  const MemoryModel model(TinyMasked(), WeightsType::kInt8);
  const Result<size_t> bytes = MaskFiller::ArenaBytes(*model);
  REQUIRE(bytes.ok());
  std::vector<uint8_t> arena(bytes.value() + 1);
  CHECK(MaskFiller::Create(*model, {}, {arena.data() + 1, bytes.value() - 1}).status() == Status::kArenaTooSmall);
  Result<MaskFiller> filler = MaskFiller::Create(*model, {}, {arena.data() + 1, bytes.value()});
  REQUIRE(filler.ok());
  CHECK(filler->report().arena_bytes == bytes.value());
  std::vector<MaskCandidate> candidates(5);
  FillResult result = {};
  CHECK(filler->Fill("[MASK] [MASK]", {}, {2, {}}, candidates, &result) == Status::kOk);
  CHECK(filler->Fill("[MASK] [MASK]", {}, {3, {}}, candidates, &result) == Status::kInvalidArgument);
  CHECK(filler->Fill("[MASK]", {}, {0, {}}, candidates, &result) == Status::kInvalidArgument);
  candidates.resize(kVocabulary + 1);
  CHECK(filler->Fill("[MASK]", {}, {kVocabulary + 1, {}}, candidates, &result) == Status::kInvalidArgument);

  CHECK(LogOf(*MemoryModel(smx::tests::TinyLinear(), WeightsType::kF32)).find("classification") != std::string::npos);
  ModelContent content = TinyMasked();
  content.tokenizer->special_tokens.clear();
  CHECK(LogOf(*MemoryModel(content, WeightsType::kF32)).find("[MASK]") != std::string::npos);
  content.tokenizer.reset();
  CHECK(LogOf(*MemoryModel(content, WeightsType::kF32)).find("no tokenizer") != std::string::npos);
}

TEST_CASE("mask filler: logits that are no numbers are an invalid model") {
  ModelContent content = TinyMasked();
  for (smx::tools::Parameter& parameter : content.checkpoint.parameters) {
    if (parameter.name == "predictions_output/output_bias") parameter.values[5] = HUGE_VALF;
  }
  const MemoryModel model(content, WeightsType::kF32);
  WithArena<MaskFiller> filler(*model, {}, "test");
  std::vector<MaskCandidate> candidates(1);
  FillResult result = {};
  CHECK(filler->Fill("[MASK]", {}, {}, candidates, &result) == Status::kInvalidModel);
}
