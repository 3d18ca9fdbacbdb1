// Every architecture with every head in every type of weights, as README's table has them: rows of the last block as
// the JAX reference has them, what the head makes of them by its formula in float64, and what a user's class makes of
// that.

#include <algorithm>
#include <cmath>
#include <map>
#include <sstream>

#include <doctest/doctest.h>

#include "smx/classifier.h"
#include "smx/embedder.h"
#include "smx/mask_filler.h"
#include "support/models.h"
#include "support/programs.h"
#include "support/random_model.h"
#include "support/tolerance.h"

using nlohmann::json;
using smx::Encoder;
using smx::EncoderOutput;
using smx::Options;
using smx::Span;
using smx::Status;
using smx::Task;
using smx::tests::MemoryModel;
using smx::tools::ArrayMap;
using smx::tools::ModelContent;
using smx::tools::ReadSafetensors;
using smx::tools::WeightsType;
using smx::tools::WithArena;

namespace {

struct Architecture {
  const char* name;    // in README
  const char* golden;  // the case with its parameters
};
constexpr Architecture kArchitectures[] = {{"linear", "linear"},
                                           {"Fourier", "f_net"},
                                           {"Hartley", "h_net"},
                                           {"circulant", "c_net"},
                                           {"Toeplitz", "t_net"},
                                           {"attention: BERT", "bert"},
                                           {"Sparse Mixer: linear, attention, experts", "sparse_mixer"},
                                           {"Fast Sparse Mixer", "fast_sparse_mixer"},
                                           {"experts chosen by tokens", "tokens_choose_top2"}};

struct Head {
  const char* name;  // in README
  Task task;
  json config;  // what config.json says of it
};
const std::vector<Head>& Heads() {
  static const std::vector<Head> heads = {
      {"classes", Task::kClassification, {{"task", "classification"}}},
      {"several labels", Task::kMultiLabel, {{"problem_type", "multi_label_classification"}}},
      {"regression", Task::kRegression, {{"task", "regression"}, {"n_classes", 1}}},
      {"embedding", Task::kEmbedding, {{"task", "embedding"}, {"n_classes", 0}}},
      {"masked tokens", Task::kMaskedTokens, {{"task", "masked_tokens"}, {"n_classes", 0}}},
      {"token labels", Task::kTokenLabels, {{"task", "token_labels"}}}};
  return heads;
}

/// The first `rows` of an array, under another name.
void MoveRows(const std::string& from, const std::string& to, size_t rows, ArrayMap* arrays) {
  smx::tools::Array array = arrays->at(from);
  array.bytes.resize(array.bytes.size() / array.shape[0] * rows);
  array.shape[0] = rows;
  arrays->erase(from);
  (*arrays)[to] = array;
}

void AddMaskedTokens(const smx::tools::ModelConfig& config, ArrayMap* arrays) {
  smx::tests::Random random(1);
  const auto add = [&](const std::string& name, const std::vector<size_t>& shape, float magnitude, float center) {
    std::vector<float> values(shape[0] * (shape.size() == 2 ? shape[1] : 1));
    for (float& value : values) value = center + random.Uniform(magnitude);
    (*arrays)[name] = smx::tools::FromFloat(values, shape);
  };
  add("predictions_dense/kernel", {config.d_model, config.d_emb}, 0.3f, 0);
  add("predictions_dense/bias", {config.d_emb}, 0.3f, 0);
  add("predictions_layer_norm/scale", {config.d_emb}, 0.3f, 1);
  add("predictions_layer_norm/bias", {config.d_emb}, 0.3f, 0);
  add("predictions_output/output_bias", {config.vocab_size}, 0.3f, 0);
}

/// The golden parameters with another head on top.
ModelContent ContentOf(const Architecture& architecture, const Head& head, const char* routing_group) {
  const std::string folder = smx::tests::GoldenFolder(architecture.golden);
  json keys = smx::tests::ReadConfig(folder);
  keys.erase("is_regression");
  keys.update(head.config);
  ModelContent content;
  content.config = smx::tools::ParseModelConfig(folder, keys, {"", routing_group, "", ""});
  content.source_sha256.assign(32, 0);
  ArrayMap arrays = ReadSafetensors(smx::tests::GoldenParams(architecture.golden));
  const std::string name = head.task == Task::kTokenLabels ? "token_labels/" : "classification/";
  for (const std::string part : {"output_kernel", "output_bias"}) {
    MoveRows("classification/" + part, name + part, content.config.num_classes, &arrays);
    if (content.config.num_classes == 0) arrays.erase(name + part);
  }
  if (head.task == Task::kMaskedTokens) AddMaskedTokens(content.config, &arrays);
  for (const char* part : {"encoder/pooler/kernel", "encoder/pooler/bias"}) {
    if (!content.config.has_pooler) arrays.erase(part);
  }
  content.checkpoint = smx::tools::ReadCheckpoint(folder, arrays, content.config);
  return content;
}

/// What an Encoder gives of `ids`, of every row where a head is for tokens.
struct Answer {
  std::vector<float> hidden, logits, cls, mean, token_logits;
};

Answer Encode(const smx::Model& model, const std::vector<int32_t>& ids, const std::vector<int32_t>& type_ids,
              size_t batch_size) {
  const smx::ModelInfo& info = model.info();
  Answer answer;
  answer.hidden.resize(ids.size() * info.d_model);
  answer.logits.resize(batch_size * info.num_text_classes);
  answer.cls.resize(batch_size * info.d_model);
  answer.mean.resize(batch_size * info.d_model);
  std::vector<uint32_t> rows;
  for (size_t i = 0; info.num_token_logits != 0 && i < ids.size(); ++i) rows.push_back(static_cast<uint32_t>(i));
  EncoderOutput output = {answer.hidden, {}, answer.logits, answer.cls, answer.mean};
  output.tokens = {rows,
                   [](void* context, size_t, Span<const float> seen) {
                     auto* all = static_cast<std::vector<float>*>(context);
                     all->insert(all->end(), seen.begin(), seen.end());
                   },
                   &answer.token_logits};
  Options options;
  options.batch_size = batch_size;
  options.skip_dead_rows = false;  // so that pads have rows, too, as the reference gives them
  WithArena<Encoder> encoder(model, options, "test");
  REQUIRE(encoder->Run(ids, type_ids, output) == Status::kOk);
  return answer;
}

using Row = std::vector<double>;

/// Heads by their formulas in float64.
class Formulas {
 public:
  explicit Formulas(const ModelContent& content) : c_(content.config) {
    for (const smx::tools::Parameter& parameter : content.checkpoint.parameters) {
      values_[parameter.name].assign(parameter.values.begin(), parameter.values.end());
    }
  }

