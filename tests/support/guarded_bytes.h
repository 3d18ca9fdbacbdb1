#ifndef SMX_TESTS_SUPPORT_GUARDED_BYTES_H_
#define SMX_TESTS_SUPPORT_GUARDED_BYTES_H_

#include <cstddef>
#include <cstdint>

#include "smx/span.h"

namespace smx::tests {

/// Memory between two pages that nobody may touch: who reads or writes beyond them ends the test program with a
/// segmentation fault, libraries and their assembly included.
class GuardedBytes {
 public:
  enum class Flush { kAtStart, kAtEnd };

  /// `size` bytes whose first, or last, is `gap` bytes away from the page. The gap is filled with a pattern.
  GuardedBytes(size_t size, Flush flush, size_t gap = 0);
  GuardedBytes(const GuardedBytes&) = delete;
  GuardedBytes& operator=(const GuardedBytes&) = delete;
  ~GuardedBytes();

  Span<uint8_t> bytes() const { return bytes_; }

  /// Whether what lies between the bytes and the pages is as it was.
  bool SurroundingsAreIntact() const;

  /// From now on, writing is a fault too.
  void MakeReadOnly();

 private:
  static constexpr uint8_t kPattern = 0xa5;

  Span<uint8_t> mapping_;  // with the two pages
  Span<uint8_t> inner_;    // without
  Span<uint8_t> bytes_;
};

}  // namespace smx::tests

#endif  // SMX_TESTS_SUPPORT_GUARDED_BYTES_H_
