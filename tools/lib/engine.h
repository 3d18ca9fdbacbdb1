#ifndef SMX_TOOLS_LIB_ENGINE_H_
#define SMX_TOOLS_LIB_ENGINE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "error.h"
#include "smx/classifier.h"
#include "smx/encoder.h"
#include "smx/model.h"

namespace smx::tools {

/// The engine's log lines and statuses as Errors: kInvalidModel and kIoError -> kBadInput, kUnsupported ->
/// kUnsupported, kOutOfMemory and kArenaTooSmall -> kCannotWrite, kInvalidArgument and kOutOfRange -> kBadInput,
/// kBackendFailure -> kUnsupported; the message is `what`, the status' name and the last log lines.
class EngineErrors {
 public:
  /// To be put into LoadOptions::log and Options::log; this object outlives their use.
  Log log();

  /// Throws unless `status` is kOk. `what` names the place, such as the path of the model file.
  void Check(Status status, const std::string& what);

 private:
  std::vector<std::string> lines_;
};

/// Model::Load with an Error naming `path`.
Model LoadModel(const std::string& path, VerifyWeights verify = VerifyWeights::kAuto);

/// An Encoder or Classifier with the arena that it needs; both live as long as this object.
template <typename T>
class WithArena {
 public:
  WithArena(const Model& model, Options options);

  T& operator*() { return *object_; }
  T* operator->() { return object_.get(); }
  size_t arena_bytes() const { return arena_.size(); }

 private:
  EngineErrors errors_;
  std::vector<uint8_t> arena_;
  std::unique_ptr<T> object_;
};

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_ENGINE_H_
