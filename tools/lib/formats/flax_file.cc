#include "formats/flax_file.h"

#include <cstring>
#include <set>

#include "formats/msgpack.h"

namespace smx::tools {
namespace {

constexpr uint64_t kMaxKeyBytes = 1024;
constexpr size_t kMaxDepth = 64;
constexpr uint64_t kMaxRank = 32;
constexpr int kArrayExtension = 1;
constexpr char kChunkedMark[] = "__msgpack_chunked_array__";

struct Dtype {
  const char* name;         // NumPy's
  const char* safetensors;  // and the name of the same in a safetensors file
  uint64_t bytes;
};
constexpr Dtype kDtypes[] = {
    {"float32", "F32", 4}, {"float16", "F16", 2}, {"bfloat16", "BF16", 2}, {"float64", "F64", 8}, {"int8", "I8", 1},
    {"uint8", "U8", 1},    {"bool", "BOOL", 1},   {"int16", "I16", 2},     {"uint16", "U16", 2},  {"int32", "I32", 4},
    {"uint32", "U32", 4},  {"int64", "I64", 8},   {"uint64", "U64", 8}};

std::string Joined(const std::string& prefix, const std::string& key) {
  return prefix.empty() ? key : prefix + "/" + key;
}

const Dtype* FindDtype(const std::string& name) {
  for (const Dtype& dtype : kDtypes) {
    if (name == dtype.name) return &dtype;
  }
  return nullptr;
}

/// Walks through one file.
class FlaxParser {
 public:
  FlaxParser(const InputFile& file, std::map<std::string, FlaxArray>* arrays)
      : file_(file), in_(file), arrays_(arrays) {}

  /// Returns the step.
  std::optional<int64_t> ParseState();

 private:
  std::string ParseKey(const std::string& prefix);
  std::optional<int64_t> ParseStep();
  void ParseParams(const std::string& prefix, size_t depth);
  FlaxArray ParseChunked(const std::string& key, const MsgpackHead& map);
  FlaxArray ParseArray(const MsgpackHead& head);
  std::vector<size_t> ParseShape();
  /// A map whose keys are the numbers below its size: what Flax makes of a tuple. Hands each to `use` as it comes.
  template <typename Use>
  void ParseNumbered(const std::string& prefix, Use use);
  std::vector<size_t> ParseChunkedShape(const std::string& key);
  void ParseChunks(const std::string& key, FlaxArray* array);
  size_t ExtentOf(const MsgpackHead& head) const;
  /// Error unless the array has the bytes that its shape asks for.
  void CheckBytes(uint64_t offset, const FlaxArray& array) const;

