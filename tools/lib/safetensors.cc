#include "safetensors.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "error.h"
#include "parse_json.h"

namespace smx::tools {
namespace {

using nlohmann::json;

// As the format's own reader has it.
constexpr uint64_t kMaxHeaderBytes = 100'000'000;

constexpr struct {
  const char* name;
  size_t bytes;
} kDtypes[] = {{"F32", 4}, {"F16", 2}, {"BF16", 2}, {"F64", 8}, {"I8", 1},  {"U8", 1}, {"BOOL", 1},
               {"I16", 2}, {"U16", 2}, {"I32", 4},  {"U32", 4}, {"I64", 8}, {"U64", 8}};

size_t DtypeBytes(const std::string& dtype) {
  for (const auto& known : kDtypes) {
    if (dtype == known.name) return known.bytes;
  }
  return 0;
}

[[noreturn]] void Fail(const std::string& path, const std::string& what) {
  throw Error(ExitCode::kBadInput, path + ": " + what);
}

/// Keys that repeat are refused: which of the two counts would be anybody's guess.
json ParseHeader(const std::string& path, const uint8_t* text, size_t size) {
  json header = ParseJson(path + ": safetensors header", text, size, RepeatedKeys::kRefused);
  if (!header.is_object()) Fail(path, "safetensors header: must be a JSON object");
  return header;
}

uint64_t UnsignedAt(const std::string& where, const json& value) {
  if (!value.is_number_unsigned()) throw Error(ExitCode::kBadInput, where + " must be a number of 0 or more");
  return value.get<uint64_t>();
}

/// Where an array's bytes lie behind the header.
struct Extent {
  uint64_t begin, end;
  Array* array;
  std::string where;
};

Extent ReadEntry(const std::string& where, const json& entry, uint64_t data_bytes, Array* array) {
  if (!entry.is_object() || !entry.contains("dtype") || !entry["dtype"].is_string() || !entry.contains("shape") ||
      !entry["shape"].is_array() || !entry.contains("data_offsets") || !entry["data_offsets"].is_array() ||
      entry["data_offsets"].size() != 2) {
    throw Error(ExitCode::kBadInput, where + ": must have dtype, shape and two data_offsets");
  }
  array->dtype = entry["dtype"].get<std::string>();
  uint64_t bytes = DtypeBytes(array->dtype);
  if (bytes == 0) throw Error(ExitCode::kBadInput, where + ": unknown dtype " + array->dtype);
  for (const json& extent : entry["shape"]) {
    const uint64_t n = UnsignedAt(where + ": shape", extent);
    if (n > SIZE_MAX || __builtin_mul_overflow(bytes, n, &bytes)) {
      throw Error(ExitCode::kBadInput, where + ": shape is too large");
    }
    array->shape.push_back(static_cast<size_t>(n));
  }
  const uint64_t begin = UnsignedAt(where + ": data_offsets", entry["data_offsets"][0]);
  const uint64_t end = UnsignedAt(where + ": data_offsets", entry["data_offsets"][1]);
  if (begin > end || end > data_bytes || end - begin != bytes) {
    throw Error(ExitCode::kBadInput, where + ": data_offsets " + std::to_string(begin) + ".." + std::to_string(end) +
                                         " must span the " + std::to_string(bytes) +
                                         " bytes of its shape and lie in the " + std::to_string(data_bytes) +
                                         " bytes behind the header (is the file cut short?)");
  }
  return {begin, end, array, where};
}

/// The arrays must fill the data without overlap or hole.
void CheckExtents(const std::string& path, std::vector<Extent>* extents, uint64_t data_bytes) {
  std::sort(extents->begin(), extents->end(),
            [](const Extent& a, const Extent& b) { return a.begin != b.begin ? a.begin < b.begin : a.end < b.end; });
  uint64_t end = 0;
  for (const Extent& extent : *extents) {
    if (extent.begin != end) {
      throw Error(ExitCode::kBadInput, extent.where + ": begins at " + std::to_string(extent.begin) +
                                           ", the array before it ends at " + std::to_string(end));
    }
    end = extent.end;
  }
  if (end != data_bytes) {
    Fail(path, "arrays end at " + std::to_string(end) + " of " + std::to_string(data_bytes) + " bytes of data");
  }
}

float HalfToFloat(uint16_t half) {
  const int exponent = (half >> 10) & 31;
  const float fraction = static_cast<float>(half & 1023);
  float value = 0;
  if (exponent == 31) {
    value = fraction == 0 ? INFINITY : NAN;
  } else if (exponent == 0) {
    value = std::ldexp(fraction, -24);
  } else {
    value = std::ldexp(fraction + 1024, exponent - 25);
  }
  return (half & 0x8000) != 0 ? -value : value;
}

float Bfloat16ToFloat(uint16_t bits) {
  const uint32_t wide = uint32_t{bits} << 16;
  float value;
  std::memcpy(&value, &wide, sizeof(value));
  return value;
}

/// Of an array whose dtype is T's.
template <typename T>
std::vector<T> CopyValues(const Array& array) {
  std::vector<T> values(array.NumValues());
  if (!values.empty()) std::memcpy(values.data(), array.bytes.data(), array.bytes.size());
  return values;
}

template <typename T>
Array FromValues(const char* dtype, const std::vector<T>& values, const std::vector<size_t>& shape) {
  Array array = {dtype, shape, std::vector<uint8_t>(values.size() * sizeof(T))};
  if (!values.empty()) std::memcpy(array.bytes.data(), values.data(), array.bytes.size());
  return array;
}

}  // namespace

size_t Array::NumValues() const {
  size_t count = 1;
  for (const size_t extent : shape) count *= extent;
  return count;
}

std::string ShapeText(const std::vector<size_t>& shape) {
  std::string text = "[";
  for (const size_t extent : shape) text += (text.size() == 1 ? "" : ",") + std::to_string(extent);
  return text + "]";
}

ArrayMap ReadSafetensors(const std::string& path) { return ReadSafetensors(InputFile(path)); }

ArrayMap ReadSafetensors(const InputFile& file) {
  const std::string& path = file.path();
  if (file.size() < 8) {
    Fail(path, "not a safetensors file: " + std::to_string(file.size()) + " bytes, its header alone has 8 and more");
  }
  uint8_t first[8];
  file.Read(0, sizeof(first), first);
  uint64_t header_bytes;
  std::memcpy(&header_bytes, first, sizeof(first));
  if (header_bytes > kMaxHeaderBytes || header_bytes > file.size() - 8) {
    Fail(path, "not a safetensors file, or cut short: its first 8 bytes announce a header of " +
                   std::to_string(header_bytes) + " bytes, the file has " + std::to_string(file.size()));
  }
  std::vector<uint8_t> text(static_cast<size_t>(header_bytes));
  file.Read(8, text.size(), text.data());
  const json header = ParseHeader(path, text.data(), text.size());
  const uint64_t data = 8 + header_bytes;
  ArrayMap arrays;
  std::vector<Extent> extents;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") continue;
    Array& array = arrays[name];
    extents.push_back(ReadEntry(path + ": array " + name, entry, file.size() - data, &array));
  }
  // Before anything is read: arrays that overlap could ask for many times the file.
  CheckExtents(path, &extents, file.size() - data);
  for (const Extent& extent : extents) {
    extent.array->bytes.resize(static_cast<size_t>(extent.end - extent.begin));
    file.Read(data + extent.begin, extent.array->bytes.size(), extent.array->bytes.data());
  }
  return arrays;
}

