// How malformed models broke other engines, class by class; each class that a model file can have is tried on ours. The
// table in tests/fuzz/README.md says which reports a class stands for, and where more of its tests are.

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "smx/classifier.h"
#include "support/model_bytes.h"
#include "support/process.h"
#include "support/tiny_models.h"

using smx::Model;
using smx::Status;
using smx::VerifyWeights;
using smx::tests::Loaded;
using smx::tests::ModelBytes;
using smx::tools::AlignedBytes;
using smx::tools::SerializeModel;
using smx::tools::WeightsType;

namespace schema = smx::schema;

namespace {

constexpr char kHidden[] = "encoder/linear_transform_0/hidden_kernel";
constexpr char kInput[] = "encoder/linear_transform_0/input_kernel";
constexpr uint32_t kNegative = 0xffffffff;  // -1 for whoever reads it with a sign

ModelBytes Linear() { return ModelBytes(SerializeModel(smx::tests::TinyLinear(), WeightsType::kInt8)); }
ModelBytes Experts() { return ModelBytes(SerializeModel(smx::tests::TinyExperts(), WeightsType::kInt8)); }

void CheckRefused(const ModelBytes& file, const std::string& word = "") {
  const Loaded loaded = file.LoadRehashed(VerifyWeights::kNever);
  CAPTURE(loaded.log);
  CAPTURE(word);
  CHECK(loaded.status == Status::kInvalidModel);
  CHECK(loaded.log.find(word) != std::string::npos);
}

/// Refused after `change` to the metadata of the linear model.
template <typename Change>
void CheckLinearRefused(Change change, const std::string& word = "") {
  const ModelBytes file = Linear();
  change(file);
  CheckRefused(file, word);
}

uint32_t* ElementsOf(const flatbuffers::Vector<uint32_t>* vector) {
  return reinterpret_cast<uint32_t*>(const_cast<uint8_t*>(vector->Data()));
}

schema::Segment& SegmentAt(const ModelBytes& file, uint32_t index) {
  return *const_cast<schema::Segment*>(file.model().segments()->Get(index));
}

void SetSegment(const ModelBytes& file, uint32_t index, uint64_t offset, uint64_t bytes) {
  schema::Segment& segment = SegmentAt(file, index);
  segment = schema::Segment(offset, bytes, segment.alignment(), 0, segment.sha256());
}

/// Lets `absent` of a table's fields be absent, one after another, and gives how many of these files load.
template <typename Table>
size_t CountLoadableWithout(const ModelBytes& file, const Table* table) {
  const auto* fields = reinterpret_cast<const flatbuffers::Table*>(table);
  uint8_t* const vtable = const_cast<uint8_t*>(fields->GetVTable());
  const auto vtable_bytes = flatbuffers::ReadScalar<flatbuffers::voffset_t>(vtable);
  size_t loadable = 0;
  for (flatbuffers::voffset_t field = 4; field < vtable_bytes; field = static_cast<flatbuffers::voffset_t>(field + 2)) {
    const auto before = flatbuffers::ReadScalar<flatbuffers::voffset_t>(vtable + field);
    if (before == 0) continue;
    flatbuffers::WriteScalar<flatbuffers::voffset_t>(vtable + field, 0);
    const Loaded loaded = file.LoadRehashed(VerifyWeights::kNever);
    flatbuffers::WriteScalar(vtable + field, before);
    CAPTURE(loaded.log);
    CHECK((loaded.status == Status::kOk || loaded.status == Status::kInvalidModel ||
           loaded.status == Status::kUnsupported));
    loadable += loaded.status == Status::kOk;
  }
  return loadable;
}

/// Loads without hashes of the weights, and runs.
Status Run(const ModelBytes& file) {
  auto model = Model::FromMemory({file.data(), file.size()}, {VerifyWeights::kNever, {}});
  if (!model.ok()) return model.status();
  const AlignedBytes arena(smx::Classifier::ArenaBytes(model.value()).value());
  auto classifier = smx::Classifier::Create(model.value(), {}, {arena.data(), arena.size()});
  if (!classifier.ok()) return classifier.status();
  smx::Prediction prediction;
  return classifier->Classify("ab c!", &prediction);
}

}  // namespace

TEST_CASE("class 1: a root or table outside of the file is refused") {
  const uint32_t size = static_cast<uint32_t>(Linear().header()->metadata_bytes);
  for (const uint32_t root : {0u, 1u, 4u, size - 4, size - 1, size, size + 1, 0x7fffffffu, 0x80000000u, kNegative}) {
    CAPTURE(root);
    CheckLinearRefused(
        [&](const ModelBytes& file) { std::memcpy(file.data() + sizeof(schema::FileHeader), &root, sizeof(root)); });
  }
}

