#include "smx/model.h"

#include <cstring>

#include "base/log.h"
#include "file_format.h"
#include "model/check.h"
#include "model/model_data.h"
#include "model/tokenizer_view.h"
#include "tokenizer/check.h"

namespace smx {
namespace {

using internal::ModelData;

constexpr uint64_t kAutoVerifyBytes = uint64_t{64} << 20;

Status LoadTokenizer(const Log& log, ModelData* data) {
  const schema::Tokenizer* tokenizer = data->file.model->tokenizer();
  if (tokenizer == nullptr) return Status::kOk;
  SMX_TRY(ViewTokenizer(*tokenizer, log, &data->special_tokens, &data->tokenizer_view));
  SMX_TRY(CheckTokenizer(data->tokenizer_view, data->config.vocab_size, log));
  data->has_tokenizer = true;
  return Status::kOk;
}

const char* KindName(const ModelData& data) {
  if (!data.has_tokenizer) return "";
  switch (data.tokenizer_view.kind) {
    case TokenizerKind::kWordPiece:
      return "wordpiece";
    case TokenizerKind::kUnigram:
      return "unigram";
    case TokenizerKind::kBpe:
      break;
  }
  return data.tokenizer_view.reading.rule == ReadingRule::kByteLevel ? "byte_bpe" : "bpe";
}

ModelInfo InfoOf(const ModelData& data) {
  const ModelConfig& c = data.config;
  ModelInfo info = {};
  info.vocab_size = c.vocab_size;
  info.type_vocab_size = c.type_vocab_size;
  info.max_seq_len = c.max_seq_len;
  info.d_emb = c.d_emb;
  info.d_model = c.d_model;
  info.d_ff = c.d_ff;
  info.num_heads = c.num_heads;
  info.num_layers = c.layers.size();
  info.num_experts = c.moe.num_experts;
  info.expert_d_ff = c.moe.expert_d_ff;
  info.min_expert_capacity = c.moe.min_expert_capacity;
  info.max_group_size = c.moe.max_group_size;
  info.capacity_factor = c.moe.capacity_factor;
  info.num_selected_experts = c.moe.tokens_choose ? c.moe.num_selected_experts : 0;
  info.batch_prioritized_routing = c.moe.batch_prioritized_routing;
  info.reference_group_order = c.moe.reference_group_order;
  info.num_classes = c.num_classes;
  info.num_text_classes = c.num_text_classes;
  info.num_token_logits = c.num_token_logits;
  info.pad_id = c.pad_id;
  info.task = c.task;
  info.has_pooler = c.has_pooler;
  info.activation = c.gelu_erf ? "gelu_erf" : "gelu_tanh";
  info.layer_norm_epsilon = c.layer_norm_epsilon;
  info.temperature = c.temperature;
  info.masked_padding = c.masked_padding;
  info.batch_routing_group = c.batch_routing_group;
  info.has_tokenizer = data.has_tokenizer;
  info.tokenizer_kind = KindName(data);
  info.weight_type = data.weights.product_type == WeightType::kF32 ? "f32" : "int8";
  info.routing = c.moe.num_experts == 0 ? "" : c.moe.tokens_choose ? "tokens_choose" : "experts_choose";
  info.router_type = c.moe.num_experts == 0 ? "" : c.moe.bfloat16_router ? "bfloat16" : "float32";
  return info;
}

const char* NameOf(MixingKind kind) {
  switch (kind) {
    case MixingKind::kLinear:
      return "linear";
    case MixingKind::kFourier:
      return "fourier";
    case MixingKind::kHartley:
      return "hartley";
    case MixingKind::kCirculant:
      return "circulant";
    case MixingKind::kToeplitz:
      return "toeplitz";
    case MixingKind::kAttention:
      return "attention";
  }
  return "";
}

uint64_t MaxHashedBytes(VerifyWeights verify) {
  if (verify == VerifyWeights::kNever) return 0;
  return verify == VerifyWeights::kAlways ? UINT64_MAX : kAutoVerifyBytes;
}

/// What Encoders need to know of the file and of LoadOptions.
Status FillSharedWeights(const LoadOptions& options, ModelData* data) {
  if (options.experts_budget_bytes != 0 && options.weights_cache_path == nullptr) {
    return Fail(options.log, Status::kInvalidArgument,
                "experts_budget_bytes %zu: needs weights_cache_path, the file that experts are read from again",
                options.experts_budget_bytes);
  }
  WeightsFile& weights = data->shared.weights;
  weights.bytes = data->file.bytes;
  weights.is_mapped = !data->mapping.bytes().empty();
  weights.sha256 = data->file.bytes.data() + offsetof(schema::FileHeader, metadata_sha256);
  weights.max_hashed_bytes = MaxHashedBytes(options.verify_weights);
  weights.experts_budget_bytes = options.experts_budget_bytes;
  if (options.weights_cache_path == nullptr) return Status::kOk;
  const size_t length = std::strlen(options.weights_cache_path) + 1;
  SMX_TRY(data->weights_cache_path.Allocate(length));
  std::memcpy(data->weights_cache_path.data(), options.weights_cache_path, length);
  weights.cache_path = data->weights_cache_path.data();
  return Status::kOk;
}

/// `data->mapping` may hold the bytes; everything else is filled here.
Status LoadBytes(Span<const uint8_t> bytes, const LoadOptions& options, ModelData* data) {
  if (reinterpret_cast<uintptr_t>(bytes.data()) % 64 != 0) {
    return Fail(options.log, Status::kInvalidArgument, "file: its bytes must lie at a multiple of 64");
  }
  SMX_TRY(VerifyFile(bytes, options.log, &data->file));
  SMX_TRY(CheckConfig(*data->file.model, options.log, &data->config));
  SMX_TRY(BindWeights(data->file, data->config, options.log, &data->weights));
  SMX_TRY(LoadTokenizer(options.log, data));
  data->info = InfoOf(*data);
  SMX_TRY(FillSharedWeights(options, data));
  const bool verify = bytes.size() <= data->shared.weights.max_hashed_bytes;
  return verify ? VerifySegmentHashes(data->file, options.log) : Status::kOk;
}

const char* TextOrEmpty(const flatbuffers::String* text) { return text == nullptr ? "" : text->c_str(); }

void WriteHex(const schema::Sha256& hash, char out[65]) {
  constexpr char kDigits[] = "0123456789abcdef";
  for (uint32_t i = 0; i < 32; ++i) {
    const uint8_t byte = hash.bytes()->Get(i);
    out[2 * i] = kDigits[byte >> 4];
    out[2 * i + 1] = kDigits[byte & 15];
  }
  out[64] = '\0';
}

}  // namespace

const char* TaskName(Task task) {
  switch (task) {
    case Task::kClassification:
      return "classification";
    case Task::kRegression:
      return "regression";
    case Task::kMultiLabel:
      return "multi_label";
    case Task::kEmbedding:
      return "embedding";
    case Task::kMaskedTokens:
      return "masked_tokens";
    case Task::kTokenLabels:
      return "token_labels";
  }
  return "";
}

Model::Model(std::unique_ptr<ModelData> data) : data_(std::move(data)) {}
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;
Model::~Model() = default;

Result<Model> Model::Load(const char* path, const LoadOptions& options) {
  if (path == nullptr) return Fail(options.log, Status::kInvalidArgument, "path: is null");
  auto data = MakeUnique<ModelData>();
  if (data == nullptr) return Fail(options.log, Status::kOutOfMemory, "%s: no memory to load it", path);
  SMX_ASSIGN_OR_RETURN(MappedFile mapping, MappedFile::Open(path, options.log));
  data->mapping = std::move(mapping);
  SMX_TRY(LoadBytes(data->mapping.bytes(), options, data.get()));
  return Model(std::move(data));
}

Result<Model> Model::FromMemory(Span<const uint8_t> file, const LoadOptions& options) {
  auto data = MakeUnique<ModelData>();
  if (data == nullptr) return Fail(options.log, Status::kOutOfMemory, "no memory to load a model");
  SMX_TRY(LoadBytes(file, options, data.get()));
  return Model(std::move(data));
}

const ModelInfo& Model::info() const { return data_->info; }

ModelCard Model::card() const {
  const schema::ModelCard* stored = data_->file.model->card();
  const auto text = [stored](const flatbuffers::String* (schema::ModelCard::*field)() const) {
    return stored == nullptr ? "" : TextOrEmpty((stored->*field)());
  };
  ModelCard card = {text(&schema::ModelCard::name),         text(&schema::ModelCard::licence),
                    text(&schema::ModelCard::language),     text(&schema::ModelCard::training_data),
                    text(&schema::ModelCard::accuracy),     text(&schema::ModelCard::description),
                    text(&schema::ModelCard::tool_version), ""};
  if (stored == nullptr) return card;
  if (stored->source_sha256() != nullptr) WriteHex(*stored->source_sha256(), card.source_sha256);
  return card;
}

LayerInfo Model::layer(size_t index) const {
  const LayerConfig& layer = data_->config.layers[index];
  return {NameOf(layer.mixing), layer.feed_forward == FeedForwardKind::kDense ? "dense" : "experts"};
}

size_t Model::num_tensors() const { return data_->file.model->tensors()->size(); }

TensorInfo Model::tensor(size_t index) const {
  const schema::Tensor& tensor = *data_->file.model->tensors()->Get(static_cast<uint32_t>(index));
  const flatbuffers::Vector<uint32_t>& shape = *tensor.shape();
  uint64_t count = 1;
  for (const uint32_t extent : shape) count *= extent;
  const bool is_f32 = tensor.type() == schema::TensorType_F32;
  const uint64_t bytes = is_f32 ? 4 * count : count + 4 * uint64_t{shape.Get(tensor.channel_axis())};
  return {tensor.name()->c_str(), is_f32 ? "f32" : "qc8w", {shape.data(), shape.size()}, bytes};
}

uint64_t Model::file_bytes() const { return data_->file.bytes.size(); }

uint64_t Model::weights_bytes() const {
  uint64_t sum = 0;
  for (const schema::Segment* segment : *data_->file.model->segments()) sum += segment->bytes();
  return sum;
}

const char* Model::label(size_t index) const {
  const auto* labels = data_->file.model->labels();
  if (labels == nullptr || index >= labels->size()) return "";
  return labels->Get(static_cast<uint32_t>(index))->c_str();
}

Status Model::VerifyWeightHashes(const Log& log) const { return VerifySegmentHashes(data_->file, log); }

}  // namespace smx
