#include "engine.h"

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
    static_cast<EngineErrors*>(context)->lines_.push_back(message);
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

Model LoadModel(const std::string& path, VerifyWeights verify) {
  EngineErrors errors;
  Result<Model> model = Model::Load(path.c_str(), {verify, errors.log()});
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

}  // namespace smx::tools