TEST_CASE("class 1: an index of a segment, a piece or a token outside of what is there is refused, -1 too") {
  for (const uint32_t index : {12u, 1000u, 0x7fffffffu, 0x80000000u, kNegative}) {
    CAPTURE(index);
    CheckLinearRefused([&](const ModelBytes& f) { f.Set(f.tensor(kHidden), schema::Tensor::VT_SEGMENT, index); });
    CheckLinearRefused([&](const ModelBytes& f) { f.Set(*f.model().tokenizer(), schema::Tokenizer::VT_CLS_ID, index); },
                       "cls_id");
    CheckLinearRefused([&](const ModelBytes& f) { f.Set(*f.model().tokenizer(), schema::Tokenizer::VT_SEP_ID, index); },
                       "sep_id");
    CheckLinearRefused(
        [&](const ModelBytes& f) { f.Set(*f.model().tokenizer()->wordpiece(), schema::WordPiece::VT_UNK_ID, index); },
        "unk_id");
    CheckLinearRefused(
        [&](const ModelBytes& f) {
          f.Set(*f.model().tokenizer()->special_tokens()->Get(4), schema::SpecialToken::VT_ID, index);
        },
        "special token");
    CheckLinearRefused([&](const ModelBytes& f) { ElementsOf(f.model().tokenizer()->piece_offsets())[3] = index; });
  }
}

TEST_CASE("class 1: segments at an address that is no multiple of their alignment are refused") {
  // Found by fuzzing: the verifier looks at where a vector begins, not at what its elements need.
  const std::string found =
      smx::tests::ReadFile(std::string(SMX_TESTS_DIR) + "/fuzz/found/fuzz_model_load/misaligned_segments");
  const ModelBytes file(std::vector<uint8_t>(found.begin(), found.end()));
  file.header()->file_bytes = file.size();
  CheckRefused(file, "no multiple of 8");
}

TEST_CASE("class 2: sizes whose product, sum or rounding wraps around are refused") {
  for (const uint32_t width : {0x10000u, 0x8000u, 0x40000000u, 0x80000000u, kNegative}) {
    CAPTURE(width);
    CheckLinearRefused([&](const ModelBytes& f) {
      f.Set(*f.model().config(), schema::Config::VT_D_MODEL, width);
      for (uint32_t i = 0; i < 2; ++i) ElementsOf(f.tensor(kHidden).shape())[i] = width;
    });
  }
  for (const uint64_t place : {~uint64_t{0}, ~uint64_t{63}, uint64_t{1} << 63, (uint64_t{1} << 63) - 64}) {
    CAPTURE(place);
    CheckLinearRefused([&](const ModelBytes& f) { f.Set(f.tensor(kInput), schema::Tensor::VT_OFFSET, place); });
    CheckLinearRefused([&](const ModelBytes& f) { f.Set(f.tensor(kHidden), schema::Tensor::VT_SCALE_OFFSET, place); });
    CheckLinearRefused([&](const ModelBytes& f) { SetSegment(f, 1, SegmentAt(f, 1).offset(), place); }, "segment");
    CheckLinearRefused([&](const ModelBytes& f) { SetSegment(f, 1, place, SegmentAt(f, 1).bytes()); }, "segment");
    const ModelBytes file = Linear();
    file.header()->metadata_bytes = place;
    CHECK(file.Load().status == Status::kInvalidModel);
  }
}

TEST_CASE("class 3: a size of zero is refused wherever it could be divided by") {
  using C = schema::Config;
  for (const auto field : {C::VT_VOCAB_SIZE, C::VT_TYPE_VOCAB_SIZE, C::VT_MAX_SEQ_LEN, C::VT_D_EMB, C::VT_D_MODEL,
                           C::VT_D_FF, C::VT_NUM_HEADS, C::VT_NUM_CLASSES}) {
    CAPTURE(field);
    CheckLinearRefused([&](const ModelBytes& f) { f.Set(*f.model().config(), field, uint32_t{0}); }, "must be 1..");
  }
  using E = schema::Experts;
  for (const auto field : {E::VT_NUM_EXPERTS, E::VT_EXPERT_D_FF, E::VT_MAX_GROUP_SIZE}) {
    CAPTURE(field);
    const ModelBytes file = Experts();
    file.Set(*file.model().config()->experts(), field, uint32_t{0});
    CheckRefused(file, "must be 1..");
  }
  CheckLinearRefused([](const ModelBytes& f) { ElementsOf(f.tensor(kHidden).shape())[0] = 0; }, kHidden);
}

