#ifndef SMX_BASE_SHARED_SLOT_H_
#define SMX_BASE_SHARED_SLOT_H_

#include <cstdint>
#include <memory>
#include <mutex>

#include "base/mapped_file.h"

namespace smx {

/// The file that a model's weights lie in, and what is made of them beside it. Set by Load, and as long there as the
/// model.
struct WeightsFile {
  Span<const uint8_t> bytes;
  bool is_mapped = false;            // else they are the caller's
  const uint8_t* sha256 = nullptr;   // [32], another one for other weights
  const char* cache_path = nullptr;  // of packed weights, see LoadOptions; null: none
  uint64_t max_hashed_bytes = 0;     // a cache of at most so many bytes is hashed when it is opened
  size_t experts_budget_bytes = 0;   // see LoadOptions; 0: no bound
};

/// Holds what the sessions of one model share besides its file, such as packed weights. A higher layer decides what
/// that is; the model only keeps it until it goes itself.
struct SharedSlot {
  struct Content {
    virtual ~Content() = default;
  };

  WeightsFile weights;
  std::mutex mutex;  // held by whoever fills or looks at the content
  std::unique_ptr<Content> content;
};

}  // namespace smx

#endif  // SMX_BASE_SHARED_SLOT_H_
