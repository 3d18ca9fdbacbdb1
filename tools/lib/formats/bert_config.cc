#include "formats/bert_config.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "error.h"
#include "formats/bert_arrays.h"
#include "json_reader.h"
#include "output_file.h"

namespace smx::tools {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// Keys that say nothing about inference, or repeat others.
constexpr const char* kIgnoredKeys[] = {"_attn_implementation",
                                        "_name_or_path",
                                        "attention_probs_dropout_prob",
                                        "attn_implementation",
                                        "chunk_size_feed_forward",
                                        "classifier_dropout",
                                        "directionality",
                                        "dtype",
                                        "finetuning_task",
                                        "gradient_checkpointing",
                                        "hidden_dropout_prob",
                                        "initializer_range",
                                        "label2id",
                                        "output_attentions",
                                        "output_hidden_states",
                                        "output_past",
                                        "pooler_fc_size",
                                        "pooler_num_attention_heads",
                                        "pooler_num_fc_layers",
                                        "pooler_size_per_head",
                                        "pooler_type",
                                        "return_dict",
                                        "tie_word_embeddings",
                                        "torch_dtype",
                                        "transformers_version",
                                        "use_cache"};

/// The object in the file `name` beside `path`, where there is one.
std::optional<json> ObjectBeside(const std::string& path, const char* name, std::string* its_path) {
  *its_path = (fs::path(path).parent_path() / name).string();
  std::error_code ignored;
  if (!fs::exists(*its_path, ignored)) return std::nullopt;
  const std::vector<uint8_t> bytes = ReadWhole(*its_path);
  return ParseJson(*its_path, bytes.data(), bytes.size());
}

/// Everything that would be another function.
void RefuseOthers(JsonReader* reader) {
  const auto require = [&](const char* key, const std::string& expected) {
    const std::string value = reader->TextOr(key, expected);
    if (value != expected) reader->NotBuilt(key, value);
  };
  require("model_type", "bert");
  require("position_embedding_type", "absolute");
  for (const char* key : {"is_decoder", "add_cross_attention"}) {
    if (reader->BoolOr(key, false)) reader->NotBuilt(key, "true");
  }
  if (reader->Has("pruned_heads") && !reader->Required("pruned_heads").empty()) {
    reader->NotBuilt("pruned_heads", ShortText(reader->Required("pruned_heads")));
  }
}

/// Names as in transformers' ACT2FN: gelu is the exact one, by the error function.
std::string ActivationOf(JsonReader* reader) {
  const std::string name = reader->TextOr("hidden_act", "gelu");
  if (name == "gelu" || name == "gelu_python") return "gelu_erf";
  if (name == "gelu_new" || name == "gelu_pytorch_tanh" || name == "gelu_fast") return "gelu_tanh";
  reader->NotBuilt("hidden_act", name);
}

/// id2label in order of its numbers.
std::vector<std::string> LabelsOf(JsonReader* reader) {
  std::vector<std::string> labels;
  if (!reader->Has("id2label")) return labels;
  const json& names = reader->Required("id2label");
  if (!names.is_object()) reader->Fail("id2label", "must be an object of numbers and names");
  for (size_t i = 0; i < names.size(); ++i) {
    const auto name = names.find(std::to_string(i));
    if (name == names.end() || !name->is_string()) {
      reader->Fail("id2label", "must have a name for each number from 0 on; " + std::to_string(i) + " has none");
    }
    labels.push_back(name->get<std::string>());
  }
  return labels;
}

/// Whether `architectures`, where it says something, names `architecture`.
bool MayBe(JsonReader* reader, const char* architecture) {
  const json names = reader->Has("architectures") ? reader->Required("architectures") : json::array();
  return names.empty() || std::find(names.begin(), names.end(), json(architecture)) != names.end();
}

/// Whether `architectures` names one of `wanted`.
bool IsNamed(JsonReader* reader, std::initializer_list<const char*> wanted) {
  if (!reader->Has("architectures")) return false;
  const json& names = reader->Required("architectures");
  return std::any_of(names.begin(), names.end(), [&](const json& name) {
    return std::any_of(wanted.begin(), wanted.end(), [&](const char* one) { return name == one; });
  });
}

/// A head of masked tokens, where `architectures` names one that has it; without a name it is a left-over.
bool IsOfMaskedTokens(JsonReader* reader, const ArrayMap& arrays) {
  return HasBertArray(arrays, "cls.predictions.transform.dense.weight") &&
         IsNamed(reader, {"BertForMaskedLM", "BertForPreTraining"});
}

/// A classifier on top of the pooler, as BertForSequenceClassification has it, or of every token, or masked tokens.
void AddHead(JsonReader* reader, const ArrayMap& arrays, json* config) {
  const bool has_classifier = HasBertArray(arrays, "classifier.weight");
  const bool has_pooler = HasBertArray(arrays, "pooler.dense.weight");
  const std::vector<std::string> labels = LabelsOf(reader);
  const uint32_t announced = reader->CountOr("num_labels", 2);  // repeats id2label where there is one
  const uint32_t num_labels = labels.empty() ? announced : static_cast<uint32_t>(labels.size());
  const bool is_of_tokens = IsNamed(reader, {"BertForTokenClassification"});
  const std::string problem = reader->TextOr("problem_type", "");
  (*config)["pooler"] = has_pooler;
  if (!has_classifier && IsOfMaskedTokens(reader, arrays)) {
    (*config)["task"] = "masked_tokens";
    (*config)["pooler"] = false;
    return;
  }
  if (!has_classifier && !is_of_tokens) {
    (*config)["task"] = "embedding";
    return;
  }
  (*config)["n_classes"] = num_labels;
  if (!labels.empty()) (*config)["labels"] = labels;
  if (!problem.empty()) (*config)["problem_type"] = problem;
  if (is_of_tokens) {
    (*config)["task"] = "token_labels";
    (*config)["pooler"] = false;
    return;
  }
  const bool is_of_sequences = MayBe(reader, "BertForSequenceClassification");
  if (!is_of_sequences) reader->NotBuilt("architectures", ShortText(reader->Required("architectures")));
  if (!has_pooler) {
    throw Error(ExitCode::kUnsupported, reader->where() +
                                            ": a classifier without a pooler is that of a "
                                            "BertForTokenClassification, which architectures does not name");
  }
  const bool is_regression = problem == "regression" || (problem.empty() && num_labels == 1);
  if (is_regression && num_labels != 1) reader->NotBuilt("problem_type", "regression of several values");
  (*config)["is_regression"] = is_regression;
}

/// The switches of a vocab.txt; a tokenizer.json has its own.
json VocabularyOf(const std::string& config_path) {
  json tokenizer = {{"file", "vocab.txt"}};
  std::string path;
  const std::optional<json> object = ObjectBeside(config_path, "tokenizer_config.json", &path);
  if (!object) return tokenizer;
  JsonReader reader(path, *object);
  if (!reader.BoolOr("do_basic_tokenize", true)) reader.NotBuilt("do_basic_tokenize", "false");
  if (reader.Has("never_split") && !reader.Required("never_split").empty()) {
    reader.NotBuilt("never_split", ShortText(reader.Required("never_split")));
  }
  tokenizer["lowercase"] = reader.BoolOr("do_lower_case", true);
  tokenizer["handle_chinese_chars"] = reader.BoolOr("tokenize_chinese_chars", true);
  if (reader.Has("strip_accents")) tokenizer["strip_accents"] = reader.BoolOr("strip_accents", false);
  return tokenizer;
}

void AddTokenizer(const std::string& config_path, json* config) {
  const auto is_beside = [&](const char* name) {
    std::error_code ignored;
    return fs::exists(fs::path(config_path).parent_path() / name, ignored);
  };
  if (is_beside("tokenizer.json")) {
    (*config)["tokenizer"] = {{"file", "tokenizer.json"}};
  } else if (is_beside("vocab.txt")) {
    (*config)["tokenizer"] = VocabularyOf(config_path);
  }
}

/// sentence-transformers cuts texts at a length of its own, where it has one.
uint32_t LongestText(const std::string& config_path, uint32_t positions) {
  std::string path;
  const std::optional<json> object = ObjectBeside(config_path, "sentence_bert_config.json", &path);
  if (!object) return positions;
  JsonReader reader(path, *object);
  return reader.Has("max_seq_length") ? std::min(reader.Count("max_seq_length"), positions) : positions;
}

}  // namespace