TEST_CASE("class 4: any table or field may be missing: refused, or read by its default") {
  const ModelBytes linear = Linear();
  const schema::Model& model = linear.model();
  // Labels, tokenizer and card may be missing; segments, tensors and configuration not.
  CHECK(CountLoadableWithout(linear, &model) == 3);
  CHECK(CountLoadableWithout(linear, model.config()) == 2);  // padding and temperature: another meaning, the same sizes
  CHECK(CountLoadableWithout(linear, &linear.tensor(kHidden)) == 0);
  CHECK(CountLoadableWithout(linear, model.card()) == 8);
  // The four switches say how the table was made, the special tokens are looked for in the text only, two ids are 0
  // then.
  CHECK(CountLoadableWithout(linear, model.tokenizer()) == 7);
  CHECK(CountLoadableWithout(linear, model.tokenizer()->wordpiece()) == 2);
  CHECK(CountLoadableWithout(linear, model.tokenizer()->normalization()) == 1);
  const ModelBytes experts = Experts();
  CHECK(CountLoadableWithout(experts, experts.model().config()->experts()) == 2);
}

TEST_CASE("class 5: tensors that overlap or leave a hole are refused") {
  const ModelBytes file = Linear();
  const schema::Tensor& hidden = file.tensor(kHidden);
  const schema::Tensor& input = file.tensor(kInput);
  REQUIRE(hidden.segment() == input.segment());
  // Of the same size: each is inside of its segment, and only together they are wrong.
  file.Set(input, schema::Tensor::VT_OFFSET, hidden.scale_offset());
  CheckRefused(file, "must follow");
  for (const auto type : {WeightsType::kInt8, WeightsType::kF32}) {
    smx::tools::ModelContent content = smx::tests::TinyLinear();
    content.checkpoint.parameters[3].values.resize(1000);  // longer than its shape: what follows leaves a hole
    CheckRefused(ModelBytes(SerializeModel(content, type)), "must follow");
  }
}

TEST_CASE("class 5: a shape that is not what the configuration asks for is refused, though its bytes are there") {
  CheckLinearRefused(
      [](const ModelBytes& f) {
        uint32_t* const shape = ElementsOf(f.tensor("encoder/feed_forward_0/intermediate/kernel").shape());
        std::swap(shape[0], shape[1]);
      },
      "shape [16,8]");
}

TEST_CASE("class 6: offsets that make a table its own part, or lead around in a circle, are refused") {
  const ModelBytes sound = Linear();
  const uint8_t* const begin = sound.data() + sizeof(schema::FileHeader);
  const auto place = [&](const void* table) {
    return static_cast<uint32_t>(reinterpret_cast<const uint8_t*>(table) - begin);
  };
  // As the root: tables of other kinds, whose fields then are read as if they were the model's.
  for (const void* table :
       {static_cast<const void*>(sound.model().config()), static_cast<const void*>(sound.model().card()),
        static_cast<const void*>(sound.model().tokenizer())}) {
    const uint32_t root = place(table);
    CheckLinearRefused(
        [&](const ModelBytes& f) { std::memcpy(f.data() + sizeof(schema::FileHeader), &root, sizeof(root)); });
  }
  // A vtable at every place around the root table, itself included.
  const uint32_t root = place(&sound.model());
  for (int32_t distance = -64; distance <= 64; distance += 2) {
    CAPTURE(distance);
    int32_t before;
    std::memcpy(&before, begin + root, sizeof(before));
    if (distance == before) continue;
    CheckLinearRefused([&](const ModelBytes& f) {
      std::memcpy(f.data() + sizeof(schema::FileHeader) + root, &distance, sizeof(distance));
    });
  }
}

TEST_CASE("class 6: a search that would never end is refused: a hash index without a free slot") {
  CheckLinearRefused(
      [](const ModelBytes& f) {
        const auto* slots = f.model().tokenizer()->hash_index();
        for (uint32_t i = 0; i < slots->size(); ++i) ElementsOf(slots)[i] = i % 12;
      },
      "hash_index");
}