  Row TextLogits(const Row& first) const {
    Row pooled = Dense(first, "encoder/pooler/kernel", "encoder/pooler/bias", c_.d_model, false);
    for (double& value : pooled) value = std::tanh(value);
    return Dense(pooled, "classification/output_kernel", "classification/output_bias", c_.num_classes, true);
  }

  Row TokenLogits(const Row& row) const {
    if (c_.task == smx::schema::TaskKind_TOKEN_LABELS) {
      return Dense(row, "token_labels/output_kernel", "token_labels/output_bias", c_.num_classes, true);
    }
    Row x = Dense(row, "predictions_dense/kernel", "predictions_dense/bias", c_.d_emb, false);
    double mean = 0, variance = 0;
    for (double& v : x) {
      v = 0.5 * v * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (v + 0.044715 * v * v * v)));
      mean += v / c_.d_emb;
    }
    for (const double v : x) variance += (v - mean) * (v - mean) / c_.d_emb;
    for (size_t i = 0; i < x.size(); ++i) {
      x[i] =
          (x[i] - mean) / std::sqrt(variance + c_.layer_norm_epsilon) * values_.at("predictions_layer_norm/scale")[i] +
          values_.at("predictions_layer_norm/bias")[i];
    }
    return Dense(x, "encoder/embedder/word/embedding", "predictions_output/output_bias", c_.vocab_size, true);
  }

 private:
  Row Dense(const Row& in, const char* kernel, const char* bias, size_t outputs, bool outputs_first) const {
    const Row& w = values_.at(kernel);
    Row out = values_.at(bias);
    for (size_t o = 0; o < outputs; ++o) {
      for (size_t i = 0; i < in.size(); ++i) out[o] += in[i] * w[outputs_first ? o * in.size() + i : i * outputs + o];
    }
    return out;
  }

  const smx::tools::ModelConfig& c_;
  std::map<std::string, Row> values_;
};