bool IsHuggingFaceConfig(const json& root) {
  return root.is_object() && !root.contains("model_arch") && root.contains("model_type");
}

BertDescription DescribeBert(const std::string& path, const json& root, const ArrayMap& arrays) {
  JsonReader reader(path, root);
  RefuseOthers(&reader);
  BertDescription bert = {};
  bert.max_position_embeddings = reader.Count("max_position_embeddings");
  bert.config = {{"model_arch", "BERT"},
                 {"padding", "masked"},
                 {"hidden_mapping_in", false},
                 {"activation", ActivationOf(&reader)},
                 {"layer_norm_epsilon", reader.NumberOr("layer_norm_eps", 1e-12)},
                 {"num_layers", reader.Count("num_hidden_layers")},
                 {"d_model", reader.Count("hidden_size")},
                 {"d_ff", reader.Count("intermediate_size")},
                 {"num_heads", reader.Count("num_attention_heads")},
                 {"vocab_size", reader.Count("vocab_size")},
                 {"type_vocab_size", reader.Has("type_vocab_size") ? reader.Count("type_vocab_size") : 2},
                 {"pad_id", reader.CountOr("pad_token_id", 0)},
                 {"max_seq_length", LongestText(path, bert.max_position_embeddings)}};
  bert.config["model_card"] = {{"name", reader.TextOr("_name_or_path", "")}};
  AddHead(&reader, arrays, &bert.config);
  AddTokenizer(path, &bert.config);
  for (const char* key : kIgnoredKeys) reader.Ignore(key);
  reader.Ignore("architectures");
  bert.unknown_keys = reader.UnknownKeys();
  return bert;
}

}  // namespace smx::tools
