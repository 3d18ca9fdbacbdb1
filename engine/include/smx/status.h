#ifndef SMX_STATUS_H_
#define SMX_STATUS_H_

#include <cstdint>
#include <new>
#include <utility>

namespace smx {

/// How a call ended. The words for people (place, value, rule) go to the log hook of platform.h.
enum class [[nodiscard]] Status : uint8_t{
    kOk = 0,
    kInvalidArgument,  ///< The caller broke a documented rule, such as a length of 0.
    kOutOfRange,       ///< A value lies outside of what the model has, such as a token id >= vocab_size.
    kInvalidModel,     ///< The file is damaged, truncated, foreign or contradicts itself.
    kUnsupported,      ///< The file is sound but asks for what this build or version cannot do.
    kArenaTooSmall,    ///< The arena has fewer bytes than ArenaBytes() said.
    kOutOfMemory,      ///< The heap had no room during loading or creation.
    kIoError,          ///< A file could not be opened or read.
    kBackendFailure,   ///< A library refused a call, or its product failed the check against ours.
    kInternal,         ///< A mistake of ours; please report it.
};

/// The name of `status` without the k, such as "InvalidModel". Never null.
const char* StatusName(Status status);

/// Either a value or the reason why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)), status_(Status::kOk) {}  // NOLINT(google-explicit-constructor)
  /// `status` must not be kOk: there would be no value.
  Result(Status status) : no_value_(0), status_(status) {}  // NOLINT(google-explicit-constructor)
  Result(Result&& other) noexcept : no_value_(0), status_(other.status_) {
    if (ok()) new (&value_) T(std::move(other.value_));
  }
  Result(const Result&) = delete;
  Result& operator=(const Result&) = delete;
  Result& operator=(Result&&) = delete;
  ~Result() {
    if (ok()) value_.~T();
  }

  bool ok() const { return status_ == Status::kOk; }
  Status status() const { return status_; }

  /// Only when ok().
  T& value() { return value_; }
  const T& value() const { return value_; }
  T* operator->() { return &value_; }
  const T* operator->() const { return &value_; }

 private:
  union {
    T value_;
    char no_value_;
  };
  Status status_;
};

}  // namespace smx

#define SMX_CONCAT_(a, b) a##b
#define SMX_CONCAT(a, b) SMX_CONCAT_(a, b)

/// Leaves the function with the status of `expression` unless it is kOk.
#define SMX_TRY(expression)                                                                  \
  do {                                                                                       \
    if (const ::smx::Status smx_status_ = (expression); smx_status_ != ::smx::Status::kOk) { \
      return smx_status_;                                                                    \
    }                                                                                        \
  } while (false)

/// `SMX_ASSIGN_OR_RETURN(const size_t bytes, ArenaBytes(model))`: declares and sets, or leaves the function.
#define SMX_ASSIGN_OR_RETURN(declaration, expression) \
  SMX_ASSIGN_OR_RETURN_(SMX_CONCAT(smx_result_, __LINE__), declaration, expression)
// NOLINTBEGIN(bugprone-macro-parentheses): a declaration cannot have any
#define SMX_ASSIGN_OR_RETURN_(result, declaration, expression) \
  auto result = (expression);                                  \
  if (!result.ok()) return result.status();                    \
  declaration = std::move(result.value())
// NOLINTEND(bugprone-macro-parentheses)

#endif  // SMX_STATUS_H_
