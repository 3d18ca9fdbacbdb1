#ifndef SMX_MODEL_H_
#define SMX_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "smx/platform.h"
#include "smx/span.h"
#include "smx/status.h"

namespace smx {

namespace internal {
class ModelData;
}

/// One parameter array as the file names it, for people and tools that list a model.
struct TensorInfo {
  const char* name;  ///< The checkpoint's name; an expert's arrays end in its number.
  const char* type;  ///< "f32" or "qc8w".
  Span<const uint32_t> shape;
  uint64_t bytes;  ///< Values and scales.
};

/// What the file says of itself. Pointers live as long as the model; absent texts are "".
struct ModelCard {
  const char* name;
  const char* licence;
  const char* language;
  const char* training_data;
  const char* accuracy;
  const char* description;
  const char* tool_version;
  char source_sha256[65];  ///< Hexadecimal; of the checkpoint's parameters: names, shapes, float32 values.
};

/// How a block of the model works, as words: "linear", "fourier", "hartley", "circulant", "toeplitz", "attention";
/// "dense", "experts".
struct LayerInfo {
  const char* mixing;
  const char* feed_forward;
};

/// What a model was trained to say of a text.
enum class Task : uint8_t {
  kClassification,  ///< One class: softmax(logits / temperature).
  kRegression,      ///< A value: the one logit.
  kMultiLabel,      ///< Each class apart, any number of them: sigmoid(logits / temperature).
  kEmbedding,       ///< A vector: no head, num_classes is 0.
  kMaskedTokens,    ///< A token of the vocabulary for each row that is asked for; num_classes is 0, no pooler.
  kTokenLabels,     ///< One class of each token: softmax(logits / temperature); no pooler.
};

/// "classification", "regression", "multi_label", "embedding", "masked_tokens" or "token_labels"
const char* TaskName(Task task);

/// The sizes of a model; names as in the reference's configuration.
struct ModelInfo {
  size_t vocab_size, type_vocab_size, max_seq_len;
  size_t d_emb, d_model, d_ff, num_heads, num_layers;
  size_t num_experts, expert_d_ff, min_expert_capacity, max_group_size;  ///< 0 without experts.
  double capacity_factor;
  size_t num_selected_experts;     ///< Experts that a token chooses; 0 where tokens do not choose.
  bool batch_prioritized_routing;  ///< The surest tokens choose first.
  bool reference_group_order;      ///< Several routing groups: the reference's mix-up of groups and experts.
  size_t num_classes;              ///< Of a text, or of a token; 0 where there are none: kEmbedding, kMaskedTokens.
  size_t num_text_classes;         ///< What EncoderOutput::logits holds of a text: num_classes, or 0 of kTokenLabels.
  size_t num_token_logits;         ///< What TokenLogits sees of a token: its classes, or the vocabulary; else 0.
  int32_t pad_id;
  Task task;
  bool has_pooler;         ///< Always with classes of a text, never with a head for tokens.
  const char* activation;  ///< "gelu_tanh" or "gelu_erf"
  float layer_norm_epsilon;
  double temperature;        ///< Divides the logits before they become probabilities; 1 where there are none.
  bool masked_padding;       ///< Else the reference's padding to max_seq_len.
  bool batch_routing_group;  ///< Else each text is a routing group of its own.
  bool has_tokenizer;
  const char* tokenizer_kind;  ///< "wordpiece", "unigram", "bpe" or "byte_bpe"; "" without a tokenizer.
  const char* weight_type;     ///< "f32" or "int8": the type of the dense products.
  const char* routing;         ///< "experts_choose" or "tokens_choose"; "" without experts.
  const char* router_type;     ///< "float32" or "bfloat16"; "" without experts.
};

/// How much of the file Load checks beyond the metadata, which is always checked in full.
enum class VerifyWeights : uint8_t {
  kAuto,  ///< SHA-256 of the weights up to 64 MB of them.
  kAlways,
  kNever,
};

struct LoadOptions {
  VerifyWeights verify_weights = VerifyWeights::kAuto;
  Log log;  ///< Used while loading only; the model forgets it.
  /// A file for packed weights; null: they are packed by the first Encoder of each process, and kept on the heap. Where
  /// it is, and fits model, library and machine, the first Encoder maps it and packs nothing; else a word in the log
  /// says why, weights are packed, and the file is written anew, whole or not at all, by way of a file with ".new"
  /// behind its name. That it cannot be written is a word in the log, too, and so is a file there that is no weights
  /// cache, which stays as it is. Any number of processes may use one file, none may truncate it. It is checked as the
  /// model's file is: what is followed always, hashes of the weights as verify_weights says. Whoever may write it may
  /// change answers, as whoever may write the model's file.
  const char* weights_cache_path = nullptr;
  /// How many bytes of packed experts a session keeps in memory; 0: all. Beyond that they are released after their use
  /// and read again from the weights cache, the next one while the one before it runs. No answer depends on it. Two
  /// experts must fit in.
  size_t experts_budget_bytes = 0;
};

/// A verified, read-only model file. Cheap to move; shared by any number of Encoders, Tokenizers and Classifiers, on
/// any number of threads, all of which must be gone before the Model goes.
class Model {
 public:
  /// Maps the file at `path` and checks header, metadata and meaning; cost independent of the size of the weights,
  /// except for their hashes (LoadOptions). The file must not be truncated while the model lives.
  ///
  /// @retval kInvalidArgument  path is null; experts_budget_bytes without weights_cache_path.
  /// @retval kIoError       cannot be opened, read or mapped.
  /// @retval kInvalidModel  not a model file, truncated, damaged, or contradicting itself.
  /// @retval kUnsupported   a newer version, or asks for what is not built; the log names it.
  /// @retval kOutOfMemory
  static Result<Model> Load(const char* path, const LoadOptions& options = {});

  /// The same on bytes of the caller, 64-byte aligned, which outlive the model.
  static Result<Model> FromMemory(Span<const uint8_t> file, const LoadOptions& options = {});

  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;
  ~Model();

  const ModelInfo& info() const;
  ModelCard card() const;
  LayerInfo layer(size_t index) const;  ///< index < info().num_layers
  size_t num_tensors() const;
  TensorInfo tensor(size_t index) const;  ///< index < num_tensors()
  uint64_t file_bytes() const;
  uint64_t weights_bytes() const;  ///< Sum of the segments.

  /// The name of class `index`; "" when the file names none.
  const char* label(size_t index) const;  ///< index < info().num_classes

  /// SHA-256 of every segment against the metadata; for files that Load took without.
  Status VerifyWeightHashes(const Log& log = {}) const;

  /// For the rest of the engine.
  const internal::ModelData& data() const { return *data_; }

 private:
  explicit Model(std::unique_ptr<internal::ModelData> data);
  std::unique_ptr<internal::ModelData> data_;
};

}  // namespace smx

#endif  // SMX_MODEL_H_
