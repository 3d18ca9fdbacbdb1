#include "formats/bert_arrays.h"

#include <cstring>

#include "error.h"

namespace smx::tools {
namespace {

using Shape = std::vector<size_t>;

constexpr char kPrefix[] = "bert.";

/// [rows, cols] -> [cols, rows], of any dtype.
void Transpose(Array* array) {
  const size_t rows = array->shape[0];
  const size_t cols = array->shape[1];
  const size_t size = array->bytes.size() / (rows * cols);
  std::vector<uint8_t> turned(array->bytes.size());
  for (size_t r = 0; r < rows; ++r) {
    for (size_t c = 0; c < cols; ++c) {
      std::memcpy(turned.data() + (c * rows + r) * size, array->bytes.data() + (r * cols + c) * size, size);
    }
  }
  array->bytes = std::move(turned);
  array->shape = {cols, rows};
}

/// Moves arrays from their old names to their new ones.
class BertTaker {
 public:
  BertTaker(const std::string& path, ArrayMap arrays) : path_(path), arrays_(std::move(arrays)) {}

  /// `old` is any of the array's names; it has `shape`.
  Array Take(const std::vector<std::string>& old, const Shape& shape);
  /// A vector or a table, as it is.
  void Move(const std::string& old, const Shape& shape, const std::string& name) { result_[name] = Take({old}, shape); }
  /// Where it is there.
  void Drop(const std::string& old) {
    for (const std::string& name : {old, kPrefix + old}) arrays_.erase(name);
  }
  void MoveLayerNorm(const std::string& old, size_t d, const std::string& name) {
    result_[name + "/scale"] = Take({old + ".weight", old + ".gamma"}, {d});
    result_[name + "/bias"] = Take({old + ".bias", old + ".beta"}, {d});
  }
  /// A dense layer; `kernel` and `bias` are the shapes of the result.
  void MoveDense(const std::string& old, size_t in, size_t out, const std::string& name, const Shape& kernel,
                 const Shape& bias);
  void MoveDense(const std::string& old, size_t in, size_t out, const std::string& name) {
    MoveDense(old, in, out, name, {in, out}, {out});
  }
  void Add(const std::string& name, Array array) { result_[name] = std::move(array); }

  /// Error for an array that nobody took and nobody needs to know.
  ArrayMap Finish();

 private:
  [[noreturn]] void Fail(const std::string& name, const std::string& what) const {
    throw Error(ExitCode::kBadInput, path_ + ": array " + name + ": " + what);
  }

