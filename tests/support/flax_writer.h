#ifndef SMX_TESTS_SUPPORT_FLAX_WRITER_H_
#define SMX_TESTS_SUPPORT_FLAX_WRITER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "safetensors.h"

namespace smx::tests {

/// Values as MessagePack, to be put one behind the other.
namespace msgpack {

std::string Integer(uint64_t value);
std::string Text(const std::string& text);
std::string Binary(const std::string& bytes);
std::string Extension(int type, const std::string& bytes);
std::string MapHead(size_t pairs);
std::string ArrayHead(size_t elements);

}  // namespace msgpack

/// An array as Flax packs it: an extension that holds shape, NumPy's name of the dtype, bytes.
std::string FlaxArray(const std::string& dtype, const std::vector<size_t>& shape, const std::string& bytes);
/// The same of an array of a checkpoint, in chunks of so many values where it has more.
std::string FlaxArray(const tools::Array& array, size_t chunk_values = SIZE_MAX);

/// A training state of `params`, whose names become nested maps, with a step and an optimizer's state that holds as
/// much again.
std::string FlaxState(const tools::ArrayMap& params, uint64_t step, size_t chunk_values = SIZE_MAX);

/// What the reference saves of a training on `local_devices.size()` processes with so many devices each: the replicated
/// state, then that of each process. Arrays whose names hold "expert" are cut along axis 1.
std::vector<std::string> FlaxShards(const tools::ArrayMap& params, const std::vector<size_t>& local_devices,
                                    uint64_t step);

}  // namespace smx::tests

#endif  // SMX_TESTS_SUPPORT_FLAX_WRITER_H_
