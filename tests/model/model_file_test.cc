// Model files that are damaged, or sound and yet wrong: what Model::FromMemory says of each.

#include <doctest/doctest.h>

#include <cmath>
#include <iterator>
#include <limits>

#include "model_writer.h"
#include "support/changed_model.h"
#include "support/model_bytes.h"
#include "support/models.h"

using smx::Status;
using smx::VerifyWeights;
using smx::tests::CheckLoads;
using smx::tests::ContentOf;
using smx::tests::Holds;
using smx::tests::LoadChanged;
using smx::tests::Loaded;
using smx::tests::ModelBytes;
using smx::tests::ParameterOf;
using smx::tools::ModelContent;
using smx::tools::SerializeModel;
using smx::tools::WeightsType;

namespace schema = smx::schema;

namespace {

ModelBytes LinearModel() { return ModelBytes(SerializeModel(ContentOf("linear"), WeightsType::kInt8)); }
ModelBytes ExpertsModel() { return ModelBytes(SerializeModel(ContentOf("sparse_mixer"), WeightsType::kInt8)); }

/// Loads the linear model after a field of its configuration became `value`.
template <typename T>
Loaded LoadWithConfig(flatbuffers::voffset_t field, T value) {
  const ModelBytes file = LinearModel();
  file.Set(*file.model().config(), field, value);
  return file.LoadRehashed();
}

template <typename T>
Loaded LoadWithExperts(flatbuffers::voffset_t field, T value) {
  const ModelBytes file = ExpertsModel();
  file.Set(*file.model().config()->experts(), field, value);
  return file.LoadRehashed();
}

constexpr uint8_t kMasks[] = {0x01, 0x80, 0xff};

constexpr char kPooler[] = "encoder/pooler/kernel";
constexpr char kHidden[] = "encoder/linear_transform_0/hidden_kernel";

}  // namespace

TEST_CASE("model file: the files that the tests below break load as they are") {
  for (const WeightsType type : {WeightsType::kF32, WeightsType::kInt8}) {
    for (const char* name : {"linear", "sparse_mixer"}) {
      const ModelBytes file(SerializeModel(ContentOf(name), type));
      const Loaded loaded = file.LoadRehashed(VerifyWeights::kAlways);
      CAPTURE(loaded.log);
      CHECK(loaded.status == Status::kOk);
    }
  }
}

TEST_CASE("model file: every flipped byte of the header is refused, but a newer minor version is read") {
  const ModelBytes file = LinearModel();
  for (size_t i = 0; i < sizeof(schema::FileHeader); ++i) {
    CAPTURE(i);
    for (const uint8_t mask : kMasks) {
      file.data()[i] ^= mask;
      const Loaded loaded = file.Load();
      file.data()[i] ^= mask;
      // A newer minor version only appends to the schema.
      if (i == offsetof(schema::FileHeader, format_minor) || i == offsetof(schema::FileHeader, format_minor) + 1) {
        CHECK(loaded.status == Status::kOk);
        continue;
      }
      const bool is_version =
          i == offsetof(schema::FileHeader, format_major) || i == offsetof(schema::FileHeader, format_major) + 1;
      CHECK(loaded.status == (is_version ? Status::kUnsupported : Status::kInvalidModel));
      CHECK(!loaded.log.empty());
    }
  }
  CHECK(file.Load().status == Status::kOk);
}

TEST_CASE("model file: a flipped byte of the metadata is refused") {
  const ModelBytes file = ExpertsModel();
  for (size_t i = 0; i < file.header()->metadata_bytes; i += 7) {
    CAPTURE(i);
    uint8_t* byte = file.data() + sizeof(schema::FileHeader) + i;
    *byte ^= 0x10;
    const Loaded loaded = file.Load(VerifyWeights::kNever);
    *byte ^= 0x10;
    CHECK(loaded.status == Status::kInvalidModel);
    CHECK(Holds(loaded.log, "SHA-256"));
  }
}