  const std::string& path_;
  ArrayMap arrays_;
  ArrayMap result_;
};

Array BertTaker::Take(const std::vector<std::string>& old, const Shape& shape) {
  auto found = arrays_.end();
  for (const std::string& name : old) {
    for (const std::string& full : {name, kPrefix + name}) {
      const auto it = arrays_.find(full);
      if (it == arrays_.end()) continue;
      if (found != arrays_.end()) Fail(full, "is there as " + found->first + ", too");
      found = it;
    }
  }
  if (found == arrays_.end()) Fail(old[0], "missing; config.json asks for it with shape " + ShapeText(shape));
  if (found->second.shape != shape) {
    Fail(found->first, "shape " + ShapeText(found->second.shape) + ", config.json asks for " + ShapeText(shape));
  }
  Array array = std::move(found->second);
  arrays_.erase(found);
  return array;
}

void BertTaker::MoveDense(const std::string& old, size_t in, size_t out, const std::string& name, const Shape& kernel,
                          const Shape& bias) {
  Array weight = Take({old + ".weight"}, {out, in});
  Transpose(&weight);
  weight.shape = kernel;
  Array offset = Take({old + ".bias"}, {out});
  offset.shape = bias;
  Add(name + "/kernel", std::move(weight));
  Add(name + "/bias", std::move(offset));
}

/// Counters that old versions stored as if they were parameters, and the heads of pre-training.
bool IsUnneeded(std::string name) {
  if (name.rfind(kPrefix, 0) == 0) name.erase(0, std::strlen(kPrefix));
  return name == "embeddings.position_ids" || name == "embeddings.token_type_ids" || name.rfind("cls.", 0) == 0;
}

ArrayMap BertTaker::Finish() {
  for (const auto& item : arrays_) {
    if (!IsUnneeded(item.first)) Fail(item.first, "not known in a BERT as config.json describes it");
  }
  return std::move(result_);
}

void MoveEmbedding(const ModelConfig& c, uint32_t max_positions, BertTaker* taker) {
  const std::string name = "encoder/embedder/";
  taker->Move("embeddings.word_embeddings.weight", {c.vocab_size, c.d_model}, name + "word/embedding");
  taker->Move("embeddings.token_type_embeddings.weight", {c.type_vocab_size, c.d_model}, name + "type/embedding");
  Array positions = taker->Take({"embeddings.position_embeddings.weight"}, {max_positions, c.d_model});
  positions.bytes.resize(positions.bytes.size() / max_positions * c.max_seq_len);
  positions.shape = {1, c.max_seq_len, c.d_model};
  taker->Add(name + "position/embedding", std::move(positions));
  taker->MoveLayerNorm("embeddings.LayerNorm", c.d_model, name + "layer_norm");
}

void MoveLayer(const ModelConfig& c, const std::string& number, BertTaker* taker) {
  const size_t d = c.d_model;
  const size_t heads = c.num_heads;
  const std::string old = "encoder.layer." + number + ".";
  const std::string attention = "encoder/attention_" + number + "/self/";
  for (const std::string part : {"query", "key", "value"}) {
    taker->MoveDense(old + "attention.self." + part, d, d, attention + part, {d, heads, d / heads}, {heads, d / heads});
  }
  taker->MoveDense(old + "attention.output.dense", d, d, attention + "out", {heads, d / heads, d}, {d});
  taker->MoveLayerNorm(old + "attention.output.LayerNorm", d, "encoder/encoder_" + number + "/mixing_layer_norm");
  taker->MoveDense(old + "intermediate.dense", d, c.d_ff, "encoder/feed_forward_" + number + "/intermediate");
  taker->MoveDense(old + "output.dense", c.d_ff, d, "encoder/feed_forward_" + number + "/output");
  taker->MoveLayerNorm(old + "output.LayerNorm", d, "encoder/encoder_" + number + "/output_layer_norm");
}

/// The kernel of masked tokens is the word embedding; a file may say it twice, but not another one.
void CheckTied(const std::string& path, const ArrayMap& arrays) {
  const auto decoder = arrays.find("cls.predictions.decoder.weight");
  auto words = arrays.find("bert.embeddings.word_embeddings.weight");
  if (words == arrays.end()) words = arrays.find("embeddings.word_embeddings.weight");
  if (decoder == arrays.end() || words == arrays.end()) return;
  if (decoder->second.shape == words->second.shape && decoder->second.bytes == words->second.bytes) return;
  throw Error(ExitCode::kUnsupported, path + ": array " + decoder->first + ": differs from " + words->first +
                                          "; masked tokens of another kernel are not built in this version");
}

void MoveMaskedTokens(const ModelConfig& c, BertTaker* taker) {
  const std::string old = "cls.predictions.";
  taker->MoveDense(old + "transform.dense", c.d_model, c.d_model, "predictions_dense");
  taker->MoveLayerNorm(old + "transform.LayerNorm", c.d_model, "predictions_layer_norm");
  taker->Move(old + "bias", {c.vocab_size}, "predictions_output/output_bias");
}

void MoveClassifier(const ModelConfig& c, const std::string& name, BertTaker* taker) {
  taker->Move("classifier.weight", {c.num_classes, c.d_model}, name + "/output_kernel");
  taker->Move("classifier.bias", {c.num_classes}, name + "/output_bias");
}

/// A head for tokens reads no pooler, which old files have all the same.
void MoveHead(const ModelConfig& c, BertTaker* taker) {
  const bool is_masked_tokens = c.task == schema::TaskKind_MASKED_TOKENS;
  const bool is_token_labels = c.task == schema::TaskKind_TOKEN_LABELS;
  if (is_masked_tokens) MoveMaskedTokens(c, taker);
  if (c.has_pooler) taker->MoveDense("pooler.dense", c.d_model, c.d_model, "encoder/pooler");
  if (c.num_classes > 0) MoveClassifier(c, is_token_labels ? "token_labels" : "classification", taker);
  if (!is_masked_tokens && !is_token_labels) return;
  taker->Drop("pooler.dense.weight");
  taker->Drop("pooler.dense.bias");
}

}  // namespace

bool HasBertArray(const ArrayMap& arrays, const std::string& name) {
  return arrays.count(name) + arrays.count(kPrefix + name) > 0;
}

ArrayMap TakeBertArrays(const std::string& path, ArrayMap arrays, const ModelConfig& config,
                        uint32_t max_position_embeddings) {
  if (config.task == schema::TaskKind_MASKED_TOKENS) CheckTied(path, arrays);
  BertTaker taker(path, std::move(arrays));
  MoveEmbedding(config, max_position_embeddings, &taker);
  for (size_t i = 0; i < config.layers.size(); ++i) MoveLayer(config, std::to_string(i), &taker);
  MoveHead(config, &taker);
  return taker.Finish();
}

}  // namespace smx::tools
