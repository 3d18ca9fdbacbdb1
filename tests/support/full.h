#ifndef SMX_TESTS_SUPPORT_FULL_H_
#define SMX_TESTS_SUPPORT_FULL_H_

#include <cstdlib>

namespace smx::tests {

/// Whether the environment asks for every case of the sweeps, SMX_TEST_FULL=1, instead of some of them.
inline bool IsFullTest() {
  const char* value = std::getenv("SMX_TEST_FULL");
  return value != nullptr && value[0] == '1';
}

}  // namespace smx::tests

#endif  // SMX_TESTS_SUPPORT_FULL_H_