TEST_CASE("class 7: scales that are no positive normal numbers are refused; large and small ones run") {
  const ModelBytes file = Linear();
  const schema::Tensor& tensor = file.tensor(kHidden);
  uint8_t* const at = file.InSegment(tensor, tensor.scale_offset());
  constexpr float kTiny = std::numeric_limits<float>::min();
  for (const float scale : {0.0f, -0.0f, -1.0f, std::nanf(""), HUGE_VALF, -HUGE_VALF, kTiny / 2}) {
    CAPTURE(scale);
    std::memcpy(at, &scale, sizeof(scale));
    CheckRefused(file, "scale");
  }
  for (const float scale : {kTiny, 1.0f, 2.0f, 1e30f, std::numeric_limits<float>::max()}) {
    CAPTURE(scale);
    std::memcpy(at, &scale, sizeof(scale));
    const Status status = Run(file);
    CHECK((status == Status::kOk || status == Status::kInvalidModel));
  }
}

TEST_CASE("class 7: weights that are no numbers give a status, not a label") {
  const ModelBytes file = Linear();
  const float nan = std::nanf("");
  std::memcpy(
      file.InSegment(file.tensor("classification/output_bias"), 0) + file.tensor("classification/output_bias").offset(),
      &nan, sizeof(nan));
  CHECK(Run(file) == Status::kInvalidModel);
}

TEST_CASE("class 8: a small file cannot ask for much memory") {
  const ModelBytes file = Linear();
  for (const uint64_t bytes : {schema::kMaxMetadataBytes, schema::kMaxMetadataBytes + 1, uint64_t{1} << 40}) {
    file.header()->metadata_bytes = bytes;
    CHECK(file.Load().status == Status::kInvalidModel);
  }
  // Experts that name the same bytes: each would be packed for itself.
  const ModelBytes experts = Experts();
  const schema::Tensor& first = experts.tensor("encoder/expert_0/0/intermediate/kernel");
  const schema::Tensor& second = experts.tensor("encoder/expert_0/1/intermediate/kernel");
  experts.Set(second, schema::Tensor::VT_SEGMENT, first.segment());
  CheckRefused(experts, "must follow");
  // Names that share their bytes: to compare many of a megabyte would take minutes.
  smx::tools::ModelContent content = smx::tests::TinyLinear();
  content.checkpoint.parameters[0].name += std::string(256, 'x');
  CheckRefused(ModelBytes(SerializeModel(content, WeightsType::kInt8)), "a name of");
  // Vectors that say they are long.
  CheckLinearRefused([](const ModelBytes& f) { ElementsOf(f.model().tokenizer()->hash_index())[-1] = 0x3fffffff; });
  CheckLinearRefused([](const ModelBytes& f) { ElementsOf(f.tensor(kHidden).shape())[-1] = 0x40000000; });
}

TEST_CASE("class 13: a file that is changed after loading changes no structure") {
  const smx::tests::TemporaryFolder folder;
  const ModelBytes sound = Linear();
  const std::string path =
      folder.Write("model.smx", std::string(reinterpret_cast<const char*>(sound.data()), sound.size()));
  auto model = Model::Load(path.c_str());
  REQUIRE(model.ok());
  // In place and of the same length: what a mapping shows.
  const size_t metadata_end = sizeof(schema::FileHeader) + static_cast<size_t>(sound.header()->metadata_bytes);
  std::memset(sound.data(), 0xff, metadata_end);
  std::FILE* const file = std::fopen(path.c_str(), "r+b");
  REQUIRE(std::fwrite(sound.data(), 1, metadata_end, file) == metadata_end);
  std::fclose(file);
  const AlignedBytes arena(smx::Classifier::ArenaBytes(model.value()).value());
  auto classifier = smx::Classifier::Create(model.value(), {}, {arena.data(), arena.size()});
  REQUIRE(classifier.ok());
  smx::Prediction prediction;
  CHECK(classifier->Classify("ab c!", &prediction) == Status::kOk);
  CHECK(Model::Load(path.c_str()).status() == Status::kInvalidModel);
}

TEST_CASE("class 13: a file cut short is refused when it is loaded, not when it is read") {
  const smx::tests::TemporaryFolder folder;
  const ModelBytes sound = Linear();
  const std::string bytes(reinterpret_cast<const char*>(sound.data()), sound.size());
  for (size_t size = 0; size < bytes.size(); size += 997) {
    CAPTURE(size);
    CHECK(Model::Load(folder.Write("cut.smx", bytes.substr(0, size)).c_str()).status() == Status::kInvalidModel);
  }
  CHECK(Model::Load(folder.Path("none.smx").c_str()).status() == Status::kIoError);
  CHECK(Model::Load(folder.Path("").c_str()).status() == Status::kIoError);
}
