#include "smx/classifier.h"

#include <algorithm>
#include <cmath>

#include "base/log.h"
#include "text_encoder.h"

namespace smx {

using internal::TextEncoder;

namespace {

Status CheckHead(const Model& model, const Options& options) {
  if (model.info().num_text_classes != 0) return Status::kOk;
  if (model.info().task == Task::kTokenLabels) {
    return Fail(options.log, Status::kUnsupported, "model: labels tokens, not texts: see TokenLabeler, or `smx label`");
  }
  return Fail(options.log, Status::kUnsupported,
              "model: has no classification head, so it gives no labels but embeddings: see Embedder, or `smx embed`");
}

/// In place: softmax(x / temperature).
void Softmax(float temperature, Span<float> x) {
  const float max = *std::max_element(x.begin(), x.end());
  float sum = 0.0f;
  for (float& value : x) {
    value = std::exp((value - max) / temperature);
    sum += value;
  }
  for (float& value : x) value /= sum;
}

/// In place: sigmoid(x / temperature).
void Sigmoid(float temperature, Span<float> x) {
  for (float& value : x) value = 1.0f / (1.0f + std::exp(-value / temperature));
}

void LogitsToProbabilities(const ModelInfo& info, Span<float> x) {
  const float temperature = static_cast<float>(info.temperature);
  if (info.task == Task::kClassification) Softmax(temperature, x);
  if (info.task == Task::kMultiLabel) Sigmoid(temperature, x);
}

}  // namespace

Classifier::Classifier(std::unique_ptr<TextEncoder> state) : state_(std::move(state)) {}
Classifier::Classifier(Classifier&&) noexcept = default;
Classifier& Classifier::operator=(Classifier&&) noexcept = default;
Classifier::~Classifier() = default;

Result<size_t> Classifier::ArenaBytes(const Model& model, const Options& options) {
  SMX_TRY(CheckHead(model, options));
  return TextEncoder::ArenaBytes(model, options, model.info().num_classes);
}

Result<Classifier> Classifier::Create(const Model& model, const Options& options, Span<uint8_t> arena) {
  SMX_TRY(CheckHead(model, options));
  SMX_ASSIGN_OR_RETURN(auto state, TextEncoder::Create(model, options, arena, model.info().num_classes));
  return Classifier(std::move(state));
}

Status Classifier::Classify(std::string_view text, std::string_view text_pair, const TextOptions& options,
                            Span<float> probabilities, Prediction* prediction) {
  const Span<float> logits = state_->values();
  if (!probabilities.empty() && probabilities.size() != logits.size()) {
    return Fail(state_->log(), Status::kInvalidArgument, "probabilities: room for %zu, the model has %zu classes",
                probabilities.size(), logits.size());
  }
  TokenizeResult tokens = {};
  SMX_TRY(state_->Run({text, text_pair}, options, &EncoderOutput::logits, &tokens));
  // Before they are probabilities, to which close logits may be rounded alike.
  const float* best = std::max_element(logits.begin(), logits.end());
  LogitsToProbabilities(state_->model().info(), logits);
  std::copy_n(logits.data(), probabilities.size(), probabilities.data());
  prediction->class_index = static_cast<size_t>(best - logits.begin());
  prediction->label = state_->model().label(prediction->class_index);
  prediction->probability = *best;
  prediction->num_tokens = tokens.num_tokens;
  prediction->num_tokens_whole = tokens.num_tokens_whole;
  prediction->truncated = tokens.truncated();
  prediction->num_windows = tokens.num_windows;
  return Status::kOk;
}

Status Classifier::Classify(std::string_view text, Prediction* prediction) {
  return Classify(text, {}, {}, {}, prediction);
}

Report Classifier::report() const { return state_->report(); }

}  // namespace smx