TEST_CASE("model file: metadata that was changed and hashed anew never does worse than being refused") {
  // Whether a change is noticed depends on what it hits; what must not happen is a crash or a status of our own making.
  const ModelBytes file = ExpertsModel();
  for (size_t i = 0; i < file.header()->metadata_bytes; i += 7) {
    const uint8_t mask = kMasks[i % std::size(kMasks)];  // every bit of smaller models: every_bit_test.cc
    uint8_t* byte = file.data() + sizeof(schema::FileHeader) + i;
    *byte ^= mask;
    const Loaded loaded = file.LoadRehashed(VerifyWeights::kNever);
    *byte ^= mask;
    const bool fine =
        loaded.status == Status::kOk || loaded.status == Status::kInvalidModel || loaded.status == Status::kUnsupported;
    CHECK_MESSAGE(fine, "byte " << i << " status " << smx::StatusName(loaded.status) << " " << loaded.log);
    if (loaded.status != Status::kOk) CHECK(!loaded.log.empty());
  }
}

TEST_CASE("model file: every truncation is refused, with the sizes in the message") {
  const ModelBytes file = ExpertsModel();
  for (size_t size = 0; size < file.size(); size += 4096) {
    CAPTURE(size);
    CheckLoads(file.LoadFirst(size), Status::kInvalidModel, std::to_string(size));
  }
  for (const size_t size : {size_t{1}, size_t{8}, size_t{127}, size_t{128}, size_t{129}, file.size() - 1}) {
    CAPTURE(size);
    CheckLoads(file.LoadFirst(size), Status::kInvalidModel, std::to_string(size));
  }
}

TEST_CASE("model file: a truncation that the header knows of is refused by its segments") {
  const ModelBytes file = ExpertsModel();
  for (size_t size = sizeof(schema::FileHeader); size < file.size(); size += 4096) {
    CAPTURE(size);
    file.header()->file_bytes = size;
    CHECK(file.LoadFirst(size, VerifyWeights::kNever).status == Status::kInvalidModel);
  }
}

TEST_CASE("model file: trailing bytes are refused, whether the header counts them or not") {
  std::vector<uint8_t> bytes = SerializeModel(ContentOf("linear"), WeightsType::kInt8);
  bytes.resize(bytes.size() + 64);
  const ModelBytes file(bytes);
  CheckLoads(file.Load(), Status::kInvalidModel, "file_bytes");
  file.header()->file_bytes = bytes.size();
  CheckLoads(file.Load(VerifyWeights::kNever), Status::kInvalidModel, "segments");
}

TEST_CASE("model file: a flipped weight is refused by its hash, and loads where nobody looks") {
  const ModelBytes file = ExpertsModel();
  for (const schema::Segment* segment : *file.model().segments()) {
    uint8_t* byte = file.data() + segment->offset() + segment->bytes() / 2;
    *byte ^= 1;
    CheckLoads(file.Load(VerifyWeights::kAuto), Status::kInvalidModel, "SHA-256");
    CheckLoads(file.Load(VerifyWeights::kAlways), Status::kInvalidModel, std::to_string(segment->offset()));
    auto loaded = smx::Model::FromMemory({file.data(), file.size()}, {VerifyWeights::kNever, {}});
    REQUIRE(loaded.ok());
    CHECK(loaded->VerifyWeightHashes() == Status::kInvalidModel);
    *byte ^= 1;
    CHECK(loaded->VerifyWeightHashes() == Status::kOk);
  }
}

TEST_CASE("model file: bytes between segments must be zero") {
  const ModelBytes file = ExpertsModel();
  const schema::Segment& last = *file.model().segments()->Get(file.model().segments()->size() - 1);
  file.data()[last.offset() - 1] = 1;
  CheckLoads(file.Load(VerifyWeights::kNever), Status::kInvalidModel, "zero");
}

