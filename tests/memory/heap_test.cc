// Counts heap calls of the whole process, libraries included, while models run. An executable of its own, because it
// replaces malloc.

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "safetensors.h"
#include "support/models.h"
#include "tsv.h"

using smx::Classifier;
using smx::Encoder;
using smx::Model;
using smx::Options;
using smx::Prediction;
using smx::Status;
using smx::tests::MemoryModel;
using smx::tools::ModelContent;
using smx::tools::WeightsType;
using smx::tools::WithArena;

extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
void __libc_free(void*);
}

namespace {

std::atomic<bool> is_counting{false};
std::atomic<size_t> num_calls{0};

void Count() {
  if (is_counting.load(std::memory_order_relaxed)) num_calls.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

extern "C" {
void* malloc(size_t n) { return Count(), __libc_malloc(n); }
void* calloc(size_t n, size_t size) { return Count(), __libc_calloc(n, size); }
void* realloc(void* p, size_t n) { return Count(), __libc_realloc(p, n); }
void free(void* p) { Count(), __libc_free(p); }
void* memalign(size_t alignment, size_t n) { return Count(), __libc_memalign(alignment, n); }
void* aligned_alloc(size_t alignment, size_t n) { return Count(), __libc_memalign(alignment, n); }
int posix_memalign(void** out, size_t alignment, size_t n) {
  Count();
  *out = __libc_memalign(alignment, n);
  return *out == nullptr ? ENOMEM : 0;
}
}

namespace {

template <typename Function>
size_t HeapCallsOf(Function function) {
  num_calls = 0;
  is_counting = true;
  function();
  is_counting = false;
  return num_calls;
}

std::string TextOfWords(size_t words) {
  std::string text;
  for (size_t i = 0; i < words; ++i) text += i % 3 == 0 ? "card " : i % 3 == 1 ? "Überweisung " : "payments, ";
  return text;
}

}  // namespace

TEST_CASE("heap: the counter sees the calls of this program and of the libraries") {
  CHECK(HeapCallsOf([] { std::free(std::malloc(10)); }) == 2);
  CHECK(HeapCallsOf([] { delete new std::string(100, 'x'); }) >= 4);
  const ModelContent content = smx::tests::ReadModelFolder(smx::tests::GoldenFolder("linear"), "params.safetensors");
  const MemoryModel model(content, WeightsType::kInt8);
  CHECK(HeapCallsOf([&] { WithArena<Encoder> encoder(*model, {}, "test"); }) > 10);
}

TEST_CASE("heap: classifying texts of changing length calls it never, with one thread and with two") {
  const ModelContent content = smx::tests::ReadModelFolder(smx::tests::ShippedFolder(), "model.safetensors");
  for (const WeightsType type : {WeightsType::kInt8, WeightsType::kF32}) {
    const MemoryModel model(content, type);
    for (const size_t threads : {1, 2}) {
      Options options;
      options.num_threads = threads;
      WithArena<Classifier> classifier(*model, options, "test");
      std::vector<std::string> texts;
      for (const size_t words : {0, 1, 40, 3, 17, 64, 2, 500, 9, 31, 5}) texts.push_back(TextOfWords(words));
      Status worst = Status::kOk;
      const size_t calls = HeapCallsOf([&] {
        for (const std::string& text : texts) {
          Prediction prediction;
          const Status status = classifier->Classify(text, &prediction);
          if (status != Status::kOk) worst = status;
        }
      });
      CHECK(worst == Status::kOk);
      CHECK(calls == 0);
    }
  }
}

TEST_CASE("heap: encoding calls it never, for every golden model and every length that it takes") {
  for (const std::string& name : smx::tests::GoldenCases()) {
    CAPTURE(name);
    const ModelContent content = smx::tests::ReadModelFolder(smx::tests::GoldenFolder(name), "params.safetensors");
    for (const WeightsType type : {WeightsType::kInt8, WeightsType::kF32}) {
      const MemoryModel model(content, type);
      const size_t max_tokens = model->info().max_seq_len;
      WithArena<Encoder> encoder(*model, {}, "test");
      const std::vector<int32_t> ids(max_tokens, 5);
      std::vector<float> logits(model->info().num_classes);
      const bool any_length = name.rfind("bert", 0) == 0;
      const size_t calls = HeapCallsOf([&] {
        for (size_t n = any_length ? 1 : max_tokens; n <= max_tokens; n += 5) {
          static_cast<void>(encoder->Run({ids.data(), n}, {}, {{}, {}, {logits.data(), logits.size()}}) == Status::kOk);
        }
      });
      CHECK(encoder->report().macs > 0);
      CHECK(calls == 0);
    }
  }
}
