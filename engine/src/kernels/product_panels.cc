#include "kernels/product_panels.h"

#include <algorithm>

namespace smx {
namespace {

uint8_t Stored(int8_t value) { return static_cast<uint8_t>(value + kPanelOffset); }

/// Where the panels keep input k of output n, and where the output's sum is.
struct Places {
  uint8_t* panels;
  size_t panel_bytes;
  size_t inputs;
  int32_t* sums;

  uint8_t* Of(size_t k, size_t n) const {
    const size_t place = PanelPlace(k, inputs);
    return panels + n / kPanelOutputs * panel_bytes +
           (place / kPanelInputs * kPanelOutputs + n % kPanelOutputs) * kPanelInputs + place % kPanelInputs;
  }
};

/// Row after row of the kernel, as it lies in memory.
void PackInputsFirst(const ProductWeights& weights, const Places& places) {
  for (size_t k = 0; k < weights.inputs; ++k) {
    const int8_t* const row = weights.Row<int8_t>(k);
    for (size_t first = 0; first < weights.outputs; first += kPanelOutputs) {
      uint8_t* const to = places.Of(k, first);
      const size_t count = std::min(kPanelOutputs, weights.outputs - first);
      for (size_t n = 0; n < count; ++n) {
        to[n * kPanelInputs] = Stored(row[first + n]);
        places.sums[first + n] += row[first + n];
      }
    }
  }
}

void PackOutputsFirst(const ProductWeights& weights, const Places& places) {
  for (size_t n = 0; n < weights.outputs; ++n) {
    const int8_t* const row = weights.Row<int8_t>(n);
    for (size_t k = 0; k < weights.inputs; ++k) {
      *places.Of(k, n) = Stored(row[k]);
      places.sums[n] += row[k];
    }
  }
}

}  // namespace

void PackPanels(const ProductWeights& weights, uint8_t* panels) {
  const size_t panel_bytes = PanelBytes(weights.inputs);
  uint8_t* const behind = panels + NumPanels(weights.outputs) * panel_bytes;
  const Places places = {panels, panel_bytes, weights.inputs, reinterpret_cast<int32_t*>(behind)};
  if (weights.outputs_first) {
    PackOutputsFirst(weights, places);
  } else {
    PackInputsFirst(weights, places);
  }
}

}  // namespace smx