TEST_CASE("model file: sizes of the configuration out of range or against the tensors are refused") {
  const auto invalid = [](flatbuffers::voffset_t field, uint32_t value, const char* word) {
    CAPTURE(value);
    CheckLoads(LoadWithConfig(field, value), Status::kInvalidModel, word);
  };
  const uint32_t values[] = {0, 1, 7, 0x10001, 0x7fffffff, 0xffffffff};
  for (const uint32_t value : values) {
    invalid(schema::Config::VT_VOCAB_SIZE, value, "");
    invalid(schema::Config::VT_TYPE_VOCAB_SIZE, value, "");
    invalid(schema::Config::VT_MAX_SEQ_LEN, value, "");
    invalid(schema::Config::VT_D_EMB, value, "");
    invalid(schema::Config::VT_D_MODEL, value, "");
    invalid(schema::Config::VT_D_FF, value, "");
    invalid(schema::Config::VT_NUM_CLASSES, value, "");
  }
  for (const uint32_t value : {0u, 3u, 33u, 0xffffffffu}) invalid(schema::Config::VT_NUM_HEADS, value, "num_heads");
  invalid(schema::Config::VT_VOCAB_SIZE, 0x40000000, "vocab_size");
  invalid(schema::Config::VT_D_MODEL, 0, "d_model");
  CheckLoads(LoadChanged("linear", [](ModelContent* c) { c->config.pad_id = c->config.vocab_size; }),
             Status::kInvalidModel, "pad_id");
}

TEST_CASE("model file: a configuration of experts out of range is refused") {
  using E = schema::Experts;
  CheckLoads(LoadWithExperts(E::VT_NUM_EXPERTS, uint32_t{0}), Status::kInvalidModel, "num_experts");
  CheckLoads(LoadWithExperts(E::VT_NUM_EXPERTS, uint32_t{0xffffffff}), Status::kInvalidModel, "num_experts");
  CheckLoads(LoadWithExperts(E::VT_NUM_EXPERTS, uint32_t{3}), Status::kInvalidModel, "router_weights");
  CheckLoads(LoadWithExperts(E::VT_EXPERT_D_FF, uint32_t{0x80000000}), Status::kInvalidModel, "expert_d_ff");
  CheckLoads(LoadWithExperts(E::VT_EXPERT_D_FF, uint32_t{5}), Status::kInvalidModel, "expert_");
  CheckLoads(LoadWithExperts(E::VT_MAX_GROUP_SIZE, uint32_t{0}), Status::kInvalidModel, "max_group_size");
  for (const double factor : {std::nan(""), HUGE_VAL, -1.0, 1e300}) {
    CAPTURE(factor);
    CheckLoads(LoadWithExperts(E::VT_CAPACITY_FACTOR, factor), Status::kInvalidModel, "capacity_factor");
  }
}

TEST_CASE("model file: a table of experts is there exactly when a layer has experts") {
  CheckLoads(LoadChanged("sparse_mixer", [](ModelContent* c) { c->config.experts.reset(); }), Status::kInvalidModel,
             "experts");
  CheckLoads(LoadChanged("linear",
                         [](ModelContent* c) {
                           c->config.experts = {4, 64, 1.0, 4, 4096};
                         }),
             Status::kInvalidModel, "experts");
}

