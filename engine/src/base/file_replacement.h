#ifndef SMX_BASE_FILE_REPLACEMENT_H_
#define SMX_BASE_FILE_REPLACEMENT_H_

#include <cstdint>

#include "base/fixed_array.h"
#include "smx/platform.h"
#include "smx/span.h"
#include "smx/status.h"

namespace smx {

/// A file that appears under its name whole or not at all, in place of the one that was there; those who have that one
/// mapped keep it. Written under the name with ".new" behind, of which there is one: a process that was killed leaves
/// no more than that, and the next one writes over it. One process at a time, by a lock on it.
class FileReplacement {
 public:
  FileReplacement() = default;
  FileReplacement(const FileReplacement&) = delete;
  FileReplacement& operator=(const FileReplacement&) = delete;
  /// Without Commit nothing is left.
  ~FileReplacement();

  /// `path` and `log` outlive this object. kIoError here and below: the log says why.
  ///
  /// @retval kIoError, kOutOfMemory
  Status Open(const char* path, const Log& log);

  Status Write(Span<const uint8_t> bytes);

  /// Flushes to the disk and renames.
  Status Commit();

  /// Of the open file, also after Commit.
  int descriptor() const { return descriptor_; }

 private:
  Status FailWithErrno() const;
  Status Lock(bool* is_locked);

  const char* path_ = nullptr;
  FixedArray<char> new_path_;
  Log log_;
  int descriptor_ = -1;
  bool is_new_ = false;  // the file under new_path_ is ours and not renamed
};

}  // namespace smx

#endif  // SMX_BASE_FILE_REPLACEMENT_H_
