#ifndef SMX_TESTS_SUPPORT_MODEL_BYTES_H_
#define SMX_TESTS_SUPPORT_MODEL_BYTES_H_

#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <vector>

#include "engine.h"
#include "file_format.h"
#include "schema/model_generated.h"
#include "smx/model.h"

namespace smx::tests {

/// How loading ended, and what the log said.
struct Loaded {
  Status status;
  std::string log;
};

/// A model file in memory that a test breaks. Fields of the metadata are written where they lie, so only those that
/// differ from the schema's defaults can be; Rehash() then makes the change look intended.
class ModelBytes {
 public:
  explicit ModelBytes(const std::vector<uint8_t>& file) : bytes_(file) {}

  uint8_t* data() const { return bytes_.data(); }
  size_t size() const { return bytes_.size(); }
  schema::FileHeader* header() const { return reinterpret_cast<schema::FileHeader*>(bytes_.data()); }
  const schema::Model& model() const { return *schema::GetModel(metadata()); }
  /// The tensor of that name; fails the test when there is none.
  const schema::Tensor& tensor(const std::string& name) const;

  /// Overwrites a field of a table, such as (*model().config(), schema::Config::VT_D_MODEL, uint32_t{0}).
  template <typename Table, typename T>
  void Set(const Table& table, flatbuffers::voffset_t field, T value) const {
    uint8_t* at = AsTable(table)->GetAddressOf(field);
    REQUIRE_MESSAGE(at != nullptr, "the field has its default, so it is not in the file");
    flatbuffers::WriteScalar(at, value);
  }

  /// Lets an absent field read the bytes of one that is there: the way to give it a value without moving anything.
  template <typename Table>
  void Alias(const Table& table, flatbuffers::voffset_t absent, flatbuffers::voffset_t there) const {
    uint8_t* vtable = const_cast<uint8_t*>(AsTable(table)->GetVTable());
    REQUIRE(absent < flatbuffers::ReadScalar<flatbuffers::voffset_t>(vtable));
    flatbuffers::WriteScalar(vtable + absent, flatbuffers::ReadScalar<flatbuffers::voffset_t>(vtable + there));
  }

  /// Where the value of a tensor, or with scale_offset() its first scale, lies.
  uint8_t* InSegment(const schema::Tensor& tensor, uint64_t offset) const {
    return data() + model().segments()->Get(tensor.segment())->offset() + offset;
  }

  void Rehash() const;
  Loaded Load(VerifyWeights verify = VerifyWeights::kAuto) const { return LoadFirst(size(), verify); }
  /// The first `size` bytes alone.
  Loaded LoadFirst(size_t size, VerifyWeights verify = VerifyWeights::kAuto) const;
  /// Rehash, then Load.
  Loaded LoadRehashed(VerifyWeights verify = VerifyWeights::kAuto) const {
    Rehash();
    return Load(verify);
  }

 private:
  uint8_t* metadata() const { return bytes_.data() + sizeof(schema::FileHeader); }
  /// Generated tables hide that they are flatbuffers::Tables.
  template <typename Table>
  static flatbuffers::Table* AsTable(const Table& table) {
    return reinterpret_cast<flatbuffers::Table*>(const_cast<Table*>(&table));
  }

  tools::AlignedBytes bytes_;
};

}  // namespace smx::tests

#endif  // SMX_TESTS_SUPPORT_MODEL_BYTES_H_
