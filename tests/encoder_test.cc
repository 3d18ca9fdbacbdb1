#include "smx/encoder.h"

#include <cstring>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/models.h"

using smx::Classifier;
using smx::Encoder;
using smx::Options;
using smx::Prediction;
using smx::Result;
using smx::Span;
using smx::Status;
using smx::tests::GoldenFolder;
using smx::tests::MemoryModel;
using smx::tests::ReadModelFolder;
using smx::tests::ShippedFolder;
using smx::tools::WeightsType;
using smx::tools::WithArena;

namespace {

constexpr uint8_t kGuard = 0xa5;
constexpr size_t kGuardBytes = 64;

std::vector<float> Logits(Encoder* encoder, const smx::Model& model, const std::vector<int32_t>& ids) {
  std::vector<float> logits(model.info().num_classes);
  REQUIRE(encoder->Run({ids.data(), ids.size()}, {}, {{}, {}, {logits.data(), logits.size()}}) == Status::kOk);
  return logits;
}

std::vector<int32_t> SomeIds(size_t n) {
  std::vector<int32_t> ids;
  for (size_t i = 0; i < n; ++i) ids.push_back(static_cast<int32_t>(1 + i * 7 % 150));
  return ids;
}

}  // namespace

TEST_CASE("encoder: ArenaBytes is enough at every alignment, one byte less is too small, nothing outside is written") {
  for (const char* name : {"linear", "bert", "sparse_mixer"}) {
    CAPTURE(name);
    for (const WeightsType type : {WeightsType::kF32, WeightsType::kInt8}) {
      const MemoryModel model(ReadModelFolder(GoldenFolder(name), "params.safetensors"), type);
      const Result<size_t> needed = Encoder::ArenaBytes(*model);
      REQUIRE(needed.ok());
      const size_t bytes = needed.value();
      const std::vector<int32_t> ids = SomeIds(model->info().max_seq_len);
      std::vector<float> first;
      for (size_t shift = 0; shift < 64; shift += 9) {
        std::vector<uint8_t> memory(kGuardBytes + shift + bytes + kGuardBytes, kGuard);
        uint8_t* const begin = memory.data() + kGuardBytes + shift;
        CHECK(Encoder::Create(*model, {}, Span<uint8_t>(begin, bytes - 1)).status() == Status::kArenaTooSmall);
        Result<Encoder> encoder = Encoder::Create(*model, {}, Span<uint8_t>(begin, bytes));
        REQUIRE(encoder.ok());
        const std::vector<float> logits = Logits(&encoder.value(), *model, ids);
        if (first.empty()) first = logits;
        CHECK(logits == first);
        for (const uint8_t* p = memory.data(); p < begin; ++p) REQUIRE(*p == kGuard);
        for (const uint8_t* p = begin + bytes; p < memory.data() + memory.size(); ++p) REQUIRE(*p == kGuard);
      }
      CHECK(first != std::vector<float>(first.size()));
    }
  }
}

TEST_CASE("encoder: the last byte of the arena is used, so ArenaBytes is not an estimate") {
  const MemoryModel model(ReadModelFolder(GoldenFolder("sparse_mixer"), "params.safetensors"), WeightsType::kInt8);
  WithArena<Encoder> encoder(*model, {}, "test");
  size_t end = 0;
  for (const smx::PlannedBuffer& buffer : encoder->plan()) end = std::max(end, buffer.offset_bytes + buffer.bytes);
  // Buffers begin at multiples of 64, wherever the caller's bytes begin.
  CHECK(encoder.arena_bytes() == (end + 63) / 64 * 64 + 63);
}

TEST_CASE("encoder: wrong ids and lengths are refused with a message, and outputs stay untouched") {
  const MemoryModel model(ReadModelFolder(GoldenFolder("linear"), "params.safetensors"), WeightsType::kInt8);
  std::string message;
  Options options;
  const Result<size_t> bytes = Encoder::ArenaBytes(*model);
  options.log = {[](void* context, const char* text) { *static_cast<std::string*>(context) = text; }, &message};
  std::vector<uint8_t> arena(bytes.value());
  Result<Encoder> encoder = Encoder::Create(*model, options, arena);
  REQUIRE(encoder.ok());
  const size_t n = model->info().max_seq_len;
  std::vector<float> logits(model->info().num_classes, 77.0f);
  const auto run = [&](const std::vector<int32_t>& ids, const std::vector<int32_t>& types, size_t num_logits) {
    return encoder->Run({ids.data(), ids.size()}, {types.data(), types.size()}, {{}, {}, {logits.data(), num_logits}});
  };
  std::vector<int32_t> ids = SomeIds(n);
  CHECK(run({}, {}, logits.size()) == Status::kInvalidArgument);
  CHECK(run(SomeIds(n - 1), {}, logits.size()) == Status::kInvalidArgument);
  CHECK(run(SomeIds(n + 1), {}, logits.size()) == Status::kInvalidArgument);
  CHECK(run(ids, {0}, logits.size()) == Status::kInvalidArgument);
  CHECK(run(ids, {}, logits.size() - 1) == Status::kInvalidArgument);
  CHECK(run(ids, std::vector<int32_t>(n, 1000), logits.size()) == Status::kOutOfRange);
  ids[3] = -1;
  CHECK(run(ids, {}, logits.size()) == Status::kOutOfRange);
  CHECK(message == "token_ids: value 3 is -1, must be in 0..199");
  for (const float value : logits) CHECK(value == 77.0f);
}

