#include "engine.h"

#include <random>

namespace smx::tools {
namespace {

ExitCode CodeOf(Status status) {
  switch (status) {
    case Status::kUnsupported:
    case Status::kBackendFailure:
      return ExitCode::kUnsupported;
    case Status::kOutOfMemory:
    case Status::kArenaTooSmall:
      return ExitCode::kCannotWrite;
    default:
      return ExitCode::kBadInput;
  }
}

}  // namespace

Log EngineErrors::log() {
  const auto hook = [](void* context, const char* message) {
    static_cast<EngineErrors*>(context)->lines_.emplace_back(message);
  };
  return {hook, this};
}

void EngineErrors::Check(Status status, const std::string& what) {
  if (status == Status::kOk) return;
  std::string message = what + ": " + StatusName(status);
  for (const std::string& line : lines_) message += ": " + line;
  lines_.clear();
  throw Error(CodeOf(status), message);
}

std::vector<std::string> EngineErrors::TakeNotes() { return std::exchange(lines_, {}); }

Model LoadModel(const std::string& path, LoadOptions options) {
  EngineErrors errors;
  options.log = errors.log();
  Result<Model> model = Model::Load(path.c_str(), options);
  errors.Check(model.status(), path);
  return std::move(model.value());
}

std::vector<std::string> LabelNames(const Model& model) {
  std::vector<std::string> names;
  for (size_t i = 0; i < model.info().num_classes; ++i) {
    const std::string name = model.label(i);
    names.push_back(name.empty() ? std::to_string(i) : name);
  }
  return names;
}

size_t LengthOf(size_t flag, const ModelInfo& info) {
  const size_t length = flag == 0 ? info.max_seq_len : flag;
  if (length <= info.max_seq_len) return length;
  throw Error(ExitCode::kUsage, "--length " + std::to_string(length) + ": the model reads at most " +
                                    std::to_string(info.max_seq_len) + " tokens");
}

RunOutput::RunOutput(const ModelInfo& info, size_t num_tokens, size_t batch_size) : info_(info) {
  const size_t num_rows = info.masked_padding ? num_tokens : info.max_seq_len;
  for (size_t i = 0; info.task == Task::kTokenLabels && i < batch_size * num_tokens; ++i) {
    positions_.push_back(static_cast<uint32_t>(i / num_tokens * num_rows + i % num_tokens));
  }
  const size_t per_text = info.num_text_classes != 0 ? info.num_text_classes : info.d_model;
  if (positions_.empty()) values_.resize(batch_size * per_text);
}

EncoderOutput RunOutput::output() {
  EncoderOutput output;
  (info_.num_text_classes != 0 ? output.logits : output.mean) = Span<float>(values_);
  output.tokens = {{positions_.data(), positions_.size()}, [](void*, size_t, Span<const float>) {}, nullptr};
  return output;
}

std::vector<int32_t> MadeUpText(const ModelInfo& info, size_t num_tokens) {
  std::mt19937 random(1);
  std::vector<int32_t> ids(info.masked_padding ? num_tokens : info.max_seq_len, info.pad_id);
  for (size_t i = 0; i < num_tokens; ++i) {
    do {
      ids[i] = static_cast<int32_t>(random() % info.vocab_size);
    } while (info.vocab_size > 1 && ids[i] == info.pad_id);
  }
  return ids;
}

}  // namespace smx::tools
