#include "support/tiny_models.h"

#include "support/input_scales.h"
#include "tokenizer_format.h"

namespace smx::tests {
namespace {

using tools::ModelConfig;
using tools::ModelContent;
using tools::Parameter;

constexpr uint32_t kEmb = 8, kModel = 8, kFf = 16, kExpertFf = 12, kSeqLen = 8, kVocab = 12, kTypes = 2, kClasses = 3;
constexpr int kStaysFloat32 = -1;

/// Adds parameters in the form of the model file; values from -0.5 to 0.5.
class Builder {
 public:
  explicit Builder(tools::Checkpoint* checkpoint) : checkpoint_(checkpoint) {}

  void Add(const std::string& name, const std::vector<uint32_t>& shape, int channel_axis = kStaysFloat32) {
    size_t count = 1;
    for (const uint32_t extent : shape) count *= extent;
    Parameter parameter = {name, shape, {}, channel_axis, checkpoint_->num_segments};
    for (size_t i = 0; i < count; ++i) parameter.values.push_back(NextValue());
    checkpoint_->parameters.push_back(std::move(parameter));
  }
  void AddDense(const std::string& name, uint32_t in, uint32_t out) {
    Add(name + "/kernel", {in, out}, 1);
    Add(name + "/bias", {out});
  }
  void AddLayerNorm(const std::string& name, uint32_t width) {
    Add(name + "/scale", {width});
    Add(name + "/bias", {width});
  }
  void EndSegment() { ++checkpoint_->num_segments; }
  void BeginExperts() { checkpoint_->first_expert_segment = checkpoint_->num_segments; }

 private:
  float NextValue() {
    state_ = state_ * 1664525u + 1013904223u;
    return static_cast<float>(state_ >> 8) / 16777216.0f - 0.5f;
  }

