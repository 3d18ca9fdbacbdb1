#include "support/session.h"

#include <cstring>

#include <doctest/doctest.h>

namespace smx::tests {

bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

bool SameBits(const Answer& a, const Answer& b) {
  const bool same_hidden = a.hidden.empty() || b.hidden.empty() || SameBits(a.hidden, b.hidden);
  const bool same_mean = a.mean.empty() || b.mean.empty() || SameBits(a.mean, b.mean);
  return same_hidden && same_mean && SameBits(a.cls, b.cls) && SameBits(a.pooled, b.pooled) &&
         SameBits(a.logits, b.logits) && SameBits(a.token_logits, b.token_logits);
}

void FillArena(ArenaFill fill, Span<uint8_t> bytes) {
  Random random(bytes.size());
  const uint8_t signalling_nan[] = {0x01, 0x00, 0xa0, 0x7f};
  for (size_t i = 0; i < bytes.size(); ++i) {
    switch (fill) {
      case ArenaFill::kZeros:
        bytes[i] = 0;
        break;
      case ArenaFill::kOnes:
        bytes[i] = 0xff;
        break;
      case ArenaFill::kSignallingNan:
        bytes[i] = signalling_nan[reinterpret_cast<uintptr_t>(&bytes[i]) % 4];
        break;
      case ArenaFill::kRandom:
        bytes[i] = static_cast<uint8_t>(random.Bits());
        break;
    }
  }
}

size_t ArenaBytesOf(const Model& model, const Options& options) {
  const Result<size_t> bytes = Encoder::ArenaBytes(model, options);
  REQUIRE(bytes.ok());
  return bytes.value();
}

Session::Session(const Model& model, const Options& options, size_t shift) : model_(model) {
  const size_t bytes = ArenaBytesOf(model, options);
  memory_ = std::make_unique<tools::AlignedBytes>(shift + bytes);
  arena_ = {memory_->data() + shift, bytes};
  Create(options);
}

Session::Session(const Model& model, const Options& options, Span<uint8_t> arena) : model_(model), arena_(arena) {
  Create(options);
}

void Session::Create(const Options& options) {
  Result<Encoder> created = Encoder::Create(model_, options, arena_);
  REQUIRE(created.ok());
  encoder_ = std::make_unique<Encoder>(std::move(created.value()));
}

TokenLogits KeepLogits(Span<const uint32_t> positions, std::vector<float>* kept) {
  const auto keep = [](void* context, size_t, Span<const float> logits) {
    auto* values = static_cast<std::vector<float>*>(context);
    values->insert(values->end(), logits.begin(), logits.end());
  };
  return {positions, keep, kept};
}

Answer Session::Run(const TokenInput& input, bool wants_hidden) {
  const ModelInfo& info = model_.info();
  constexpr float kUntouched = 7777.0f;
  Answer answer;
  const size_t row_per_text = input.num_texts * info.d_model;
  if (wants_hidden) answer.hidden.assign(input.token_ids.size() * info.d_model, kUntouched);
  if (wants_hidden) answer.mean.assign(row_per_text, kUntouched);
  if (info.has_pooler) answer.pooled.assign(row_per_text, kUntouched);
  answer.cls.assign(row_per_text, kUntouched);
  answer.logits.assign(input.num_texts * info.num_text_classes, kUntouched);
  TokenLogits tokens;
  const uint32_t first[] = {0};
  if (info.num_token_logits != 0) tokens = KeepLogits(first, &answer.token_logits);
  REQUIRE(encoder_->Run(input.token_ids, input.type_ids,
                        {answer.hidden, answer.pooled, answer.logits, answer.cls, answer.mean, tokens}) == Status::kOk);
  return answer;
}

}  // namespace smx::tests
