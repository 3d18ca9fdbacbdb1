#ifndef SMX_TOOLS_LIB_FORMATS_FLAX_FILE_H_
#define SMX_TOOLS_LIB_FORMATS_FLAX_FILE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "input_file.h"

namespace smx::tools {

/// An array of a Flax file: what it is, and where its values lie.
struct FlaxArray {
  struct Piece {
    uint64_t offset;
    uint64_t bytes;
  };

  std::string dtype;  // in the words of safetensors: "F32", "BF16", ...
  std::vector<size_t> shape;
  std::vector<Piece> pieces;  // one after the other the values, row-major, little-endian
  uint64_t bytes = 0;         // of all pieces
};

/// One file that Flax wrote by to_bytes: a training state with its step and, under "params", the parameters. An array
/// is an extension of type 1 that holds (shape, dtype, bytes), or a map of such chunks when it was too large for one.
/// All else of the state, the optimizer's part above all, is passed over unread.
///
/// Hostile input: sizes against the file, shapes against bytes, extension types, depth and repeated keys are checked
/// before anything is read for them; a breach is an Error(kBadInput) naming file, offset, key and rule.
///
/// Source: flax/serialization.py.
class FlaxFile {
 public:
  explicit FlaxFile(InputFile file);

  const std::string& path() const { return file_.path(); }
  uint64_t size() const { return file_.size(); }

  /// Parameters by their keys joined with "/".
  const std::map<std::string, FlaxArray>& arrays() const { return arrays_; }

  /// Of the state, where this file has one.
  std::optional<int64_t> step() const { return step_; }

  /// The values of an array of this file.
  std::vector<uint8_t> Read(const FlaxArray& array) const;

 private:
  InputFile file_;
  std::map<std::string, FlaxArray> arrays_;
  std::optional<int64_t> step_;
};

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_FORMATS_FLAX_FILE_H_
