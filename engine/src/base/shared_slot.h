#ifndef SMX_BASE_SHARED_SLOT_H_
#define SMX_BASE_SHARED_SLOT_H_

#include <memory>
#include <mutex>

namespace smx {

/// Holds what the sessions of one model share besides its file, such as packed weights. A higher layer decides what
/// that is; the model only keeps it until it goes itself.
struct SharedSlot {
  struct Content {
    virtual ~Content() = default;
  };

  std::mutex mutex;  // held by whoever fills or looks at the content
  std::unique_ptr<Content> content;
};

}  // namespace smx

#endif  // SMX_BASE_SHARED_SLOT_H_
