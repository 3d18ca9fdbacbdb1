#ifndef SMX_TOOLS_SMX_BENCH_MIXERS_H_
#define SMX_TOOLS_SMX_BENCH_MIXERS_H_

#include <nlohmann/json.hpp>

namespace smx::tools {

/// Measures every mixing but attention by each of its ways, alone in models made up for it, [L, d] from 64 to
/// `largest`, or 1024 for 0; at most `repeat` runs each. Times are medians.
nlohmann::ordered_json MeasureMixers(size_t largest, size_t repeat);

/// The same as a table for people.
void PrintMixers(const nlohmann::ordered_json& report);

}  // namespace smx::tools

#endif  // SMX_TOOLS_SMX_BENCH_MIXERS_H_
