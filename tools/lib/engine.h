#ifndef SMX_TOOLS_LIB_ENGINE_H_
#define SMX_TOOLS_LIB_ENGINE_H_

#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "error.h"
#include "smx/classifier.h"
#include "smx/encoder.h"
#include "smx/model.h"

namespace smx::tools {

/// The engine's log lines and statuses as Errors: kUnsupported and kBackendFailure -> kUnsupported, kOutOfMemory and
/// kArenaTooSmall -> kCannotWrite, the rest -> kBadInput; the message is `what`, the status' name and the log lines.
class EngineErrors {
 public:
  /// To be put into LoadOptions::log and Options::log; this object outlives their use.
  Log log();

  /// Throws unless `status` is kOk. `what` names the place, such as the path of the model file.
  void Check(Status status, const std::string& what);

  /// Log lines of calls that succeeded all the same, such as a library that is not used; they are forgotten here.
  std::vector<std::string> TakeNotes();

 private:
  std::vector<std::string> lines_;
};

/// Model::Load with an Error naming `path`; the log of `options` is not used.
Model LoadModel(const std::string& path, LoadOptions options = {});

/// The name of every class; its number where the model has none.
std::vector<std::string> LabelNames(const Model& model);

/// What --length asks for: `flag`, or the model's maximum for 0; Error(kUsage) when it is more than the model reads.
size_t LengthOf(size_t flag, const ModelInfo& info);

/// Token ids that look like a text of `num_tokens`, never a pad, with the pads behind them that the model's padding
/// wants.
std::vector<int32_t> MadeUpText(const ModelInfo& info, size_t num_tokens);

/// What a run of made-up texts is for: logits, labels of all `num_tokens` tokens of each, or of a model without such
/// heads the mean of its rows.
class RunOutput {
 public:
  RunOutput(const ModelInfo& info, size_t num_tokens, size_t batch_size = 1);

  EncoderOutput output();

 private:
  const ModelInfo& info_;
  std::vector<float> values_;
  std::vector<uint32_t> positions_;
};

/// Bytes at a multiple of 64, as Model::FromMemory wants them.
class AlignedBytes {
 public:
  explicit AlignedBytes(size_t size)
      : bytes_(static_cast<uint8_t*>(::operator new(size + 1, kAlignment))), size_(size) {}
  explicit AlignedBytes(const std::vector<uint8_t>& bytes) : AlignedBytes(bytes.size()) {
    std::copy(bytes.begin(), bytes.end(), data());
  }

  uint8_t* data() const { return bytes_.get(); }
  size_t size() const { return size_; }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Free {
    void operator()(uint8_t* bytes) const { ::operator delete(bytes, kAlignment); }
  };
  std::unique_ptr<uint8_t, Free> bytes_;
  size_t size_;
};

/// What becomes of the engine's notes, such as that a library is not used: one of several objects of a model says it.
enum class EngineNotes { kPrinted, kDropped };

/// An Encoder, Classifier or the like with the arena that it needs; both live as long as this object.
template <typename T>
class WithArena {
 public:
  /// Notes go to stderr.
  WithArena(const Model& model, Options options, const std::string& what, EngineNotes notes = EngineNotes::kPrinted)
      : what_(what) {
    options.log = errors_->log();
    const Result<size_t> bytes = T::ArenaBytes(model, options);
    errors_->Check(bytes.status(), what);
    arena_ = std::make_unique<AlignedBytes>(bytes.value());
    Result<T> created = T::Create(model, options, Span<uint8_t>(arena_->data(), arena_->size()));
    errors_->Check(created.status(), what);
    object_ = std::make_unique<T>(std::move(created.value()));
    for (const std::string& note : errors_->TakeNotes()) {
      if (notes == EngineNotes::kPrinted) std::fprintf(stderr, "%s: %s\n", what.c_str(), note.c_str());
    }
  }

  T& operator*() { return *object_; }
  T* operator->() { return object_.get(); }
  size_t arena_bytes() const { return arena_->size(); }

  /// Throws unless `status` of a call on the object is kOk.
  void Check(Status status) { Check(status, what_); }
  void Check(Status status, const std::string& what) { errors_->Check(status, what); }

 private:
  std::string what_;
  std::unique_ptr<EngineErrors> errors_ = std::make_unique<EngineErrors>();
  std::unique_ptr<AlignedBytes> arena_;
  std::unique_ptr<T> object_;
};

/// One object for each thread: the first at once, with the engine's notes, the others without, when their threads want
/// them.
template <typename T>
class OnePerThread {
 public:
  using Make = std::function<T(EngineNotes notes)>;

  OnePerThread(size_t num_threads, Make make) : make_(std::move(make)), objects_(num_threads) {
    objects_[0] = make_(EngineNotes::kPrinted);
  }

  size_t size() const { return objects_.size(); }

  /// With one `thread` from one thread at a time.
  T& operator[](size_t thread) {
    T& object = objects_[thread];
    if (!object) object = make_(EngineNotes::kDropped);
    return object;
  }

 private:
  const Make make_;
  std::vector<T> objects_;
};

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_ENGINE_H_
