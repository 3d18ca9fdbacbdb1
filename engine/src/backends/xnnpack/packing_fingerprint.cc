#include "backends/xnnpack/packing_fingerprint.h"

#include <cstring>

#include <xnnpack.h>

#include "backends/xnnpack/fully_connected.h"
#include "backends/xnnpack/packed_weights.h"
#include "base/fixed_array.h"
#include "smx/sha256.h"

namespace smx {
namespace {

// Odd numbers, larger than a kernel's tile, so that every order of packing gives other bytes.
constexpr size_t kInputs = 131;
constexpr size_t kOutputs = 69;

Status HashPacked(const int8_t* kernel, bool outputs_first, const Log& log, Sha256* hash) {
  constexpr float kScale = 1.0f;
  ProductWeights weights;
  weights.type = WeightType::kQc8w;
  weights.outputs_first = outputs_first;
  weights.inputs = kInputs;
  weights.outputs = kOutputs;
  weights.stride = outputs_first ? kInputs : kOutputs;
  weights.kernel = kernel;
  weights.scales = &kScale;
  weights.has_one_scale = true;
  const auto store = MakeUnique<PackedStore>(WeightsFile{});
  if (store == nullptr) return Status::kOutOfMemory;
  PackedWeights packed;
  XnnpackFullyConnected product;
  SMX_TRY(packed.Create(store.get()));
  SMX_TRY(product.Create(weights, 1, &packed, log));
  hash->Update({packed.block()->data, packed.block()->bytes});
  return Status::kOk;
}

}  // namespace

Status FingerprintPacking(const uint8_t model_sha256[32], const Log& log, PackedFingerprint* fingerprint) {
  *fingerprint = {};
  std::memcpy(fingerprint->model_sha256, model_sha256, sizeof(fingerprint->model_sha256));
  std::strncpy(fingerprint->isa, IsaName(), sizeof(fingerprint->isa) - 1);
  Sha256 hash;
  hash.Update({static_cast<const uint8_t*>(xnn_experimental_get_build_identifier_data()),
               xnn_experimental_get_build_identifier_size()});
  FixedArray<int8_t> kernel;
  SMX_TRY(kernel.Allocate(kInputs * kOutputs));
  for (size_t i = 0; i < kernel.size(); ++i) kernel[i] = static_cast<int8_t>(static_cast<int>(i * 7 % 255) - 127);
  for (const bool outputs_first : {false, true}) SMX_TRY(HashPacked(kernel.data(), outputs_first, log, &hash));
  hash.Finish(fingerprint->library_sha256);
  return Status::kOk;
}

}  // namespace smx
