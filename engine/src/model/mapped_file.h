#ifndef SMX_MODEL_MAPPED_FILE_H_
#define SMX_MODEL_MAPPED_FILE_H_

#include <cstdint>
#include <utility>

#include "smx/platform.h"
#include "smx/span.h"
#include "smx/status.h"

namespace smx {

/// A whole file in memory, read-only, until this object goes.
class MappedFile {
 public:
  /// @retval kIoError       cannot be opened or mapped, or is no regular file.
  /// @retval kInvalidModel  is empty.
  /// @retval kOutOfMemory   no room in the address space.
  static Result<MappedFile> Open(const char* path, const Log& log);

  MappedFile() = default;
  MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  MappedFile& operator=(MappedFile&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~MappedFile();

  Span<const uint8_t> bytes() const { return bytes_; }

 private:
  explicit MappedFile(Span<const uint8_t> bytes) : bytes_(bytes) {}

  Span<const uint8_t> bytes_;
};

}  // namespace smx

#endif  // SMX_MODEL_MAPPED_FILE_H_
