#ifndef SMX_BASE_CHECKED_MATH_H_
#define SMX_BASE_CHECKED_MATH_H_

#include <cstdint>

namespace smx {

/// An unsigned sum or product that remembers whether it left 64 bits: compute first, ask ok() once at the end.
class Checked {
 public:
  constexpr Checked(uint64_t value) : value_(value) {}  // NOLINT(google-explicit-constructor)

  constexpr Checked operator+(Checked other) const {
    uint64_t sum = 0;
    const bool overflow = __builtin_add_overflow(value_, other.value_, &sum);
    return Checked(sum, ok_ && other.ok_ && !overflow);
  }
  constexpr Checked operator*(Checked other) const {
    uint64_t product = 0;
    const bool overflow = __builtin_mul_overflow(value_, other.value_, &product);
    return Checked(product, ok_ && other.ok_ && !overflow);
  }

  constexpr Checked AtLeast(Checked other) const {
    return Checked(value_ < other.value_ ? other.value_ : value_, ok_ && other.ok_);
  }

  /// The first multiple of `alignment`, a power of two, that is not below this.
  constexpr Checked AlignedUp(uint64_t alignment) const {
    const Checked sum = *this + Checked(alignment - 1);
    return Checked(sum.value_ & ~(alignment - 1), sum.ok_);
  }

  constexpr bool ok() const { return ok_; }
  constexpr bool AtMost(uint64_t limit) const { return ok_ && value_ <= limit; }
  /// Only when ok().
  constexpr uint64_t value() const { return value_; }

 private:
  constexpr Checked(uint64_t value, bool ok) : value_(value), ok_(ok) {}

  uint64_t value_;
  bool ok_ = true;
};

}  // namespace smx

#endif  // SMX_BASE_CHECKED_MATH_H_