  const InputFile& file_;
  MsgpackReader in_;
  std::map<std::string, FlaxArray>* arrays_;
};

/// The key of the next pair of the map at `prefix`; from now on messages speak of it.
std::string FlaxParser::ParseKey(const std::string& prefix) {
  in_.SetKey(prefix);
  std::string key = in_.Text(in_.Expect(MsgpackKind::kText), kMaxKeyBytes);
  in_.SetKey(Joined(prefix, key));
  return key;
}

std::optional<int64_t> FlaxParser::ParseState() {
  std::optional<int64_t> step;
  bool has_params = false;
  const MsgpackHead map = in_.Expect(MsgpackKind::kMap);
  for (uint64_t i = 0; i < map.size; ++i) {
    const std::string key = ParseKey("");
    if (key == "step") {
      step = ParseStep();
    } else if (key == "params") {
      if (has_params) in_.Fail(in_.position(), "occurs twice");
      has_params = true;
      ParseParams("", 0);
    } else {
      in_.SkipValue();
    }
  }
  in_.SetKey("");
  if (!has_params) in_.Fail(0, "has no key params; must be the state of a training as Flax writes it");
  if (in_.position() != file_.size()) {
    in_.Fail(in_.position(), std::to_string(file_.size() - in_.position()) + " bytes behind the end of the state");
  }
  return step;
}

/// An integer, or an array of one; an empty array in the file of a shard.
std::optional<int64_t> FlaxParser::ParseStep() {
  const MsgpackHead head = in_.Next();
  if (head.kind == MsgpackKind::kInteger) return head.integer;
  const FlaxArray array = ParseArray(head);
  const bool is_one_integer = array.dtype == "I32" || array.dtype == "I64" || array.dtype == "U32";
  if (!is_one_integer || array.bytes > sizeof(int64_t) || array.bytes == 0) return std::nullopt;
  uint8_t bytes[sizeof(int64_t)] = {};
  file_.Read(array.pieces[0].offset, static_cast<size_t>(array.bytes), bytes);
  int64_t step;
  std::memcpy(&step, bytes, sizeof(step));
  return step;
}

void FlaxParser::ParseParams(const std::string& prefix, size_t depth) {
  const MsgpackHead head = in_.Next();
  FlaxArray array;
  if (depth == 0 && head.kind != MsgpackKind::kMap) {
    in_.Fail(head.offset, std::string("is ") + NameOf(head.kind) + ", must be a map");
  } else if (head.kind == MsgpackKind::kMap && depth < kMaxDepth) {
    for (uint64_t i = 0; i < head.size; ++i) {
      const std::string key = ParseKey(prefix);
      if (i == 0 && depth > 0 && key == kChunkedMark) {
        array = ParseChunked(prefix, head);
        break;
      }
      ParseParams(Joined(prefix, key), depth + 1);
    }
    if (array.dtype.empty()) return;
  } else if (head.kind == MsgpackKind::kMap) {
    in_.Fail(head.offset, "nested more than " + std::to_string(kMaxDepth) + " deep");
  } else {
    array = ParseArray(head);
  }
  if (!arrays_->emplace(prefix, std::move(array)).second) in_.Fail(head.offset, "occurs twice");
}

FlaxArray FlaxParser::ParseArray(const MsgpackHead& head) {
  if (head.kind != MsgpackKind::kExtension || head.extension != kArrayExtension) {
    const std::string type = head.kind == MsgpackKind::kExtension ? " of type " + std::to_string(head.extension) : "";
    in_.Fail(head.offset, std::string("is ") + NameOf(head.kind) + type +
                              ", must be an array, which is an extension of type " + std::to_string(kArrayExtension));
  }
  const uint64_t end = in_.position() + head.size;
  if (in_.Expect(MsgpackKind::kArray).size != 3) in_.Fail(head.offset, "must hold three parts: shape, dtype, bytes");
  FlaxArray array;
  array.shape = ParseShape();
  const MsgpackHead dtype = in_.Next();
  const bool is_text = dtype.kind == MsgpackKind::kText || dtype.kind == MsgpackKind::kBinary;
  const std::string name = is_text ? in_.Text(dtype, kMaxKeyBytes) : "";
  if (FindDtype(name) == nullptr) in_.Fail(dtype.offset, "unknown dtype " + name.substr(0, 40));
  array.dtype = FindDtype(name)->safetensors;
  const MsgpackHead data = in_.Expect(MsgpackKind::kBinary);
  array.pieces = {{in_.position(), data.size}};
  array.bytes = data.size;
  in_.SkipBytes(data.size);
  if (in_.position() != end) {
    in_.Fail(head.offset, "an extension of " + std::to_string(head.size) + " bytes, but its parts end " +
                              (in_.position() < end ? "before" : "behind") + " its end");
  }
  CheckBytes(head.offset, array);
  return array;
}

size_t FlaxParser::ExtentOf(const MsgpackHead& head) const {
  if (head.integer >= 0 && static_cast<uint64_t>(head.integer) <= SIZE_MAX) return static_cast<size_t>(head.integer);
  in_.Fail(head.offset, "shape: " + std::to_string(head.integer) + ", must be a number of 0 or more");
}

std::vector<size_t> FlaxParser::ParseShape() {
  const MsgpackHead head = in_.Expect(MsgpackKind::kArray);
  if (head.size > kMaxRank) in_.Fail(head.offset, "shape: " + std::to_string(head.size) + " axes, must be at most 32");
  std::vector<size_t> shape;
  for (uint64_t i = 0; i < head.size; ++i) shape.push_back(ExtentOf(in_.Expect(MsgpackKind::kInteger)));
  return shape;
}

void FlaxParser::CheckBytes(uint64_t offset, const FlaxArray& array) const {
  uint64_t bytes = 0;
  for (const Dtype& dtype : kDtypes) {
    if (array.dtype == dtype.safetensors) bytes = dtype.bytes;
  }
  for (const size_t extent : array.shape) {
    if (__builtin_mul_overflow(bytes, uint64_t{extent}, &bytes)) in_.Fail(offset, "shape is too large");
  }
  if (bytes == array.bytes) return;
  in_.Fail(offset, "shape and dtype " + array.dtype + " ask for " + std::to_string(bytes) + " bytes, there are " +
                       std::to_string(array.bytes));
}

/// `map` without its first pair's value and all that follows is still to be read.
FlaxArray FlaxParser::ParseChunked(const std::string& key, const MsgpackHead& map) {
  in_.Expect(MsgpackKind::kBool);
  FlaxArray array;
  bool has_shape = false;
  bool has_chunks = false;
  for (uint64_t i = 1; i < map.size; ++i) {
    const std::string part = ParseKey(key);
    if (part == "shape" && !has_shape) {
      has_shape = true;
      array.shape = ParseChunkedShape(Joined(key, part));
    } else if (part == "chunks" && !has_chunks) {
      has_chunks = true;
      ParseChunks(Joined(key, part), &array);
    } else {
      in_.Fail(in_.position(), "unexpected in a chunked array, which has shape and chunks, once each");
    }
  }
  in_.SetKey(key);
  if (!has_shape || !has_chunks) in_.Fail(map.offset, "a chunked array must have shape and chunks");
  CheckBytes(map.offset, array);
  return array;
}

template <typename Use>
void FlaxParser::ParseNumbered(const std::string& prefix, Use use) {
  const MsgpackHead map = in_.Expect(MsgpackKind::kMap);
  std::set<uint64_t> seen;
  for (uint64_t i = 0; i < map.size; ++i) {
    const std::string key = ParseKey(prefix);
    const bool is_number = !key.empty() && key.size() < 19 && key.find_first_not_of("0123456789") == std::string::npos;
    const uint64_t number = is_number ? std::stoull(key) : map.size;
    if (number >= map.size || !seen.insert(number).second) {
      in_.Fail(in_.position(), "must be a number below " + std::to_string(map.size) + ", and be there once");
    }
    use(number);
  }
  in_.SetKey(prefix);
}

std::vector<size_t> FlaxParser::ParseChunkedShape(const std::string& key) {
  std::map<uint64_t, size_t> extents;
  const uint64_t offset = in_.position();
  ParseNumbered(key, [&](uint64_t axis) { extents[axis] = ExtentOf(in_.Expect(MsgpackKind::kInteger)); });
  if (extents.size() > kMaxRank) in_.Fail(offset, std::to_string(extents.size()) + " axes, must be at most 32");
  std::vector<size_t> shape;
  shape.reserve(extents.size());
  for (const auto& item : extents) shape.push_back(item.second);
  return shape;
}

/// Arrays of one axis and the same dtype, which follow each other in the order of their numbers.
void FlaxParser::ParseChunks(const std::string& key, FlaxArray* array) {
  std::map<uint64_t, FlaxArray> chunks;
  const uint64_t offset = in_.position();
  ParseNumbered(key, [&](uint64_t number) {
    const MsgpackHead head = in_.Next();
    FlaxArray chunk = ParseArray(head);
    if (chunk.shape.size() != 1) in_.Fail(head.offset, "a chunk must have one axis");
    if (!chunks.empty() && chunk.dtype != chunks.begin()->second.dtype) {
      in_.Fail(head.offset, "dtype " + chunk.dtype + ", must be that of the other chunks");
    }
    chunks[number] = std::move(chunk);
  });
  if (chunks.empty()) in_.Fail(offset, "must not be empty");
  array->dtype = chunks.begin()->second.dtype;
  for (const auto& item : chunks) {
    array->pieces.push_back(item.second.pieces[0]);
    array->bytes += item.second.bytes;
  }
}

}  // namespace

FlaxFile::FlaxFile(InputFile file) : file_(std::move(file)) { step_ = FlaxParser(file_, &arrays_).ParseState(); }

std::vector<uint8_t> FlaxFile::Read(const FlaxArray& array) const {
  std::vector<uint8_t> values(static_cast<size_t>(array.bytes));
  size_t done = 0;
  for (const FlaxArray::Piece& piece : array.pieces) {
    file_.Read(piece.offset, static_cast<size_t>(piece.bytes), values.data() + done);
    done += static_cast<size_t>(piece.bytes);
  }
  return values;
}

}  // namespace smx::tools
