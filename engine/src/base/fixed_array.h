#ifndef SMX_BASE_FIXED_ARRAY_H_
#define SMX_BASE_FIXED_ARRAY_H_

#include <cstddef>
#include <memory>
#include <new>

#include "smx/span.h"
#include "smx/status.h"

namespace smx {

/// An array on the heap whose length is set once; where std::vector would throw, this gives kOutOfMemory.
template <typename T>
class FixedArray {
 public:
  /// `size` default-constructed values, in place of what was there.
  Status Allocate(size_t size) {
    values_.reset(size == 0 ? nullptr : new (std::nothrow) T[size]());
    size_ = values_ == nullptr ? 0 : size;
    return size_ == size ? Status::kOk : Status::kOutOfMemory;
  }

  size_t size() const { return size_; }
  T* data() { return values_.get(); }
  const T* data() const { return values_.get(); }
  T& operator[](size_t i) { return values_[i]; }
  const T& operator[](size_t i) const { return values_[i]; }
  T* begin() { return values_.get(); }
  T* end() { return values_.get() + size_; }
  const T* begin() const { return values_.get(); }
  const T* end() const { return values_.get() + size_; }

 private:
  std::unique_ptr<T[]> values_;
  size_t size_ = 0;
};

/// new T(arguments...) that gives null instead of throwing.
template <typename T, typename... Arguments>
std::unique_ptr<T> MakeUnique(Arguments&&... arguments) {
  return std::unique_ptr<T>(new (std::nothrow) T(static_cast<Arguments&&>(arguments)...));
}

}  // namespace smx

#endif  // SMX_BASE_FIXED_ARRAY_H_
