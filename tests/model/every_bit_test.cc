// Two tiny models with every bit of header and metadata flipped and every length cut: with the hash all are refused;
// with the hash made anew each gives a status or an answer. SMX_TEST_FULL=1 takes every case instead of some and adds
// bytes and numbers at their bounds; with the preset asan-ubsan that is the test proper.

#include <doctest/doctest.h>

#include <cstring>
#include <functional>

#include "smx/classifier.h"
#include "support/full.h"
#include "support/model_bytes.h"
#include "support/tiny_models.h"

using smx::BackendChoice;
using smx::Model;
using smx::Options;
using smx::Status;
using smx::VerifyWeights;
using smx::tests::IsFullTest;
using smx::tests::ModelBytes;
using smx::tools::AlignedBytes;
using smx::tools::WeightsType;

namespace schema = smx::schema;

namespace {

// Sound tiny models ask for a few kB.
constexpr size_t kMaxArenaBytes = size_t{1} << 20;

/// How inputs ended; the rest adds up to the first.
struct Counts {
  size_t inputs = 0;
  size_t rejected = 0;     // by Load
  size_t ran = 0;          // to an answer
  size_t run_refused = 0;  // loaded, and then asks for a large arena or gives no finite numbers
};

class Sweep {
 public:
  explicit Sweep(const smx::tools::ModelContent& content)
      : file_(SerializeModel(content, WeightsType::kInt8)), arena_(kMaxArenaBytes) {}

  ModelBytes& file() { return file_; }
  const Counts& counts() const { return counts_; }
  size_t metadata_end() const {
    return sizeof(schema::FileHeader) + static_cast<size_t>(file_.header()->metadata_bytes);
  }

  /// The file as it is.
  Status Load() { return LoadFirst(file_.size()); }
  Status LoadFirst(size_t size) {
    ++counts_.inputs;
    const smx::Result<Model> model = Model::FromMemory({file_.data(), size}, {VerifyWeights::kNever, {}});
    if (!model.ok()) {
      ++counts_.rejected;
      return model.status();
    }
    const bool is_classifier = model->info().has_tokenizer && model->info().task != smx::Task::kTokenLabels;
    const bool ran = is_classifier ? Classify(model.value()) : Encode(model.value());
    ++(ran ? counts_.ran : counts_.run_refused);
    return Status::kOk;
  }

  /// With the hash made anew; afterwards header and metadata are as before.
  void TryChange(const std::function<void()>& change) {
    std::vector<uint8_t> before(file_.data(), file_.data() + metadata_end());
    change();
    file_.Rehash();
    const Status status = Load();
    const bool is_fine = status == Status::kOk || status == Status::kInvalidModel || status == Status::kUnsupported;
    CHECK_MESSAGE(is_fine, smx::StatusName(status));
    std::memcpy(file_.data(), before.data(), before.size());
  }

 private:
  /// XNNPACK tests its products at every creation, which takes a while: now and then only.
  Options NextOptions() {
    Options options;
    options.backend = ++num_loaded_ % 16 == 0 ? BackendChoice::kBest : BackendChoice::kReference;
    return options;
  }

  bool Classify(const Model& model) {
    const Options options = NextOptions();
    const smx::Result<size_t> bytes = smx::Classifier::ArenaBytes(model, options);
    if (!bytes.ok() || bytes.value() > kMaxArenaBytes) return false;
    auto classifier = smx::Classifier::Create(model, options, {arena_.data(), bytes.value()});
    REQUIRE(classifier.ok());
    smx::Prediction prediction;
    return classifier->Classify("ab c! [MASK] B aab", &prediction) == Status::kOk;
  }

  bool Encode(const Model& model) {
    const Options options = NextOptions();
    const smx::Result<size_t> bytes = smx::Encoder::ArenaBytes(model, options);
    if (!bytes.ok() || bytes.value() > kMaxArenaBytes) return false;
    auto encoder = smx::Encoder::Create(model, options, {arena_.data(), bytes.value()});
    REQUIRE(encoder.ok());
    std::vector<int32_t> ids(model.info().max_seq_len, 1);
    std::vector<float> logits(model.info().num_text_classes);
    smx::EncoderOutput output = {{}, {}, logits};
    const uint32_t positions[] = {0, static_cast<uint32_t>(ids.size() - 1)};
    const auto look = [](void*, size_t, smx::Span<const float>) {};
    if (model.info().num_token_logits != 0) output.tokens = {positions, look, nullptr};
    return encoder->Run(ids, {}, output) == Status::kOk;
  }

