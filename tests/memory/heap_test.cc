// Heap calls of the whole process, libraries included, while models run.

#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "smx/embedder.h"
#include "smx/mask_filler.h"
#include "support/heap.h"
#include "support/input_scales.h"
#include "support/models.h"
#include "support/process.h"
#include "support/tiny_models.h"

using smx::Classifier;
using smx::Embedder;
using smx::Encoder;
using smx::Options;
using smx::Pooling;
using smx::Prediction;
using smx::Status;
using smx::TokenizeResult;
using smx::tests::MemoryModel;
using smx::tools::ModelContent;
using smx::tools::WeightsType;
using smx::tools::WithArena;

namespace {

size_t HeapCallsOf(const std::function<void()>& function) { return smx::tests::WatchHeap(function).calls; }

std::string TextOfWords(size_t words) {
  std::string text;
  for (size_t i = 0; i < words; ++i) text += i % 3 == 0 ? "card " : i % 3 == 1 ? "Überweisung " : "payments, ";
  return text;
}

}  // namespace

TEST_CASE("heap: the counter sees the calls of this program and of the libraries") {
  void* volatile block = nullptr;
  CHECK(HeapCallsOf([&] {
          block = std::malloc(10);
          std::free(block);
        }) == 2);
  CHECK(HeapCallsOf([] { delete new std::string(100, 'x'); }) >= 4);
  const ModelContent content = smx::tests::ReadModelFolder(smx::tests::GoldenFolder("linear"), "params.safetensors");
  const MemoryModel model(content, WeightsType::kInt8);
  CHECK(HeapCallsOf([&] { WithArena<Encoder> encoder(*model, {}, "test"); }) > 10);
  // As many blocks come back as were given: no kind of allocation went unseen, such as a library's posix_memalign.
  CHECK(smx::tests::WatchHeap([&] { WithArena<Encoder> encoder(*model, {}, "test"); }).blocks_left == 0);
}

TEST_CASE("heap: classifying and embedding texts of changing length calls it never, with one thread and with two") {
  const ModelContent content = smx::tests::ReadModelFolder(smx::tests::ShippedFolder(), "model.safetensors");
  for (const WeightsType type : {WeightsType::kInt8, WeightsType::kF32}) {
    const MemoryModel model(content, type);
    for (const size_t threads : {1, 2}) {
      Options options;
      options.num_threads = threads;
      WithArena<Classifier> classifier(*model, options, "test");
      WithArena<Embedder> embedder(*model, options, "test");
      std::vector<float> vector(model->info().d_model);
      std::vector<std::string> texts;
      for (const size_t words : {0, 1, 40, 3, 17, 2, 100, 9}) texts.push_back(TextOfWords(words));
      Status worst = Status::kOk;
      const size_t calls = HeapCallsOf([&] {
        for (const std::string& text : texts) {
          Prediction prediction;
          const Status status = classifier->Classify(text, &prediction);
          if (status != Status::kOk) worst = status;
          const Status in_windows = classifier->Classify(text, {}, {{}, {true, 5}}, {}, &prediction);
          if (in_windows != Status::kOk) worst = in_windows;
          for (const Pooling pooling : {Pooling::kMean, Pooling::kCls}) {
            TokenizeResult tokens;
            const Status embedded = embedder->Embed(text, {}, {pooling, true, {}}, vector, &tokens);
            if (embedded != Status::kOk) worst = embedded;
          }
        }
      });
      CHECK(worst == Status::kOk);
      CHECK(calls == 0);
    }
  }
}

TEST_CASE("heap: filling masks calls it never") {
  for (const WeightsType type : {WeightsType::kInt8, WeightsType::kF32}) {
    const MemoryModel model(smx::tests::TinyMasked(), type);
    WithArena<smx::MaskFiller> filler(*model, {}, "test");
    std::vector<smx::MaskCandidate> candidates(12);
    Status worst = Status::kOk;
    const size_t calls = HeapCallsOf([&] {
      for (const char* text : {"[MASK]", "ab [MASK] c [MASK]", "c", ""}) {
        smx::FillResult result;
        const Status status = filler->Fill(text, {}, {3, {}}, candidates, &result);
        if (status != Status::kOk) worst = status;
      }
    });
    CHECK(worst == Status::kOk);
    CHECK(calls == 0);
  }
}

TEST_CASE("heap: labelling tokens calls it never") {
  for (const WeightsType type : {WeightsType::kInt8, WeightsType::kF32}) {
    const MemoryModel model(smx::tests::TinyTokenLabels(), type);
    WithArena<smx::TokenLabeler> labeler(*model, {}, "test");
    std::vector<smx::TokenLabel> labels(model->info().max_seq_len);
    Status worst = Status::kOk;
    const size_t calls = HeapCallsOf([&] {
      for (const char* text : {"ab", "ab c ab! ab c ab!", "c", ""}) {
        TokenizeResult tokens;
        const Status status = labeler->Label(text, {}, {}, labels, &tokens);
        if (status != Status::kOk) worst = status;
      }
    });
    CHECK(worst == Status::kOk);
    CHECK(calls == 0);
  }
}

namespace {

void CheckNoHeap(const MemoryModel& model, const smx::Options& options, bool any_length) {
  const size_t max_tokens = model->info().max_seq_len;
  WithArena<Encoder> encoder(*model, options, "test");
  const std::vector<int32_t> ids(max_tokens, 5);
  std::vector<float> logits(model->info().num_classes);
  Status worst = Status::kOk;
  const size_t calls = HeapCallsOf([&] {
    for (size_t n = any_length ? 1 : max_tokens; n <= max_tokens; ++n) {
      const Status status = encoder->Run({ids.data(), n}, {}, {{}, {}, {logits.data(), logits.size()}});
      if (status != Status::kOk) worst = status;
    }
  });
  CHECK(worst == Status::kOk);
  CHECK(encoder->report().macs > 0);
  CHECK(calls == 0);
}

}  // namespace

#if SMX_WITH_XNNPACK
TEST_CASE("heap: experts that are released and read again call it never") {
  const smx::tests::TemporaryFolder folder;
  const std::string path = folder.Path("weights.cache");
  smx::LoadOptions options;
  options.weights_cache_path = path.c_str();
  options.experts_budget_bytes = 10000;
  for (const char* start : {"first", "second"}) {
    CAPTURE(start);
    CheckNoHeap(MemoryModel(smx::tests::TinyExperts(), WeightsType::kInt8, options), {}, false);
  }
}
#endif

TEST_CASE(
    "heap: encoding calls it never, for every golden model, every length that it takes, and every way of mixing") {
  for (const std::string& name : smx::tests::GoldenCases()) {
    CAPTURE(name);
    ModelContent content = smx::tests::ReadModelFolder(smx::tests::GoldenFolder(name), "params.safetensors");
    smx::tests::AddAllInputScales([](size_t) { return 0.9f; }, &content);
    const bool any_length = name.rfind("bert", 0) == 0 || name.find("f_net") != std::string::npos ||
                            name.find("h_net") != std::string::npos;
    for (const WeightsType type : {WeightsType::kInt8, WeightsType::kF32}) {
      const MemoryModel model(content, type);
      smx::Options options;
      CheckNoHeap(model, options, any_length);
      options.mixing_way = SMX_WITH_KISSFFT ? smx::MixingWay::kFft : smx::MixingWay::kProduct;
      CheckNoHeap(model, options, any_length);
    }
  }
}