std::vector<uint8_t> SerializeSafetensors(const ArrayMap& arrays) {
  json header = json::object();
  uint64_t offset = 0;
  for (const auto& [name, array] : arrays) {
    header[name] = {
        {"dtype", array.dtype}, {"shape", array.shape}, {"data_offsets", {offset, offset + array.bytes.size()}}};
    offset += array.bytes.size();
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // so that values are aligned in a mapped file
  const uint64_t header_bytes = text.size();
  std::vector<uint8_t> file(8 + text.size() + static_cast<size_t>(offset));
  std::memcpy(file.data(), &header_bytes, 8);
  auto end = std::copy(text.begin(), text.end(), file.begin() + 8);
  for (const auto& item : arrays) end = std::copy(item.second.bytes.begin(), item.second.bytes.end(), end);
  return file;
}

std::vector<float> ToFloat(const std::string& name, const Array& array) {
  if (array.dtype == "F32") return CopyValues<float>(array);
  if (array.dtype != "F16" && array.dtype != "BF16") {
    throw Error(ExitCode::kBadInput, "array " + name + ": dtype " + array.dtype + ", must be F32, F16 or BF16");
  }
  std::vector<float> values(array.NumValues());
  for (size_t i = 0; i < values.size(); ++i) {
    uint16_t bits;
    std::memcpy(&bits, array.bytes.data() + 2 * i, 2);
    values[i] = array.dtype == "F16" ? HalfToFloat(bits) : Bfloat16ToFloat(bits);
  }
  return values;
}

std::vector<int32_t> ToInt32(const std::string& name, const Array& array) {
  if (array.dtype != "I32") {
    throw Error(ExitCode::kBadInput, "array " + name + ": dtype " + array.dtype + ", must be I32");
  }
  return CopyValues<int32_t>(array);
}

Array FromFloat(const std::vector<float>& values, const std::vector<size_t>& shape) {
  return FromValues("F32", values, shape);
}

Array FromInt32(const std::vector<int32_t>& values, const std::vector<size_t>& shape) {
  return FromValues("I32", values, shape);
}

Array FromUint8(const std::vector<uint8_t>& values, const std::vector<size_t>& shape) {
  return FromValues("U8", values, shape);
}

}  // namespace smx::tools
