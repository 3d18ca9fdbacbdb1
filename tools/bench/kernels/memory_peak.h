#ifndef SMX_TOOLS_BENCH_KERNELS_MEMORY_PEAK_H_
#define SMX_TOOLS_BENCH_KERNELS_MEMORY_PEAK_H_

#include <cstddef>

namespace smx::bench {

/// Bytes that a kernel has to move, were its registers large enough to hold all the rest: each is counted once, those
/// that it updates in place, read and written, twice.
struct Traffic {
  size_t read = 0;
  size_t written = 0;
  size_t updated = 0;

  size_t bytes() const { return read + written + 2 * updated; }
};

/// Bytes per second of processor time that this thread reaches at best when it moves so many bytes and computes next to
/// nothing: it reads, writes and updates blocks of arrays of these sizes in turns, again and again, by the widest
/// vectors there are. So the peak is that of the cache which the working set fits in, or of the memory behind. Measured
/// once for each traffic.
double MemoryPeak(const Traffic& traffic);

/// Processor time of this process.
double CpuSeconds();

}  // namespace smx::bench

#endif  // SMX_TOOLS_BENCH_KERNELS_MEMORY_PEAK_H_