  tools::Checkpoint* checkpoint_;
  uint32_t state_ = 1;
};

void AddEmbedding(Builder* builder) {
  const std::string prefix = "encoder/embedder/";
  builder->Add(prefix + "word/embedding", {kVocab, kEmb}, 0);
  builder->Add(prefix + "position/embedding", {kSeqLen, kEmb});
  builder->Add(prefix + "type/embedding", {kTypes, kEmb});
  builder->AddLayerNorm(prefix + "layer_norm", kEmb);
  builder->AddDense(prefix + "hidden_mapping_in", kEmb, kModel);
  builder->EndSegment();
}

void AddMixing(schema::MixingKind kind, const std::string& number, Builder* builder) {
  switch (kind) {
    case schema::MixingKind_LINEAR:
      builder->Add("encoder/linear_transform_" + number + "/hidden_kernel", {kModel, kModel}, 1);
      builder->Add("encoder/linear_transform_" + number + "/input_kernel", {kSeqLen, kSeqLen}, 0);
      return;
    case schema::MixingKind_CIRCULANT:
      builder->Add("encoder/circulant_transform_" + number + "/hidden_kernel", {1, 2 * kModel - 1}, 0);
      builder->Add("encoder/circulant_transform_" + number + "/input_kernel", {1, 2 * kSeqLen - 1}, 0);
      return;
    case schema::MixingKind_TOEPLITZ:
      builder->Add("encoder/toeplitz_transform_" + number + "/hidden_kernel", {1, 2 * kModel - 1}, 0);
      builder->Add("encoder/toeplitz_transform_" + number + "/input_kernel", {1, 2 * kSeqLen - 1}, 0);
      return;
    case schema::MixingKind_FOURIER:
    case schema::MixingKind_HARTLEY:
      return;
    default:
      for (const char* name : {"query", "key", "value", "out"}) {
        builder->AddDense("encoder/attention_" + number + "/self/" + name, kModel, kModel);
      }
  }
}

void AddBlock(const tools::LayerKinds& kinds, const std::string& number, uint32_t num_experts, Builder* builder) {
  AddMixing(kinds.mixing, number, builder);
  builder->AddLayerNorm("encoder/encoder_" + number + "/mixing_layer_norm", kModel);
  builder->AddLayerNorm("encoder/encoder_" + number + "/output_layer_norm", kModel);
  if (kinds.feed_forward == schema::FeedForwardKind_EXPERTS) {
    builder->Add("encoder/router_weights_" + number + "/DenseGeneral_0/kernel", {kModel, num_experts});
    builder->Add("encoder/router_weights_" + number + "/DenseGeneral_0/bias", {num_experts});
    builder->EndSegment();
    return;
  }
  builder->AddDense("encoder/feed_forward_" + number + "/intermediate", kModel, kFf);
  builder->AddDense("encoder/feed_forward_" + number + "/output", kFf, kModel);
  builder->EndSegment();
}

void AddExperts(const std::string& number, uint32_t num_experts, Builder* builder) {
  for (uint32_t e = 0; e < num_experts; ++e) {
    const std::string prefix = "encoder/expert_" + number + "/" + std::to_string(e) + "/";
    builder->AddDense(prefix + "intermediate", kModel, kExpertFf);
    builder->AddDense(prefix + "output", kExpertFf, kModel);
    builder->EndSegment();
  }
}

tools::Checkpoint MakeCheckpoint(const ModelConfig& config) {
  tools::Checkpoint checkpoint;
  Builder builder(&checkpoint);
  const uint32_t num_experts = config.experts ? config.experts->num_experts : 0;
  AddEmbedding(&builder);
  for (size_t i = 0; i < config.layers.size(); ++i) {
    AddBlock(config.layers[i], std::to_string(i), num_experts, &builder);
  }
  if (config.task == schema::TaskKind_MASKED_TOKENS) {
    builder.Add("predictions_dense/kernel", {kModel, kEmb});
    builder.Add("predictions_dense/bias", {kEmb});
    builder.AddLayerNorm("predictions_layer_norm", kEmb);
    builder.Add("predictions_output/output_bias", {kVocab});
  } else if (config.task == schema::TaskKind_TOKEN_LABELS) {
    builder.Add("token_labels/output_kernel", {kClasses, kModel});
    builder.Add("token_labels/output_bias", {kClasses});
  } else {
    builder.Add("encoder/pooler/kernel", {kModel, kModel});
    builder.Add("encoder/pooler/bias", {kModel});
    builder.Add("classification/output_kernel", {kClasses, kModel});
    builder.Add("classification/output_bias", {kClasses});
  }
  builder.EndSegment();
  builder.BeginExperts();
  for (size_t i = 0; i < config.layers.size(); ++i) {
    if (config.layers[i].feed_forward != schema::FeedForwardKind_EXPERTS) continue;
    AddExperts(std::to_string(i), num_experts, &builder);
  }
  return checkpoint;
}

ModelContent MakeModel(const std::vector<tools::LayerKinds>& layers) {
  ModelContent content;
  ModelConfig& config = content.config;
  config = {};
  config.vocab_size = kVocab;
  config.type_vocab_size = kTypes;
  config.max_seq_len = kSeqLen;
  config.d_emb = kEmb;
  config.d_model = kModel;
  config.d_ff = kFf;
  config.num_heads = 2;
  config.num_classes = kClasses;
  config.layers = layers;
  config.card.name = "tiny";
  content.source_sha256.assign(32, 7);
  return content;
}

}  // namespace

tools::CompiledTokenizer TinyTokenizer() {
  tools::CompiledTokenizer tokenizer =
      tools::CompilePieces("tiny", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nab\n##a\n##b\nc\n!\n##bc\n");
  // Block 0 is ASCII, block 1 is everything else: words.
  tokenizer.block_index.assign(schema::kNumBlockIndexes, 1);
  tokenizer.block_index[0] = 0;
  tokenizer.blocks.assign(2 * schema::kCodePointsPerBlock, schema::kActionWord);
  for (const char c : {' ', '\t', '\n', '\r'}) tokenizer.blocks[static_cast<uint8_t>(c)] = schema::kActionSpace;
  for (const char c : {'!', '.', ',', '[', ']', '#'}) {
    tokenizer.blocks[static_cast<uint8_t>(c)] = schema::kActionIsolated;
  }
  tokenizer.blocks[0] = schema::kActionDrop;
  for (const char c : {'A', 'B', 'C'}) {
    tokenizer.blocks[static_cast<uint8_t>(c)] =
        static_cast<uint16_t>(schema::kFirstSequence + tokenizer.sequences.size());
    tokenizer.sequences.push_back(1);
    tokenizer.sequences.push_back(
        schema::PackElement(static_cast<uint32_t>(c - 'A' + 'a'), schema::CodePointClass::kWord, 0));
  }
  tokenizer.unicode_version = "ASCII";
  return tokenizer;
}

tools::ModelContent TinyLinear() {
  const tools::LayerKinds dense = {schema::MixingKind_LINEAR, schema::FeedForwardKind_DENSE};
  ModelContent content = MakeModel({dense, dense});
  content.config.padding = schema::Padding_MASKED;
  content.config.labels = {"yes", "no", "perhaps"};
  content.config.temperature = 1.5;
  content.tokenizer = TinyTokenizer();
  content.checkpoint = MakeCheckpoint(content.config);
  return content;
}

tools::ModelContent TinyMasked() {
  ModelContent content = TinyLinear();
  content.config.task = schema::TaskKind_MASKED_TOKENS;
  content.config.has_pooler = false;
  content.config.num_classes = 0;
  content.config.labels.clear();
  content.config.temperature = 1;
  content.checkpoint = MakeCheckpoint(content.config);
  return content;
}

tools::ModelContent TinyTokenLabels() {
  ModelContent content = TinyLinear();
  content.config.task = schema::TaskKind_TOKEN_LABELS;
  content.config.has_pooler = false;
  content.config.labels = {"O", "B-X", "I-X"};
  content.checkpoint = MakeCheckpoint(content.config);
  return content;
}

tools::ModelContent TinyExperts() {
  ModelContent content = MakeModel({{schema::MixingKind_LINEAR, schema::FeedForwardKind_EXPERTS},
                                    {schema::MixingKind_ATTENTION, schema::FeedForwardKind_EXPERTS},
                                    {schema::MixingKind_ATTENTION, schema::FeedForwardKind_DENSE}});
  content.config.experts = tools::ExpertsConfig{2, kExpertFf, 1.0, 1, 4096};
  content.checkpoint = MakeCheckpoint(content.config);
  AddAllInputScales([](size_t j) { return j % 2 == 0 ? 0.5f : 1.5f; }, &content);
  return content;
}

tools::ModelContent TinyTransforms() {
  ModelContent content = MakeModel({{schema::MixingKind_CIRCULANT, schema::FeedForwardKind_DENSE},
                                    {schema::MixingKind_TOEPLITZ, schema::FeedForwardKind_DENSE},
                                    {schema::MixingKind_FOURIER, schema::FeedForwardKind_DENSE},
                                    {schema::MixingKind_HARTLEY, schema::FeedForwardKind_DENSE}});
  content.checkpoint = MakeCheckpoint(content.config);
  return content;
}

}  // namespace smx::tests