TEST_CASE("encoder: a masked model reads a text alone: no bit depends on what was run before, or on max_tokens") {
  const MemoryModel model(ReadModelFolder(ShippedFolder(), "model.safetensors"), WeightsType::kInt8);
  WithArena<Encoder> reused(*model, {}, "test");
  std::vector<size_t> lengths = {64, 1, 3, 17, 16, 15, 33, 2, 64};
  for (const size_t n : lengths) {
    CAPTURE(n);
    Options options;
    options.max_tokens = n;
    WithArena<Encoder> fresh(*model, options, "test");
    CHECK(Logits(&*reused, *model, SomeIds(n)) == Logits(&*fresh, *model, SomeIds(n)));
    CHECK(fresh.arena_bytes() <= reused.arena_bytes());
  }
}

TEST_CASE("encoder: weights are packed once for all sessions of a model, and again for nothing but new shapes") {
  const MemoryModel model(ReadModelFolder(ShippedFolder(), "model.safetensors"), WeightsType::kInt8);
  const auto packed_with = [&](size_t max_tokens) {
    Options options;
    options.max_tokens = max_tokens;
    options.backend = smx::BackendChoice::kXnnpack;  // smx's own products pack no matrix for one length
    WithArena<Encoder> encoder(*model, options, "test");
    static_cast<void>(Logits(&*encoder, *model, SomeIds(5)));
    return encoder->report().packed_bytes;
  };
  const size_t packed_bytes = packed_with(0);
  CHECK((packed_bytes > 0) == SMX_WITH_XNNPACK);
  CHECK(packed_with(0) == packed_bytes);
  CHECK(packed_with(32) == packed_bytes);  // its lengths are among those of 64
  const size_t with_another_length = packed_with(40);
  CHECK((with_another_length > packed_bytes) == SMX_WITH_XNNPACK);
  CHECK(with_another_length <= packed_bytes * 11 / 10);
  CHECK(packed_with(0) == with_another_length);
}

TEST_CASE(
    "encoder: the int8 of XNNPACK, and of smx where that is faster, agrees with the reference kernels on whole "
    "models") {
  const MemoryModel model(ReadModelFolder(ShippedFolder(), "model.safetensors"), WeightsType::kInt8);
  Options reference;
  reference.backend = smx::BackendChoice::kReference;
  WithArena<Encoder> slow(*model, reference, "test");
  WithArena<Encoder> fast(*model, {}, "test");
  CHECK(std::string(slow->report().backend) == "reference");
  CHECK((fast->report().backend != std::string("reference")) == SMX_WITH_XNNPACK);
  Options xnnpack;
  xnnpack.backend = smx::BackendChoice::kXnnpack;
  WithArena<Encoder> library(*model, xnnpack, "test");
  CHECK(std::string(library->report().backend) == (SMX_WITH_XNNPACK ? "xnnpack" : "reference"));
  for (const size_t n : {1, 2, 15, 16, 17, 40, 64}) {
    CAPTURE(n);
    const std::vector<float> expected = Logits(&*slow, *model, SomeIds(n));
    const std::vector<float> found = Logits(&*fast, *model, SomeIds(n));
    // The integers are the same; a scale may round differently, and now and then an activation to the next step.
    for (size_t i = 0; i < expected.size(); ++i) CHECK(found[i] == doctest::Approx(expected[i]).epsilon(0.02));
  }
}

TEST_CASE("classifier: one byte less than ArenaBytes is too small, and any alignment gives the same answer") {
  const MemoryModel model(ReadModelFolder(ShippedFolder(), "model.safetensors"), WeightsType::kInt8);
  const size_t bytes = Classifier::ArenaBytes(*model).value();
  float first = 0;
  for (size_t shift = 0; shift < 64; shift += 7) {
    std::vector<uint8_t> memory(shift + bytes + kGuardBytes, kGuard);
    CHECK(Classifier::Create(*model, {}, Span<uint8_t>(memory.data() + shift, bytes - 1)).status() ==
          Status::kArenaTooSmall);
    Result<Classifier> classifier = Classifier::Create(*model, {}, Span<uint8_t>(memory.data() + shift, bytes));
    REQUIRE(classifier.ok());
    Prediction prediction;
    REQUIRE(classifier->Classify("Where is my new card?", &prediction) == Status::kOk);
    CHECK(std::string(prediction.label) == "card_arrival");
    if (shift == 0) first = prediction.probability;
    CHECK(prediction.probability == first);
    for (size_t i = 0; i < kGuardBytes; ++i) REQUIRE(memory[shift + bytes + i] == kGuard);
  }
}
