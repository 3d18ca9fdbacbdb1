// Nothing outside of the arena, the model file, the inputs and the outputs is touched, and nothing in the arena is read
// that was not written in the same run.

#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/count.h"
#include "support/guarded_bytes.h"
#include "support/models.h"
#include "support/random_model.h"
#include "support/session.h"

using smx::Encoder;
using smx::Model;
using smx::Options;
using smx::Result;
using smx::Span;
using smx::Status;
using smx::tests::Answer;
using smx::tests::ArenaFill;
using smx::tests::FillArena;
using smx::tests::GoldenFolder;
using smx::tests::GuardedBytes;
using smx::tests::MemoryModel;
using smx::tests::NumModels;
using smx::tests::Random;
using smx::tests::RandomCase;
using smx::tests::RandomInput;
using smx::tests::RandomModel;
using smx::tests::ReadModelFolder;
using smx::tests::SameBits;
using smx::tests::Session;
using smx::tests::TokenInput;
using smx::tools::ModelContent;
using smx::tools::WeightsType;

namespace {

constexpr uint64_t kFirstSeed = 20261127;
constexpr WeightsType kTypes[] = {WeightsType::kF32, WeightsType::kInt8};

struct Place {
  GuardedBytes::Flush flush;
  size_t gap;
};
// ArenaBytes is for any alignment, so only an arena that begins one byte behind a multiple of 64 is used to its last
// byte; such is the one that ends with the page.
constexpr Place kPlaces[] = {{GuardedBytes::Flush::kAtEnd, 0},  {GuardedBytes::Flush::kAtEnd, 1},
                             {GuardedBytes::Flush::kAtEnd, 33}, {GuardedBytes::Flush::kAtEnd, 62},
                             {GuardedBytes::Flush::kAtEnd, 63}, {GuardedBytes::Flush::kAtStart, 0},
                             {GuardedBytes::Flush::kAtStart, 1}};

/// Guarded copies of values that end with a page.
template <typename T>
class GuardedValues {
 public:
  explicit GuardedValues(const std::vector<T>& values)
      : bytes_(values.size() * sizeof(T), GuardedBytes::Flush::kAtEnd), size_(values.size()) {
    std::copy(values.begin(), values.end(), data());
  }
  T* data() const { return reinterpret_cast<T*>(bytes_.bytes().data()); }
  size_t size() const { return size_; }
  std::vector<T> ToVector() const { return {data(), data() + size_}; }

 private:
  GuardedBytes bytes_;
  size_t size_;
};

/// The model in bytes that end with a page, as far as their alignment allows, and that nobody may write.
class GuardedModel {
 public:
  GuardedModel(const ModelContent& content, WeightsType type) : GuardedModel(SerializeModel(content, type)) {}
  const Model& operator*() const { return *model_; }

 private:
  explicit GuardedModel(const std::vector<uint8_t>& file)
      : bytes_(file.size(), GuardedBytes::Flush::kAtEnd, (64 - file.size() % 64) % 64) {
    std::copy(file.begin(), file.end(), bytes_.bytes().begin());
    bytes_.MakeReadOnly();
    Result<Model> model = Model::FromMemory({bytes_.bytes().data(), bytes_.bytes().size()});
    REQUIRE(model.ok());
    model_ = std::make_unique<Model>(std::move(model.value()));
  }

