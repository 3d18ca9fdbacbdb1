#ifndef SMX_KERNELS_PRODUCT_TILES_H_
#define SMX_KERNELS_PRODUCT_TILES_H_

#include <cstddef>
#include <cstdint>

#include "kernels/product_panels.h"

namespace smx {

/// Inputs that tiles take in one step.
inline constexpr size_t kTileInputs = 64;
/// Most rows of sums at a time, of two tiles below each other.
inline constexpr size_t kTileRows = 32;

/// The tile registers of a thread (AMX), which multiply 16 rows of 64 signed bytes by 64 rows of 16 unsigned ones in
/// one instruction; configured for a number of rows from here to its end. Only where HasAmxInt8(), one at a time per
/// thread.
class Tiles {
 public:
  /// num_rows > 0; they are taken in blocks of one size.
  explicit Tiles(size_t num_rows);
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;
  ~Tiles();

  size_t block_rows() const { return block_rows_; }

  /// sums [block_rows, kPanelOutputs] = x [block_rows, inputs] times a panel of kernels/product_panels.h as it is
  /// stored, modulo 2^32. `stride` values lie between rows of x; `inputs` is a multiple of kTileInputs.
  void Multiply(const int8_t* x, ptrdiff_t stride, const uint8_t* panel, size_t inputs, Fetched fetched,
                int32_t* sums) const;

 private:
  /// Of the first tile; the other has the rest, of one row none.
  size_t upper_rows() const { return (block_rows_ + 1) / 2; }

  size_t block_rows_;
};

}  // namespace smx

#endif  // SMX_KERNELS_PRODUCT_TILES_H_