Row RowOf(const std::vector<float>& rows, size_t row, size_t cols) {
  const auto begin = rows.begin() + static_cast<std::ptrdiff_t>(row * cols);
  return Row(begin, begin + static_cast<std::ptrdiff_t>(cols));
}

double LargestDifference(const Row& a, const Row& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::fabs(a[i] - b[i]));
  return largest;
}

/// The inputs of the golden case at once.
void CheckRows(const Architecture& architecture, const Head& head, WeightsType type) {
  const ArrayMap io = ReadSafetensors(smx::tests::GoldenIo(architecture.golden));
  const std::vector<int32_t> ids = smx::tools::ToInt32("ids", io.at("input_ids"));
  const size_t batch = io.at("input_ids").shape[0], n = io.at("input_ids").shape[1];
  const ModelContent content = ContentOf(architecture, head, "batch");
  const MemoryModel model(content, type);
  const Answer found = Encode(*model, ids, smx::tools::ToInt32("types", io.at("type_ids")), batch);
  const Formulas formulas(content);
  const size_t d = content.config.d_model;
  if (type == WeightsType::kF32) {
    const std::string last = "layer_" + std::to_string(content.config.layers.size() - 1);
    const std::vector<float> expected = smx::tools::ToFloat(last, io.at(last));
    CHECK(LargestDifference(Row(found.hidden.begin(), found.hidden.end()), Row(expected.begin(), expected.end())) <=
          static_cast<double>(smx::tests::kGoldenF32));
  }
  for (size_t b = 0; b < batch; ++b) {
    const Row first = RowOf(found.hidden, b * n, d);
    CHECK(RowOf(found.cls, b, d) == first);
    if (found.logits.empty()) continue;
    CHECK(LargestDifference(RowOf(found.logits, b, content.config.num_classes), formulas.TextLogits(first)) <= 1e-4);
  }
  // The word embedding as a kernel may be int8, which rounds by some per cent; all other heads are float32.
  const bool rounds = head.task == Task::kMaskedTokens && type == WeightsType::kInt8;
  const size_t width = model->info().num_token_logits;
  for (size_t row = 0; width != 0 && row < ids.size(); ++row) {
    const Row expected = formulas.TokenLogits(RowOf(found.hidden, row, d));
    const auto by_size = [](double a, double b) { return std::fabs(a) < std::fabs(b); };
    const double largest = std::fabs(*std::max_element(expected.begin(), expected.end(), by_size));
    CHECK(LargestDifference(RowOf(found.token_logits, row, width), expected) <= (rounds ? 0.04 * largest : 1e-4));
  }
}

/// Pieces whose words are their ids.
const smx::tools::CompiledTokenizer& TokenizerOf(size_t vocab_size) {
  static std::map<size_t, smx::tools::CompiledTokenizer> made;
  if (made.count(vocab_size) == 0) {
    const smx::tests::TemporaryFolder folder;
    std::string pieces = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
    for (size_t i = 5; i < vocab_size; ++i) pieces += "piece" + std::to_string(i) + "\n";
    made[vocab_size] = smx::tools::CompileTokenizer(folder.Write("vocab.txt", pieces), {});
  }
  return made[vocab_size];
}

constexpr char kText[] = "piece7 piece9 [MASK] piece12";
const std::vector<int32_t> kIds = {2, 7, 9, 4, 12, 3};
constexpr uint32_t kMask = 3;  // its place

