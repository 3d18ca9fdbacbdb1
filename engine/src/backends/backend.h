#ifndef SMX_BACKENDS_BACKEND_H_
#define SMX_BACKENDS_BACKEND_H_

#include <cstddef>
#include <cstdint>

#include "base/fixed_array.h"
#include "base/shared_slot.h"
#include "kernels/kernel_table.h"
#include "smx/options.h"
#include "smx/platform.h"
#include "smx/status.h"

#if SMX_WITH_XNNPACK
#include "backends/pthreadpool/thread_pool.h"
#include "backends/xnnpack/packed_weights.h"
#endif

namespace smx {

/// By which int8 products are computed.
enum class Int8Products : uint8_t {
  kReference,
  kXnnpack,
  kPanels,  // KernelTable::product_panels
};

/// What the products of one session share: kernels, threads, packed weights, and the count of their work.
struct Backend {
  /// Starts the threads and puts every kind of int8 product that is going to be used to the test. One that is wrong is
  /// not used, but the next best: the log says so, and name() tells which. `shared` belongs to the model, keeps
  /// its packed weights for all sessions, and is locked from here until FinishCreation or the end of this object.
  ///
  /// @retval kOutOfMemory, kBackendFailure
  Status Create(const Options& options, bool has_int8_products, SharedSlot* shared);

  /// All products are created; from now on they run.
  ///
  /// @retval kOutOfMemory
  /// @retval kIoError  a budget for experts, and no cache file to read them from.
  Status FinishCreation();

  /// Calls body(thread, first, count) for parts of 0 .. size - 1 that together are all of it, on all threads where
  /// that pays; each of `size` is worth `values` values. `thread` is below num_threads(), and is that of one part at a
  /// time. What comes out must not depend on the parts.
  template <typename Body>
  void Split(size_t size, size_t values, const Body& body) const;
  /// Calls body(first, count) so for rows of `cols` values.
  template <typename Body>
  void SplitRows(size_t rows, size_t cols, const Body& body) const {
    Split(rows, cols, [&body](size_t, size_t first, size_t count) { body(first, count); });
  }
  size_t num_threads() const;
  /// Threads that look out for work sleep from now on.
  void Rest() const;

  /// Room in `row_sums` for a product of so many rows.
  Status ReserveRowSums(size_t rows) { return rows <= row_sums.size() ? Status::kOk : row_sums.Allocate(rows); }

  const char* name() const;
  /// Int8 products that pack weights.
  bool has_fast_int8() const { return int8_products != Int8Products::kReference; }

  KernelTable kernels;
  Int8Products int8_products = Int8Products::kReference;
  bool has_product_of_columns = false;  // KernelTable::product_of_columns is there, and right
  FixedArray<int32_t> row_sums;         // room for those of one product at a time, see SumRowsFn
  uint64_t macs = 0;                    // multiply-adds of products since somebody set it to 0
  size_t packed_bytes = 0;              // of the model's packed weights when creation was finished,
  size_t mapped_bytes = 0;              // and how many of them are mapped from a file
  size_t experts_budget_bytes = 0;      // see LoadOptions; 0: all of them stay
  size_t experts_kept_bytes = 0;        // that stay within the budget, of the experts created so far
  Log log;
#if SMX_WITH_XNNPACK
  ThreadPool threads;
  PackedStore* store = nullptr;  // the content of `shared`
  PackedWeights packed;
  std::unique_lock<std::mutex> lock;  // of `shared`
#endif

 private:
  /// The best that Options allow, that can be used here, and that are right.
  Status ChooseInt8Products(const Options& options);
  Status CheckColumns();

  /// How many parts pay; 1 when it is better done at once.
  size_t NumParts(size_t size, size_t values) const;
};

/// What a value costs that is read, changed and written, in multiply-adds of the fastest products: for Split.
inline constexpr size_t kMacsPerValue = 128;

/// Entries behind int8 rows and their quantization that a library may read; the same in every build, so that an arena
/// is.
inline constexpr size_t kExtraInputBytes = 128;
inline constexpr size_t kExtraInputRows = 16;

#if SMX_WITH_XNNPACK

inline size_t Backend::num_threads() const { return threads.num_threads(); }
inline void Backend::Rest() const { threads.Rest(); }

template <typename Body>
void Backend::Split(size_t size, size_t values, const Body& body) const {
  const size_t parts = NumParts(size, values);
  if (parts <= 1) return body(0, 0, size);
  const size_t each = (size + parts - 1) / parts;
  const auto part_of = [&body, size, each](size_t thread, size_t part) {
    const size_t first = part * each;
    if (first < size) body(thread, first, size - first < each ? size - first : each);
  };
  threads.Run(
      parts,
      [](const void* context, size_t thread, size_t part) {
        (*static_cast<decltype(part_of)*>(context))(thread, part);
      },
      &part_of);
}

#else

inline size_t Backend::num_threads() const { return 1; }
inline void Backend::Rest() const {}

template <typename Body>
void Backend::Split(size_t size, size_t, const Body& body) const {
  body(0, 0, size);
}

#endif

/// TransposeFn on all threads, each with columns of `in`.
void Transpose(const Backend& backend, ConstMatF in, MatF out);

}  // namespace smx

#endif  // SMX_BACKENDS_BACKEND_H_
