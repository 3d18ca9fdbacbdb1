#include <cmath>
#include <cstring>
#include <memory>

#include "engine.h"
#include "file_format.h"
#include "fuzz/targets.h"
#include "smx/classifier.h"
#include "smx/mask_filler.h"
#include "smx/sha256.h"

namespace smx::fuzz {
namespace {

using tools::AlignedBytes;

// Sound files ask for a few kB; beyond this a plan is only looked at.
constexpr size_t kMaxArenaBytes = size_t{8} << 20;

/// Makes sizes and hash of the header right, as far as the metadata lies inside of the file.
void Repair(const AlignedBytes& file) {
  if (file.size() < sizeof(schema::FileHeader)) return;
  schema::FileHeader header;
  std::memcpy(&header, file.data(), sizeof(header));
  std::memcpy(header.magic, schema::kMagic, sizeof(header.magic));
  header.header_bytes = sizeof(header);
  header.file_bytes = file.size();
  if (header.metadata_bytes <= file.size() - sizeof(header)) {
    Sha256 hash;
    hash.Update({file.data() + sizeof(header), static_cast<size_t>(header.metadata_bytes)});
    hash.Finish(header.metadata_sha256);
  }
  std::memcpy(file.data(), &header, sizeof(header));
}

bool IsLoadStatus(Status status) {
  return status == Status::kOk || status == Status::kInvalidModel || status == Status::kUnsupported;
}

size_t TextBytes(const char* text) {
  Require(text != nullptr, "texts of a model are never null");
  return std::strlen(text);
}

/// Reads whatever a model says of itself.
void LookAt(const Model& model) {
  const ModelInfo& info = model.info();
  const ModelCard card = model.card();
  Require(info.temperature > 0 && std::isfinite(info.temperature), "one may divide by a temperature");
  size_t bytes = 0;
  for (const char* text : {card.name, card.licence, card.language, card.training_data, card.accuracy, card.description,
                           card.tool_version, static_cast<const char*>(card.source_sha256)}) {
    bytes += TextBytes(text);
  }
  for (size_t i = 0; i < info.num_classes; ++i) bytes += TextBytes(model.label(i));
  for (size_t i = 0; i < info.num_layers; ++i) bytes += TextBytes(model.layer(i).mixing);
  for (size_t i = 0; i < model.num_tensors(); ++i) {
    bytes += TextBytes(model.tensor(i).name);
    Require(model.tensor(i).bytes <= model.file_bytes(), "a tensor is no larger than its file");
  }
  Require(bytes > 0 && model.weights_bytes() < model.file_bytes(), "weights are a part of the file");
}

/// What a run depends on beside the file.
struct Choice {
  BackendChoice backend;
  size_t length;  // 0 means all
};

Choice ChoiceOf(const uint8_t* hash) {
  // XNNPACK puts its products to the test at every creation, which takes most of the time: not always, then.
  return {hash[0] % 4 == 0 ? BackendChoice::kBest : BackendChoice::kReference, hash[1]};
}

void RunEncoder(const Model& model, const Choice& choice) {
  Options options;
  options.backend = choice.backend;
  const Result<size_t> arena_bytes = Encoder::ArenaBytes(model, options);
  if (!arena_bytes.ok() || arena_bytes.value() > kMaxArenaBytes) return;
  const AlignedBytes arena(arena_bytes.value());
  Result<Encoder> encoder = Encoder::Create(model, options, Span<uint8_t>(arena.data(), arena.size()));
  Require(encoder.ok(), "what ArenaBytes plans can be created");
  const ModelInfo& info = model.info();
  const size_t length = choice.length == 0 || choice.length > info.max_seq_len ? info.max_seq_len : choice.length;
  std::vector<int32_t> ids(length);
  for (size_t i = 0; i < length; ++i) ids[i] = static_cast<int32_t>(i * 7 % info.vocab_size);
  std::vector<float> logits(info.num_text_classes), again(info.num_text_classes);
  const Status status = encoder->Run(ids, {}, {{}, {}, logits});
  // Weights that nobody trained may give infinite numbers, which a run refuses to give on.
  Require(status == Status::kOk || status == Status::kInvalidArgument || status == Status::kInvalidModel,
          "a run ends well, asks for another length, or finds that the model computes no numbers");
  if (status != Status::kOk) return;
  for (const float value : logits) Require(std::isfinite(value), "logits are numbers");
  Require(encoder->Run(ids, {}, {{}, {}, again}) == Status::kOk, "what ran once runs twice");
  const bool is_same = logits.empty() || std::memcmp(logits.data(), again.data(), logits.size() * sizeof(float)) == 0;
  Require(is_same, "with the same bits");
}

void RunMaskFiller(const Model& model, const Choice& choice) {
  Options options;
  options.backend = choice.backend;
  const Result<size_t> arena_bytes = MaskFiller::ArenaBytes(model, options);
  if (!arena_bytes.ok() || arena_bytes.value() > kMaxArenaBytes) return;
  const AlignedBytes arena(arena_bytes.value());
  Result<MaskFiller> filler = MaskFiller::Create(model, options, Span<uint8_t>(arena.data(), arena.size()));
  Require(filler.ok(), "what ArenaBytes plans can be created");
  MaskCandidate candidates[8] = {};
  FillResult result = {};
  const Status status = filler->Fill("ab [MASK] c", {}, {}, candidates, &result);
  Require(status == Status::kOk || status == Status::kInvalidModel, "masks are filled, or the model gives no numbers");
  if (status != Status::kOk) return;
  for (size_t i = 0; i < result.num_masks; ++i) {
    const bool is_token =
        candidates[i].token_id >= 0 && static_cast<size_t>(candidates[i].token_id) < model.info().vocab_size;
    Require(is_token && candidates[i].probability > 0 && candidates[i].probability <= 1, "by tokens of the vocabulary");
  }
}

void RunTokenLabeler(const Model& model, const Choice& choice) {
  Options options;
  options.backend = choice.backend;
  const Result<size_t> arena_bytes = TokenLabeler::ArenaBytes(model, options);
  if (!arena_bytes.ok() || arena_bytes.value() > kMaxArenaBytes) return;
  const AlignedBytes arena(arena_bytes.value());
  Result<TokenLabeler> labeler = TokenLabeler::Create(model, options, Span<uint8_t>(arena.data(), arena.size()));
  Require(labeler.ok(), "what ArenaBytes plans can be created");
  constexpr std::string_view kText = "ab [MASK] c";
  TokenLabel labels[16] = {};
  TokenizeResult tokens = {};
  const Status status = labeler->Label(kText, "ab", {}, labels, &tokens);
  Require(status == Status::kOk || status == Status::kInvalidModel, "tokens are labelled, or there are no numbers");
  if (status != Status::kOk) return;
  for (size_t i = 0; i < tokens.num_tokens; ++i) {
    Require(labels[i].class_index < model.info().num_classes && TextBytes(labels[i].label) < model.file_bytes(),
            "by one of the classes");
    Require(labels[i].probability > 0 && labels[i].probability <= 1, "with a probability");
    Require(labels[i].offset.begin <= labels[i].offset.end && labels[i].offset.end <= kText.size(), "in the text");
  }
}

void RunClassifier(const Model& model, const Choice& choice) {
  Options options;
  options.backend = choice.backend;
  const Result<size_t> arena_bytes = Classifier::ArenaBytes(model, options);
  if (!arena_bytes.ok() || arena_bytes.value() > kMaxArenaBytes) return;
  const AlignedBytes arena(arena_bytes.value());
  Result<Classifier> classifier = Classifier::Create(model, options, Span<uint8_t>(arena.data(), arena.size()));
  Require(classifier.ok(), "what ArenaBytes plans can be created");
  Prediction prediction = {};
  const Status status = classifier->Classify("ab c! [MASK] \xc3\x84 abab", &prediction);
  Require(status == Status::kOk || status == Status::kInvalidModel,
          "a text is labelled, or the model gives no numbers");
  if (status != Status::kOk) return;
  Require(prediction.class_index < model.info().num_classes, "by a class");
  const Task task = model.info().task;
  const bool is_positive = prediction.probability > 0 || (task == Task::kMultiLabel && prediction.probability == 0);
  Require((is_positive && prediction.probability <= 1) || task == Task::kRegression,
          "with a probability, which the temperature keeps one");
  const Status pair_status = classifier->Classify("ab", "c", {}, {}, &prediction);
  Require(pair_status == Status::kOk || pair_status == Status::kInvalidModel, "a pair too");
  const Status window_status = classifier->Classify("ab c! ab c! ab c! ab c!", {}, {{}, {true, 0}}, {}, &prediction);
  Require(window_status == Status::kOk || window_status == Status::kInvalidModel, "and a text in windows");
}

}  // namespace

void LoadModel(const uint8_t* data, size_t size) {
  const AlignedBytes file(std::vector<uint8_t>(data, data + size));
  if (size % 2 == 0) Repair(file);
  const Result<Model> model = Model::FromMemory({file.data(), file.size()});
  Require(IsLoadStatus(model.status()), "loading gives kOk, kInvalidModel or kUnsupported");
  if (model.ok()) LookAt(model.value());
}

void RunModel(const uint8_t* data, size_t size) {
  if (size < sizeof(schema::FileHeader)) return;
  const AlignedBytes file(std::vector<uint8_t>(data, data + size));
  const Choice choice = ChoiceOf(data + offsetof(schema::FileHeader, metadata_sha256));
  Repair(file);
  const Result<Model> model = Model::FromMemory({file.data(), file.size()}, {VerifyWeights::kNever, {}});
  Require(IsLoadStatus(model.status()), "loading gives kOk, kInvalidModel or kUnsupported");
  if (!model.ok()) return;
  RunEncoder(model.value(), choice);
  RunClassifier(model.value(), choice);
  RunMaskFiller(model.value(), choice);
  RunTokenLabeler(model.value(), choice);
}

}  // namespace smx::fuzz