  ModelBytes file_;
  AlignedBytes arena_;
  Counts counts_;
  size_t num_loaded_ = 0;
};

std::vector<smx::tools::ModelContent> TinyModels() {
  smx::tools::ModelContent masked = smx::tests::TinyMasked();
  smx::tools::ModelContent labels = smx::tests::TinyTokenLabels();
  for (smx::tools::ModelContent* content : {&masked, &labels}) content->tokenizer.reset();  // its bits are TinyLinear's
  return {smx::tests::TinyLinear(), smx::tests::TinyExperts(), smx::tests::TinyTransforms(), masked, labels};
}

void Report(const std::string& what, const Counts& c) {
  MESSAGE(what << ": " << c.inputs << " inputs, " << c.rejected << " rejected, " << c.ran << " ran, " << c.run_refused
               << " loaded but did not run");
  CHECK(c.inputs == c.rejected + c.ran + c.run_refused);
}

void FlipBit(uint8_t* bytes, size_t bit) { bytes[bit / 8] = static_cast<uint8_t>(bytes[bit / 8] ^ (1u << (bit % 8))); }

/// Newer minor versions only append to the schema, so the 16 bits of that number may be anything.
bool IsMinorVersion(size_t byte) {
  const size_t begin = offsetof(schema::FileHeader, format_minor);
  return byte == begin || byte == begin + 1;
}

template <typename T>
void TryNumbers(const std::vector<T>& values, Sweep* sweep) {
  uint8_t* const bytes = sweep->file().data();
  for (size_t at = sizeof(schema::FileHeader); at + sizeof(T) <= sweep->metadata_end(); at += sizeof(T)) {
    T before;
    std::memcpy(&before, bytes + at, sizeof(T));
    for (const T value : values) {
      sweep->TryChange([&] { std::memcpy(bytes + at, &value, sizeof(T)); });
    }
    for (const T value : {static_cast<T>(before - 1), static_cast<T>(before + 1)}) {
      sweep->TryChange([&] { std::memcpy(bytes + at, &value, sizeof(T)); });
    }
  }
}

}  // namespace

TEST_CASE("every bit: a flip in header or metadata is refused, but for the minor version") {
  for (const auto& content : TinyModels()) {
    Sweep sweep(content);
    for (size_t bit = 0; bit < 8 * sweep.metadata_end(); ++bit) {
      FlipBit(sweep.file().data(), bit);
      const bool is_refused = sweep.Load() != Status::kOk;
      FlipBit(sweep.file().data(), bit);
      if (is_refused == IsMinorVersion(bit / 8)) FAIL_CHECK("bit " << bit);
    }
    CHECK(sweep.Load() == Status::kOk);
    Report("flipped bits", sweep.counts());
    CHECK(sweep.counts().ran == 16 + 1);
  }
}

TEST_CASE("every length: a file that is cut anywhere is refused") {
  for (const auto& content : TinyModels()) {
    Sweep sweep(content);
    for (size_t size = 0; size < sweep.file().size(); ++size) {
      if (sweep.LoadFirst(size) == Status::kOk) FAIL_CHECK("length " << size);
    }
    Report("cut files", sweep.counts());
    CHECK(sweep.counts().rejected == sweep.counts().inputs);
  }
}

TEST_CASE("every length: a cut that header and hash know of is refused too, but for padding") {
  for (const auto& content : TinyModels()) {
    Sweep sweep(content);
    const size_t step = IsFullTest() ? 1 : 5;
    for (size_t size = 0; size < sweep.metadata_end() - sizeof(schema::FileHeader); size += step) {
      sweep.TryChange([&] { sweep.file().header()->metadata_bytes = size; });
    }
    // The last bytes may be padding, which the file has as zeros in front of its first segment then.
    CHECK(sweep.counts().ran < 8);
    const size_t num_ran = sweep.counts().ran;
    const schema::FileHeader before = *sweep.file().header();
    for (size_t size = sizeof(schema::FileHeader); size < sweep.file().size(); size += step) {
      sweep.file().header()->file_bytes = size;
      if (sweep.LoadFirst(size) == Status::kOk) FAIL_CHECK("length " << size);
    }
    *sweep.file().header() = before;
    Report("cut files with their sizes", sweep.counts());
    CHECK(sweep.counts().rejected + num_ran == sweep.counts().inputs);
  }
}

TEST_CASE("every bit: a flip in metadata that is hashed anew gives a status or an answer") {
  for (const auto& content : TinyModels()) {
    Sweep sweep(content);
    const size_t step = IsFullTest() ? 1 : 7;
    for (size_t bit = 8 * sizeof(schema::FileHeader); bit < 8 * sweep.metadata_end(); bit += step) {
      sweep.TryChange([&] { FlipBit(sweep.file().data(), bit); });
    }
    Report("flipped bits, hashed anew", sweep.counts());
    CHECK(sweep.counts().rejected > sweep.counts().inputs / 4);
    CHECK(sweep.counts().ran > 0);
  }
}

TEST_CASE("every number: bytes and numbers of the metadata at their bounds, hashed anew, give a status or an answer") {
  if (!IsFullTest()) {
    MESSAGE("only with SMX_TEST_FULL=1");
    return;
  }
  for (const auto& content : TinyModels()) {
    Sweep sweep(content);
    TryNumbers<uint8_t>({0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff}, &sweep);
    TryNumbers<uint32_t>({0, 1, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff},
                         &sweep);
    TryNumbers<uint64_t>({0, 1, 0xffffffff, 0x100000000, uint64_t{1} << 62, (uint64_t{1} << 63) - 1, uint64_t{1} << 63,
                          ~uint64_t{63}, ~uint64_t{0}},
                         &sweep);
    Report("numbers at their bounds, hashed anew", sweep.counts());
  }
}
