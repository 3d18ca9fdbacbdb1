#ifndef SMX_TESTS_GOLDEN_GOLDEN_RUN_H_
#define SMX_TESTS_GOLDEN_GOLDEN_RUN_H_

#include <string>
#include <vector>

#include "safetensors.h"

namespace smx::tests {

/// Quantizes the golden case `name` with `quantize_flags`, runs its inputs through `smx run --layers` with `run_flags`,
/// and returns every array that came out.
tools::ArrayMap RunGolden(const std::string& name, const std::vector<std::string>& quantize_flags,
                          const std::vector<std::string>& run_flags = {});

/// The largest absolute difference of two arrays of the same shape and dtype; of integers 0 or 1. NaN stays.
double LargestDifference(const tools::Array& a, const tools::Array& b);

}  // namespace smx::tests

#endif  // SMX_TESTS_GOLDEN_GOLDEN_RUN_H_