TEST_CASE("model file: missing, surplus, renamed, doubled and unsorted tensors are refused") {
  CheckLoads(LoadChanged("linear",
                         [](ModelContent* c) {
                           auto& all = c->checkpoint.parameters;
                           all.erase(all.begin() + (ParameterOf(c, kPooler) - all.data()));
                         }),
             Status::kInvalidModel, kPooler);
  CheckLoads(LoadChanged("linear",
                         [](ModelContent* c) {
                           c->checkpoint.parameters.push_back(*ParameterOf(c, kPooler));
                           c->checkpoint.parameters.back().name = "encoder/surplus";
                         }),
             Status::kInvalidModel, "tensors");
  CheckLoads(LoadChanged("linear", [](ModelContent* c) { ParameterOf(c, kPooler)->name = "encoder/pooler/kernal"; }),
             Status::kInvalidModel, kPooler);
  CheckLoads(
      LoadChanged("linear", [](ModelContent* c) { c->checkpoint.parameters.push_back(*ParameterOf(c, kPooler)); }),
      Status::kInvalidModel, kPooler);
  const ModelBytes file = LinearModel();
  const_cast<uint8_t*>(file.model().tensors()->Get(0)->name()->Data())[0] = 'z';
  CheckLoads(file.LoadRehashed(), Status::kInvalidModel, "order");
}

TEST_CASE("model file: a tensor outside of its segment, or of a segment that is not there, is refused") {
  using T = schema::Tensor;
  const auto refused = [](flatbuffers::voffset_t field, auto value, const std::string& name) {
    CAPTURE(value);
    const ModelBytes file = ExpertsModel();
    file.Set(file.tensor(name), field, value);
    CheckLoads(file.LoadRehashed(VerifyWeights::kNever), Status::kInvalidModel, name);
  };
  std::string any_expert;
  const ModelBytes file = ExpertsModel();
  for (const T* tensor : *file.model().tensors()) {
    const std::string name = tensor->name()->str();
    if (Holds(name, "encoder/expert_") && Holds(name, "output/kernel") && tensor->offset() > 0) any_expert = name;
  }
  REQUIRE(!any_expert.empty());
  refused(T::VT_SEGMENT, uint32_t{9999}, any_expert);
  refused(T::VT_SEGMENT, uint32_t{0xffffffff}, any_expert);
  for (const uint64_t offset : {uint64_t{1} << 20, uint64_t{1} << 63, ~uint64_t{63}, ~uint64_t{0}}) {
    refused(T::VT_OFFSET, offset, any_expert);
    refused(T::VT_SCALE_OFFSET, offset, any_expert);
  }
  refused(T::VT_OFFSET, file.tensor(any_expert).offset() + 4, any_expert);
  refused(T::VT_CHANNEL_AXIS, uint8_t{0}, any_expert);
  refused(T::VT_CHANNEL_AXIS, uint8_t{2}, any_expert);
}

TEST_CASE("model file: segments that lie elsewhere than the rule says are refused") {
  const auto refused = [](auto change) {
    const ModelBytes file = ExpertsModel();
    const uint32_t index = file.model().segments()->size() - 1;
    const auto* segment = file.model().segments()->Get(index);
    const schema::Segment changed = change(*segment);
    std::memcpy(const_cast<schema::Segment*>(segment), &changed, sizeof(changed));
    CheckLoads(file.LoadRehashed(VerifyWeights::kNever), Status::kInvalidModel, "segment");
  };
  using S = schema::Segment;
  refused([](const S& s) { return S(s.offset() + 64, s.bytes(), s.alignment(), 0, s.sha256()); });
  refused([](const S& s) { return S(0, s.bytes(), s.alignment(), 0, s.sha256()); });
  refused([](const S& s) { return S(s.offset(), s.bytes() + 1, s.alignment(), 0, s.sha256()); });
  refused([](const S& s) { return S(s.offset(), s.bytes() - 64, s.alignment(), 0, s.sha256()); });
  refused([](const S& s) { return S(s.offset(), ~uint64_t{0}, s.alignment(), 0, s.sha256()); });
  refused([](const S& s) { return S(~uint64_t{63}, s.bytes(), s.alignment(), 0, s.sha256()); });
  refused([](const S& s) { return S(s.offset(), 0, s.alignment(), 0, s.sha256()); });
  refused([](const S& s) { return S(s.offset(), s.bytes(), 0, 0, s.sha256()); });
  refused([](const S& s) { return S(s.offset(), s.bytes(), 3, 0, s.sha256()); });
  refused([](const S& s) { return S(s.offset(), s.bytes(), s.alignment(), 1, s.sha256()); });
}

