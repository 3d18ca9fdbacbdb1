#include "memory_peak.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <map>
#include <tuple>

#include <benchmark/benchmark.h>

#include "engine.h"

// A function once for each instruction set, of which the best is taken when the program starts.
#if defined(__x86_64__)
#define SMX_FOR_EACH_ISA __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define SMX_FOR_EACH_ISA
#endif

namespace smx::bench {
namespace {

/// Four whole lines of the cache: what is read and written a word at a time, at the ends of parts, would count as much
/// as all the rest.
constexpr size_t kPartWords = 64;

/// Zeros, aligned as an arena is.
class Words {
 public:
  explicit Words(size_t bytes) : bytes_(bytes) { std::memset(bytes_.data(), 0, bytes); }
  size_t count() const { return bytes_.size() / sizeof(uint32_t); }
  /// The `num_parts` parts are all of one size, a multiple of kPartWords; the words behind the last are in none.
  uint32_t* Part(size_t i, size_t num_parts) const {
    return reinterpret_cast<uint32_t*>(bytes_.data()) + i * PartSize(num_parts);
  }
  size_t PartSize(size_t num_parts) const { return count() / num_parts / kPartWords * kPartWords; }

 private:
  tools::AlignedBytes bytes_;
};

/// The sum of n words, n a multiple of 4; of each fourth of them for itself, since an addition takes longer to end than
/// to begin.
SMX_FOR_EACH_ISA uint32_t Read(const uint32_t* in, size_t n) {
  const size_t fourth = n / 4;
  uint32_t sums[4] = {};
  for (size_t i = 0; i < fourth; ++i) {
    sums[0] += in[i];
    sums[1] += in[i + fourth];
    sums[2] += in[i + 2 * fourth];
    sums[3] += in[i + 3 * fourth];
  }
  return sums[0] + sums[1] + sums[2] + sums[3];
}

SMX_FOR_EACH_ISA void Write(uint32_t value, uint32_t* out, size_t n) {
  for (size_t i = 0; i < n; ++i) out[i] = value;
}

SMX_FOR_EACH_ISA void Update(uint32_t* x, size_t n) {
  for (size_t i = 0; i < n; ++i) x[i] = ~x[i];
}

double Measure(const Traffic& traffic) {
  constexpr size_t kBlockBytes = 16384;
  constexpr size_t kBatchBytes = 8 << 20;  // some 0.3 ms, many times what the clock can tell apart
  constexpr size_t kBatches = 20;
  const Words read(traffic.read), written(traffic.written), updated(traffic.updated);
  const size_t blocks = traffic.bytes() / kBlockBytes + 1;
  const size_t words = read.PartSize(blocks) + written.PartSize(blocks) + 2 * updated.PartSize(blocks);
  const size_t bytes = blocks * words * sizeof(uint32_t);
  const size_t passes = kBatchBytes / bytes + 1;
  double best = 0;
  for (size_t batch = 0; batch < kBatches; ++batch) {
    const double begin = CpuSeconds();
    for (size_t pass = 0; pass < passes; ++pass) {
      for (size_t i = 0; i < blocks; ++i) {
        const uint32_t sum = Read(read.Part(i, blocks), read.PartSize(blocks));
        Write(sum, written.Part(i, blocks), written.PartSize(blocks));
        Update(updated.Part(i, blocks), updated.PartSize(blocks));
      }
      benchmark::ClobberMemory();
    }
    best = std::max(best, static_cast<double>(passes * bytes) / (CpuSeconds() - begin));
  }
  return best;
}

}  // namespace

double CpuSeconds() {
  timespec time = {};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double MemoryPeak(const Traffic& traffic) {
  static std::map<std::tuple<size_t, size_t, size_t>, double> known;
  double& peak = known[{traffic.read, traffic.written, traffic.updated}];
  if (peak == 0) peak = Measure(traffic);
  return peak;
}

}  // namespace smx::bench