size_t BestOf(const std::vector<float>& rows, size_t row, size_t cols) {
  const Row values = RowOf(rows, row, cols);
  return static_cast<size_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

void CheckClassifier(const smx::Model& model, const std::vector<float>& logits) {
  WithArena<smx::Classifier> classifier(model, {}, "test");
  std::vector<float> probabilities(logits.size());
  smx::Prediction prediction;
  REQUIRE(classifier->Classify(kText, {}, {}, probabilities, &prediction) == Status::kOk);
  CHECK(prediction.class_index == BestOf(logits, 0, logits.size()));
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
  for (size_t i = 0; i < logits.size(); ++i) {
    const double logit = static_cast<double>(logits[i]);
    const Task task = model.info().task;
    const double expected = task == Task::kRegression   ? logit
                            : task == Task::kMultiLabel ? 1 / (1 + std::exp(-logit))
                                                        : std::exp(logit) / sum;
    CHECK(static_cast<double>(probabilities[i]) == doctest::Approx(expected).epsilon(1e-5));
  }
}

void CheckTokens(const smx::Model& model, const std::vector<float>& logits) {
  const size_t width = model.info().num_token_logits;
  if (model.info().task == Task::kMaskedTokens) {
    WithArena<smx::MaskFiller> filler(model, {}, "test");
    smx::MaskCandidate best[1] = {};
    smx::FillResult result = {};
    REQUIRE(filler->Fill(kText, {}, {}, best, &result) == Status::kOk);
    CHECK(result.num_masks == 1);
    CHECK(static_cast<size_t>(best[0].token_id) == BestOf(logits, kMask, width));
    return;
  }
  WithArena<smx::TokenLabeler> labeler(model, {}, "test");
  std::vector<smx::TokenLabel> labels(kIds.size());
  smx::TokenizeResult tokens = {};
  REQUIRE(labeler->Label(kText, {}, {}, labels, &tokens) == Status::kOk);
  REQUIRE(tokens.num_tokens == kIds.size());
  for (size_t i = 0; i < labels.size(); ++i) CHECK(labels[i].class_index == BestOf(logits, i, width));
}

/// A text through the class that a user has for the head.
void CheckText(const Architecture& architecture, const Head& head, WeightsType type) {
  ModelContent content = ContentOf(architecture, head, "sequence");
  content.tokenizer = TokenizerOf(content.config.vocab_size);
  const MemoryModel model(content, type);
  std::vector<int32_t> ids = kIds;
  ids.resize(content.config.max_seq_len, static_cast<int32_t>(content.config.pad_id));
  const Answer answer = Encode(*model, ids, {}, 1);
  if (head.task == Task::kEmbedding) {
    WithArena<smx::Embedder> embedder(*model, {}, "test");
    std::vector<float> vector(model->info().d_model);
    smx::TokenizeResult tokens = {};
    REQUIRE(embedder->Embed(kText, {}, {}, vector, &tokens) == Status::kOk);
    CHECK(vector == answer.mean);
  } else if (model->info().num_token_logits != 0) {
    CheckTokens(*model, answer.token_logits);
  } else {
    CheckClassifier(*model, answer.logits);
  }
}

}  // namespace

TEST_CASE("every cell: each architecture with each head in each type of weights") {
  for (const Architecture& architecture : kArchitectures) {
    CAPTURE(std::string(architecture.name));
    for (const Head& head : Heads()) {
      CAPTURE(std::string(head.name));
      for (const WeightsType type : {WeightsType::kF32, WeightsType::kInt8}) {
        CAPTURE(type == WeightsType::kF32);
        CheckRows(architecture, head, type);
        CheckText(architecture, head, type);
      }
    }
  }
}

TEST_CASE("every cell: README's table has these architectures, heads and types") {
  const std::string readme = smx::tests::ReadFile(std::string(SMX_TESTS_DIR) + "/../README.md");
  std::string header = "| |";
  for (const Head& head : Heads()) header += std::string(" ") + head.name + " |";
  const size_t at = readme.find(header + "\n");
  REQUIRE(at != std::string::npos);
  std::istringstream lines(readme.substr(at));
  std::string line;
  for (int i = 0; i < 2; ++i) std::getline(lines, line);  // the header and the line under it
  for (const Architecture& architecture : kArchitectures) {
    std::getline(lines, line);
    CAPTURE(line);
    const std::vector<std::string> cells = smx::tests::Split(line, '|');
    REQUIRE(cells.size() >= Heads().size() + 2);
    CHECK(cells[1] == " " + std::string(architecture.name) + " ");
    for (size_t i = 0; i < Heads().size(); ++i) CHECK(cells[2 + i].find("f32, int8") != std::string::npos);
  }
  std::getline(lines, line);
  CHECK(line.empty());
}
