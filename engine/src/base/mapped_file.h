#ifndef SMX_BASE_MAPPED_FILE_H_
#define SMX_BASE_MAPPED_FILE_H_

#include <cstddef>
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

  /// Of an open file, which may be closed afterwards; `path` is for words only.
  static Result<MappedFile> OfDescriptor(int descriptor, const char* path, const Log& log);

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

// For pages of a MappedFile, whole ones with all that is in them; what fails there changes no value, only the time.

/// Gives the pages back; whoever reads them finds the file's bytes again.
void ReleasePages(const void* begin, size_t size);

/// Asks for the pages to be read from the disk ahead of their use, and does not wait.
void PrefetchPages(const void* begin, size_t size);

}  // namespace smx

#endif  // SMX_BASE_MAPPED_FILE_H_