  GuardedBytes bytes_;
  std::unique_ptr<Model> model_;
};

/// A whole inference whose every byte lies beside a forbidden page.
Answer RunGuarded(Encoder* encoder, const Model& model, const TokenInput& input) {
  const GuardedValues<int32_t> ids(input.token_ids), types(input.type_ids);
  const GuardedValues<float> hidden(std::vector<float>(input.token_ids.size() * model.info().d_model));
  const size_t row_per_text = input.num_texts * model.info().d_model;
  const GuardedValues<float> pooled(std::vector<float>(model.info().has_pooler ? row_per_text : 0));
  const GuardedValues<float> cls((std::vector<float>(row_per_text)));
  const GuardedValues<float> mean((std::vector<float>(row_per_text)));
  const GuardedValues<float> logits(std::vector<float>(input.num_texts * model.info().num_text_classes));
  std::vector<float> token_logits;
  const uint32_t first[] = {0};
  smx::TokenLogits tokens;
  if (model.info().num_token_logits != 0) tokens = smx::tests::KeepLogits(first, &token_logits);
  const smx::EncoderOutput output = {{hidden.data(), hidden.size()}, {pooled.data(), pooled.size()},
                                     {logits.data(), logits.size()}, {cls.data(), cls.size()},
                                     {mean.data(), mean.size()},     tokens};
  REQUIRE(encoder->Run({ids.data(), ids.size()}, {types.data(), types.size()}, output) == Status::kOk);
  return {hidden.ToVector(), mean.ToVector(), pooled.ToVector(), logits.ToVector(), cls.ToVector(), token_logits};
}

void CheckGuarded(const ModelContent& content, WeightsType type, Random* random, const Options& options = {}) {
  const GuardedModel model(content, type);
  std::vector<TokenInput> inputs;
  for (int i = 0; i < 2; ++i) inputs.push_back(RandomInput(*model, random, options.batch_size));
  std::vector<Answer> expected;
  for (const TokenInput& input : inputs) expected.push_back(Session(*model, options).Run(input));
  const size_t bytes = smx::tests::ArenaBytesOf(*model, options);
  for (const Place& place : kPlaces) {
    CAPTURE(place.gap);
    const GuardedBytes arena(bytes, place.flush, place.gap);
    const Span<uint8_t> short_arena =
        arena.bytes().subspan(place.flush == GuardedBytes::Flush::kAtEnd ? 1 : 0, bytes - 1);
    CHECK(Encoder::Create(*model, options, short_arena).status() == Status::kArenaTooSmall);
    Session session(*model, options, arena.bytes());
    for (size_t i = 0; i < inputs.size(); ++i) {
      CHECK(SameBits(RunGuarded(&session.encoder(), *model, inputs[i]), expected[i]));
    }
    CHECK(arena.SurroundingsAreIntact());
  }
}

ModelContent GoldenContent(const std::string& name) {
  return ReadModelFolder(GoldenFolder(name), "params.safetensors");
}

}  // namespace

TEST_CASE("arena: no byte outside is read or written, for every golden model; one byte less is too small") {
  Random random(kFirstSeed);
  for (const std::string& name : smx::tests::GoldenCases()) {
    CAPTURE(name);
    for (const WeightsType type : kTypes) CheckGuarded(GoldenContent(name), type, &random);
  }
}

TEST_CASE("arena: no byte outside is read or written, for a batch that is one routing group") {
  const ModelContent content =
      ReadModelFolder(GoldenFolder("batch_routing"), "params.safetensors", {"", "batch", "", ""});
  Options options;
  options.batch_size = 3;
  Random random(kFirstSeed);
  for (const WeightsType type : kTypes) CheckGuarded(content, type, &random, options);
}

TEST_CASE("arena: no byte outside is read or written, for random models; one byte less is too small") {
  for (uint64_t seed = kFirstSeed; seed < kFirstSeed + NumModels(150); ++seed) {
    CAPTURE(seed);
    RandomCase c(seed);
    CAPTURE(smx::tests::Describe(c.config()));
    for (const WeightsType type : kTypes) CheckGuarded(c.content, type, &c.random, c.options);
  }
}

TEST_CASE("arena: what it held before Create, or before a run, does not matter") {
  for (uint64_t seed = kFirstSeed; seed < kFirstSeed + NumModels(150); ++seed) {
    CAPTURE(seed);
    const ModelContent content = RandomModel(seed);
    CAPTURE(smx::tests::Describe(content.config));
    const MemoryModel model(content, seed % 3 == 0 ? WeightsType::kF32 : WeightsType::kInt8);
    Random random(seed);
    const TokenInput input = RandomInput(*model, &random);
    const smx::tools::AlignedBytes memory(smx::tests::ArenaBytesOf(*model));
    const Span<uint8_t> arena(memory.data(), memory.size());
    FillArena(ArenaFill::kZeros, arena);
    const Answer expected = Session(*model, {}, arena).Run(input);
    for (const ArenaFill fill : {ArenaFill::kOnes, ArenaFill::kSignallingNan, ArenaFill::kRandom}) {
      CAPTURE(static_cast<int>(fill));
      FillArena(fill, arena);
      Session session(*model, {}, arena);
      CHECK(SameBits(session.Run(input), expected));
      FillArena(fill, arena);
      CHECK(SameBits(session.Run(input), expected));
    }
  }
}
