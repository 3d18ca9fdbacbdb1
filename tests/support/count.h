#ifndef SMX_TESTS_SUPPORT_COUNT_H_
#define SMX_TESTS_SUPPORT_COUNT_H_

#include <algorithm>
#include <cstddef>
#include <cstdlib>

namespace smx::tests {

/// How many of something a test does: the number in the environment variable, or `otherwise`. In an emulator tests take
/// tens of times as long.
inline size_t CountFromEnvironment(const char* variable, size_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : static_cast<size_t>(std::strtoull(text, nullptr, 10));
}

/// How many random models: `otherwise`, unless SMX_TEST_RANDOM_MODELS says.
inline size_t NumModels(size_t otherwise) { return CountFromEnvironment("SMX_TEST_RANDOM_MODELS", otherwise); }

/// The size of a long text: `size`, unless SMX_TEST_LONG_TEXT is less.
inline size_t LongText(size_t size) { return std::min(size, CountFromEnvironment("SMX_TEST_LONG_TEXT", size)); }

}  // namespace smx::tests

#endif  // SMX_TESTS_SUPPORT_COUNT_H_
