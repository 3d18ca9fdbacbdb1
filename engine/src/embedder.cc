#include "smx/embedder.h"

#include <algorithm>
#include <cmath>

#include "base/log.h"
#include "text_encoder.h"

namespace smx {

using internal::TextEncoder;

namespace {

/// In place; sums in float64.
void Normalize(Span<float> x) {
  double squares = 0.0;
  for (const float value : x) squares += static_cast<double>(value) * static_cast<double>(value);
  if (squares == 0.0) return;
  const double inverse = 1.0 / std::sqrt(squares);
  for (float& value : x) value = static_cast<float>(static_cast<double>(value) * inverse);
}

}  // namespace

Embedder::Embedder(std::unique_ptr<TextEncoder> state) : state_(std::move(state)) {}
Embedder::Embedder(Embedder&&) noexcept = default;
Embedder& Embedder::operator=(Embedder&&) noexcept = default;
Embedder::~Embedder() = default;

Result<size_t> Embedder::ArenaBytes(const Model& model, const Options& options) {
  return TextEncoder::ArenaBytes(model, options, model.info().d_model);
}

Result<Embedder> Embedder::Create(const Model& model, const Options& options, Span<uint8_t> arena) {
  SMX_ASSIGN_OR_RETURN(auto state, TextEncoder::Create(model, options, arena, model.info().d_model));
  return Embedder(std::move(state));
}

Status Embedder::Embed(std::string_view text, std::string_view text_pair, const EmbedOptions& options,
                       Span<float> embedding, TokenizeResult* tokens) {
  const size_t d_model = state_->model().info().d_model;
  if (embedding.size() != d_model) {
    return Fail(state_->log(), Status::kInvalidArgument, "embedding: room for %zu, the model has d_model %zu",
                embedding.size(), d_model);
  }
  const auto rows = options.pooling == Pooling::kMean ? &EncoderOutput::mean : &EncoderOutput::cls;
  SMX_TRY(state_->Run({text, text_pair}, options.text, rows, tokens));
  std::copy_n(state_->values().data(), d_model, embedding.data());
  if (options.normalize) Normalize(embedding);
  return Status::kOk;
}

Report Embedder::report() const { return state_->report(); }

}  // namespace smx
