#include "support/flax_writer.h"

#include <numeric>

namespace smx::tests {
namespace msgpack {
namespace {

/// `tag`, then `value` in `num_bytes` bytes, the first the highest.
std::string Tagged(int tag, uint64_t value, int num_bytes) {
  std::string out(1, static_cast<char>(tag));
  for (int i = num_bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i) & 0xff);
  return out;
}

}  // namespace

std::string Integer(uint64_t value) {
  return value < 128 ? Tagged(static_cast<int>(value), 0, 0) : Tagged(0xcf, value, 8);
}
std::string Text(const std::string& text) {
  const size_t n = text.size();
  return (n < 32 ? Tagged(0xa0 | static_cast<int>(n), 0, 0) : Tagged(0xda, n, 2)) + text;
}
std::string Binary(const std::string& bytes) { return Tagged(0xc6, bytes.size(), 4) + bytes; }
std::string Extension(int type, const std::string& bytes) {
  return Tagged(0xc9, bytes.size(), 4) + static_cast<char>(type) + bytes;
}
std::string MapHead(size_t pairs) {
  return pairs < 16 ? Tagged(0x80 | static_cast<int>(pairs), 0, 0) : Tagged(0xde, pairs, 2);
}
std::string ArrayHead(size_t elements) {
  return elements < 16 ? Tagged(0x90 | static_cast<int>(elements), 0, 0) : Tagged(0xdc, elements, 2);
}

}  // namespace msgpack

namespace {

using tools::Array;
using tools::ArrayMap;

size_t BytesOf(const std::string& dtype) { return dtype == "F32" ? 4 : 2; }

std::string NumpyName(const std::string& dtype) {
  return dtype == "F32" ? "float32" : dtype == "F16" ? "float16" : "bfloat16";
}

/// {"0": first, "1": second, ...}
std::string Numbered(const std::vector<std::string>& values) {
  std::string out = msgpack::MapHead(values.size());
  for (size_t i = 0; i < values.size(); ++i) out += msgpack::Text(std::to_string(i)) + values[i];
  return out;
}

/// Nested maps of the arrays from `begin` on whose names begin with `prefix`.
std::string Nested(const ArrayMap& arrays, const std::string& prefix, size_t chunk_values) {
  std::string out;
  size_t pairs = 0;
  for (auto it = arrays.lower_bound(prefix); it != arrays.end() && it->first.rfind(prefix, 0) == 0; ++pairs) {
    const size_t slash = it->first.find('/', prefix.size());
    const std::string key = it->first.substr(prefix.size(), slash - prefix.size());
    out += msgpack::Text(key);
    if (slash == std::string::npos) {
      out += FlaxArray(it->second, chunk_values);
      ++it;
      continue;
    }
    const std::string below = prefix + key + "/";
    out += Nested(arrays, below, chunk_values);
    while (it != arrays.end() && it->first.rfind(below, 0) == 0) ++it;
  }
  return msgpack::MapHead(pairs) + out;
}

Array EmptyArray() { return {"F32", {0}, {}}; }

bool IsSharded(const std::string& name) { return name.find("expert") != std::string::npos; }

/// [a, experts, ...] -> [count, a, experts / devices, ...] of the devices from `first` on.
Array Cut(const Array& array, size_t first, size_t count, size_t devices) {
  const size_t rows = array.shape[0];
  const size_t block = array.bytes.size() / rows / devices;
  Array cut = {array.dtype, array.shape, {}};
  cut.shape[1] /= devices;
  cut.shape.insert(cut.shape.begin(), count);
  for (size_t device = first; device < first + count; ++device) {
    for (size_t row = 0; row < rows; ++row) {
      const auto begin = array.bytes.begin() + static_cast<std::ptrdiff_t>((row * devices + device) * block);
      cut.bytes.insert(cut.bytes.end(), begin, begin + static_cast<std::ptrdiff_t>(block));
    }
  }
  return cut;
}

}  // namespace

std::string FlaxArray(const std::string& dtype, const std::vector<size_t>& shape, const std::string& bytes) {
  std::string packed = msgpack::ArrayHead(3) + msgpack::ArrayHead(shape.size());
  for (const size_t extent : shape) packed += msgpack::Integer(extent);
  return msgpack::Extension(1, packed + msgpack::Text(dtype) + msgpack::Binary(bytes));
}

std::string FlaxArray(const Array& array, size_t chunk_values) {
  const std::string bytes(array.bytes.begin(), array.bytes.end());
  const std::string dtype = NumpyName(array.dtype);
  if (array.NumValues() <= chunk_values) return FlaxArray(dtype, array.shape, bytes);
  std::vector<std::string> shape, chunks;
  for (const size_t extent : array.shape) shape.push_back(msgpack::Integer(extent));
  const size_t size = BytesOf(array.dtype);
  for (size_t first = 0; first < array.NumValues(); first += chunk_values) {
    const std::string part = bytes.substr(first * size, chunk_values * size);
    chunks.push_back(FlaxArray(dtype, {part.size() / size}, part));
  }
  return msgpack::MapHead(3) + msgpack::Text("__msgpack_chunked_array__") + "\xc3" + msgpack::Text("shape") +
         Numbered(shape) + msgpack::Text("chunks") + Numbered(chunks);
}

std::string FlaxState(const ArrayMap& params, uint64_t step, size_t chunk_values) {
  const std::string nested = Nested(params, "", chunk_values);
  std::string step_bytes(8, '\0');
  for (int i = 0; i < 8; ++i) step_bytes[static_cast<size_t>(i)] = static_cast<char>(step >> (8 * i) & 0xff);
  const std::string adam = msgpack::MapHead(2) + msgpack::Text("count") + FlaxArray("int32", {}, std::string(4, '\1')) +
                           msgpack::Text("mu") + nested;
  return msgpack::MapHead(3) + msgpack::Text("step") + FlaxArray("int64", {}, step_bytes) + msgpack::Text("params") +
         nested + msgpack::Text("opt_state") + Numbered({adam, msgpack::MapHead(0)});
}

std::vector<std::string> FlaxShards(const ArrayMap& params, const std::vector<size_t>& local_devices, uint64_t step) {
  const size_t devices = std::accumulate(local_devices.begin(), local_devices.end(), size_t{0});
  ArrayMap replicated = params;
  for (auto& [name, array] : replicated) {
    if (IsSharded(name)) array = EmptyArray();
  }
  std::vector<std::string> files = {FlaxState(replicated, step)};
  size_t first = 0;
  for (const size_t count : local_devices) {
    ArrayMap shard;
    for (const auto& [name, array] : params) {
      shard[name] = IsSharded(name) ? Cut(array, first, count, devices) : EmptyArray();
    }
    files.push_back(FlaxState(shard, step));
    first += count;
  }
  return files;
}

}  // namespace smx::tests
