#include "kernels/product_tiles.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define SMX_WITH_TILES __attribute__((target("amx-tile,amx-int8")))

namespace smx {
namespace {

// Sums of the upper rows, left and right outputs, then of the lower rows; rows; panel. The intrinsics want numbers that
// are literal.
#define SMX_UPPER_LEFT 0
#define SMX_UPPER_RIGHT 1
#define SMX_LOWER_LEFT 2
#define SMX_LOWER_RIGHT 3
#define SMX_UPPER 4
#define SMX_LOWER 5
#define SMX_LEFT 6
#define SMX_RIGHT 7

constexpr size_t kBytesOfTileRow = 64;
constexpr size_t kPanelRowBytes = kPanelOutputs * kPanelInputs;  // from kPanelInputs inputs to the next
constexpr size_t kSumsRowBytes = kPanelOutputs * sizeof(int32_t);
constexpr size_t kLeftOutputs = kBytesOfTileRow / sizeof(int32_t);
constexpr uint8_t kPanelRows = kTileInputs / kPanelInputs;
constexpr size_t kFetchesPerStep = kPanelRows * kFetchesPerGroup;
static_assert(kPanelOutputs == 2 * kLeftOutputs && kPanelRowBytes == 2 * kBytesOfTileRow,
              "two tiles beside each other");

/// As the processor reads it.
struct Configuration {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};

  void SetRows(int tile, size_t num_rows) {
    if (num_rows == 0) return;
    row_bytes[tile] = kBytesOfTileRow;
    rows[tile] = static_cast<uint8_t>(num_rows);
  }
};
static_assert(sizeof(Configuration) == 64, "64 bytes");

SMX_WITH_TILES void Load(const Configuration& configuration) {
  __asm__ volatile("" : : "r"(&configuration) : "memory");  // GCC 12 does not know that the next line reads all of it
  _tile_loadconfig(&configuration);
}

SMX_WITH_TILES void Release() { _tile_release(); }

}  // namespace

Tiles::Tiles(size_t num_rows) {
  const size_t num_blocks = (num_rows + kTileRows - 1) / kTileRows;
  block_rows_ = (num_rows + num_blocks - 1) / num_blocks;
  const size_t lower_rows = block_rows_ - upper_rows();
  Configuration configuration;
  configuration.SetRows(SMX_UPPER_LEFT, upper_rows());
  configuration.SetRows(SMX_UPPER_RIGHT, upper_rows());
  configuration.SetRows(SMX_UPPER, upper_rows());
  configuration.SetRows(SMX_LOWER_LEFT, lower_rows);
  configuration.SetRows(SMX_LOWER_RIGHT, lower_rows);
  configuration.SetRows(SMX_LOWER, lower_rows);
  configuration.SetRows(SMX_LEFT, kPanelRows);
  configuration.SetRows(SMX_RIGHT, kPanelRows);
  Load(configuration);
}

Tiles::~Tiles() { Release(); }

SMX_WITH_TILES void Tiles::Multiply(const int8_t* x, ptrdiff_t stride, const uint8_t* panel, size_t inputs,
                                    Fetched fetched, int32_t* sums) const {
  const bool has_lower = upper_rows() < block_rows_;
  const int8_t* const lower_x = has_lower ? x + static_cast<ptrdiff_t>(upper_rows()) * stride : nullptr;
  _tile_zero(SMX_UPPER_LEFT);
  _tile_zero(SMX_UPPER_RIGHT);
  if (has_lower) {
    _tile_zero(SMX_LOWER_LEFT);
    _tile_zero(SMX_LOWER_RIGHT);
  }
  for (size_t k = 0; k < inputs; k += kTileInputs) {
    for (size_t line = 0; line < kFetchesPerStep; ++line, fetched.from += fetched.stride) {
      __builtin_prefetch(fetched.from, 0, 2);
    }
    const uint8_t* const left = panel + k * kPanelOutputs;
    _tile_loadd(SMX_LEFT, left, kPanelRowBytes);
    _tile_loadd(SMX_RIGHT, left + kBytesOfTileRow, kPanelRowBytes);
    _tile_loadd(SMX_UPPER, x + k, stride);
    _tile_dpbsud(SMX_UPPER_LEFT, SMX_UPPER, SMX_LEFT);
    _tile_dpbsud(SMX_UPPER_RIGHT, SMX_UPPER, SMX_RIGHT);
    if (!has_lower) continue;
    _tile_loadd(SMX_LOWER, lower_x + k, stride);
    _tile_dpbsud(SMX_LOWER_LEFT, SMX_LOWER, SMX_LEFT);
    _tile_dpbsud(SMX_LOWER_RIGHT, SMX_LOWER, SMX_RIGHT);
  }
  _tile_stored(SMX_UPPER_LEFT, sums, kSumsRowBytes);
  _tile_stored(SMX_UPPER_RIGHT, sums + kLeftOutputs, kSumsRowBytes);
  if (!has_lower) return;
  int32_t* const lower_sums = sums + upper_rows() * kPanelOutputs;
  _tile_stored(SMX_LOWER_LEFT, lower_sums, kSumsRowBytes);
  _tile_stored(SMX_LOWER_RIGHT, lower_sums + kLeftOutputs, kSumsRowBytes);
}

}  // namespace smx

#endif  // __x86_64__