TEST_CASE("model file: a scale that is no positive normal number is refused") {
  const ModelBytes file = LinearModel();
  const schema::Tensor& tensor = file.tensor(kHidden);
  const float scales[] = {0.0f,   -1.0f, std::nanf(""), HUGE_VALF, -HUGE_VALF, std::numeric_limits<float>::denorm_min(),
                          1e-39f, -0.0f};
  for (const float scale : scales) {
    CAPTURE(scale);
    uint8_t* at = file.InSegment(tensor, tensor.scale_offset()) + 4;
    float before;
    std::memcpy(&before, at, 4);
    std::memcpy(at, &scale, 4);
    CheckLoads(file.Load(VerifyWeights::kNever), Status::kInvalidModel, kHidden);
    std::memcpy(at, &before, 4);
  }
}

TEST_CASE("model file: labels are none or one per class") {
  for (const size_t count : {size_t{1}, size_t{2}, size_t{4}}) {
    CAPTURE(count);
    CheckLoads(LoadChanged("linear",
                           [&](ModelContent* c) {
                             c->config.labels.clear();
                             for (size_t i = 0; i < count; ++i) c->config.labels.push_back("l" + std::to_string(i));
                           }),
               Status::kInvalidModel, "labels");
  }
}

TEST_CASE("model file: what is not built is unsupported, by its name") {
  for (const auto type : {schema::TensorType_QC4W, schema::TensorType_QB4W, schema::TensorType_QS8}) {
    const ModelBytes file = LinearModel();
    file.Set(file.tensor(kHidden), schema::Tensor::VT_TYPE, type);
    CheckLoads(file.LoadRehashed(), Status::kUnsupported, schema::EnumNameTensorType(type));
  }
}

TEST_CASE("model file: a regression has one class") {
  CheckLoads(LoadChanged("linear", [](ModelContent* c) { c->config.task = schema::TaskKind_REGRESSION; }),
             Status::kInvalidModel, "REGRESSION");  // of three classes
}

TEST_CASE("model file: a value of an enum that is newer than the schema is unsupported") {
  const auto newer = [](auto change, const char* word) {
    CheckLoads(LoadChanged("sparse_mixer", change), Status::kUnsupported, word);
  };
  newer([](ModelContent* c) { c->config.layers[0].mixing = static_cast<schema::MixingKind>(77); }, "77");
  newer([](ModelContent* c) { c->config.layers[0].feed_forward = static_cast<schema::FeedForwardKind>(78); }, "78");
  newer([](ModelContent* c) { c->config.task = static_cast<schema::TaskKind>(76); }, "76");
  newer([](ModelContent* c) { c->config.padding = static_cast<schema::Padding>(79); }, "79");
  newer([](ModelContent* c) { c->config.routing_group = static_cast<schema::RoutingGroup>(80); }, "80");
  newer([](ModelContent* c) { c->config.activation = static_cast<schema::Activation>(82); }, "82");
  newer([](ModelContent* c) { c->config.router_type = static_cast<schema::RouterType>(81); }, "81");
  newer([](ModelContent* c) { c->config.experts->routing = static_cast<schema::RoutingKind>(82); }, "82");
  const ModelBytes file = LinearModel();
  file.Set(file.tensor(kHidden), schema::Tensor::VT_TYPE, uint8_t{200});
  CheckLoads(file.LoadRehashed(), Status::kUnsupported, "200");
}

TEST_CASE("model file: masked padding with a routing group of the batch contradicts itself") {
  CheckLoads(LoadChanged("sparse_mixer",
                         [](ModelContent* c) {
                           c->config.padding = schema::Padding_MASKED;
                           c->config.routing_group = schema::RoutingGroup_BATCH;
                         }),
             Status::kInvalidModel, "BATCH");
}
