#ifndef SMX_SPAN_H_
#define SMX_SPAN_H_

#include <cstddef>
#include <type_traits>

namespace smx {

/// A view of `size()` values that somebody else owns; std::span of C++20, as far as we need it.
template <typename T>
class Span {
 public:
  constexpr Span() = default;
  constexpr Span(T* data, size_t size) : data_(data), size_(size) {}

  template <size_t kSize>
  constexpr Span(T (&array)[kSize]) : data_(array), size_(kSize) {}  // NOLINT(google-explicit-constructor)

  /// From anything with data() and size(), such as std::vector, std::array, std::string.
  template <typename Container,
            typename = std::enable_if_t<std::is_convertible_v<decltype(std::declval<Container&>().data()), T*>>>
  // NOLINTNEXTLINE(google-explicit-constructor)
  constexpr Span(Container&& container) : data_(container.data()), size_(container.size()) {}

  constexpr T* data() const { return data_; }
  constexpr size_t size() const { return size_; }
  constexpr bool empty() const { return size_ == 0; }
  constexpr T& operator[](size_t i) const { return data_[i]; }
  constexpr T* begin() const { return data_; }
  constexpr T* end() const { return data_ + size_; }

  /// `count` values from `first` on. The caller keeps first + count <= size().
  constexpr Span subspan(size_t first, size_t count) const { return {data_ + first, count}; }

 private:
  T* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace smx

#endif  // SMX_SPAN_H_
