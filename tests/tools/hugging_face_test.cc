// Folders of a Hugging Face BERT through smx-quantize, against answers that NumPy computed in float64
// (tests/golden/make_bert.py), and what such a folder may not ask for.

#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>

#include "golden/golden_run.h"
#include "support/models.h"
#include "support/programs.h"
#include "support/tolerance.h"

using nlohmann::json;
using smx::tests::CheckRefused;
using smx::tests::LargestDifference;
using smx::tests::ProcessResult;
using smx::tests::ReadFile;
using smx::tests::RunQuantize;
using smx::tests::RunSmx;
using smx::tests::SmxJson;
using smx::tests::TemporaryFolder;
using smx::tests::WriteArrays;
using smx::tools::Array;
using smx::tools::ArrayMap;
using smx::tools::ReadSafetensors;

namespace {

const std::string kSource = std::string(SMX_TESTS_DIR) + "/golden/bert_tiny";

/// A copy of the folder that a test changes.
struct BertFolder {
  BertFolder() : arrays(ReadSafetensors(kSource + "/model.safetensors")), config(smx::tests::ReadConfig(kSource)) {
    for (const char* name : {"vocab.txt", "tokenizer_config.json"}) folder.Write(name, ReadFile(kSource + "/" + name));
  }

  void Write() const {
    WriteArrays(folder, "model.safetensors", arrays);
    folder.Write("config.json", config.dump());
  }

  /// The model file, made without a word on stderr but of unknown keys.
  std::string Quantize(std::vector<std::string> flags = {}) const {
    Write();
    const std::string model = folder.Path("model.smx");
    flags.insert(flags.begin(), {folder.Path(""), "-o", model});
    const ProcessResult made = RunQuantize(flags);
    REQUIRE_MESSAGE(made.exit_code == 0, made.err);
    CHECK(made.err.empty());
    return model;
  }

  void Rename(const std::string& from, const std::string& to) {
    arrays[to] = arrays.at(from);
    arrays.erase(from);
  }

  TemporaryFolder folder;
  ArrayMap arrays;
  json config;
};

ArrayMap Run(const std::string& model) {
  const TemporaryFolder folder;
  const std::string output = folder.Path("out.safetensors");
  const ProcessResult result = RunSmx({"run", model, "--input", kSource + "/answers.safetensors", "--output", output});
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  return ReadSafetensors(output);
}

/// What a model answers against what NumPy says of `activation`.
void CheckAnswers(const std::string& model, const std::string& activation, const std::vector<std::string>& names,
                  double bound) {
  const ArrayMap found = Run(model);
  const ArrayMap expected = ReadSafetensors(kSource + "/answers.safetensors");
  for (const char* name : {"sequence_output", "pooled_output", "logits"}) {
    CAPTURE(name);
    const bool is_there = std::find(names.begin(), names.end(), name) != names.end();
    CHECK((found.count(name) == 1) == is_there);
    if (is_there) CHECK(LargestDifference(found.at(name), expected.at(activation + "/" + name)) <= bound);
  }
}

const std::vector<std::string> kAll = {"sequence_output", "pooled_output", "logits"};
constexpr double kBound = static_cast<double>(smx::tests::kGoldenF32);

void CheckFolderRefused(const BertFolder& bert, int exit_code, const std::vector<std::string>& words) {
  bert.Write();
  const TemporaryFolder output;
  CheckRefused(RunQuantize({bert.folder.Path(""), "-o", output.Path("model.smx")}), exit_code, words);
  CHECK(output.List().empty());
}

void CheckKeyRefused(const char* key, const json& value, int exit_code, const std::vector<std::string>& words) {
  CAPTURE(key);
  BertFolder bert;
  bert.config[key] = value;
  std::vector<std::string> all = words;
  all.insert(all.end(), {"config.json", key});
  CheckFolderRefused(bert, exit_code, all);
}

template <typename Change>
void CheckArraysRefused(Change change, const std::vector<std::string>& words) {
  BertFolder bert;
  change(&bert);
  CheckFolderRefused(bert, 3, words);
}

Array Floats(const std::vector<size_t>& shape) {
  Array array = {"F32", shape, {}};
  array.bytes.resize(4 * array.NumValues());
  return array;
}

}  // namespace

TEST_CASE("hugging face: a BERT answers as NumPy says, with either gelu, from its folder or its file") {
  BertFolder bert;
  CheckAnswers(bert.Quantize({"--type", "f32"}), "gelu", kAll, kBound);
  const TemporaryFolder output;
  const ProcessResult made = RunQuantize({kSource + "/model.safetensors", "-o", output.Path("m.smx"), "--type", "f32"});
  REQUIRE_MESSAGE(made.exit_code == 0, made.err);
  CheckAnswers(output.Path("m.smx"), "gelu", kAll, kBound);
  for (const char* name : {"gelu_new", "gelu_pytorch_tanh", "gelu_fast"}) {
    bert.config["hidden_act"] = name;
    CheckAnswers(bert.Quantize({"--type", "f32"}), "gelu_new", kAll, kBound);
  }
  bert.config["hidden_act"] = "gelu_python";
  CheckAnswers(bert.Quantize({"--type", "f32"}), "gelu", kAll, kBound);
}

TEST_CASE("hugging face: int8 stays near, and both paddings give the same numbers") {
  BertFolder bert;
  CheckAnswers(bert.Quantize(), "gelu", kAll, 0.25);
  // Pads as rows of their own: they are hidden as keys, so real rows do not see them.
  const ArrayMap masked = Run(bert.Quantize({"--type", "f32"}));
  const ArrayMap padded = Run(bert.Quantize({"--type", "f32", "--padding", "reference"}));
  for (const std::string& name : kAll) CHECK(LargestDifference(padded.at(name), masked.at(name)) <= 1e-6);
}

TEST_CASE("hugging face: what the model file says of the folder") {
  BertFolder bert;
  bert.config["_name_or_path"] = "a bert";
  const json report = SmxJson({"inspect", bert.Quantize(), "--json"});
  CHECK(report.at("labels") == json({"cards", "money", "other"}));
  CHECK(report.at("task") == "classification");
  CHECK(report.at("activation") == "gelu_erf");
  CHECK(report.at("layer_norm_epsilon").get<double>() == doctest::Approx(0.01));
  CHECK(report.at("padding") == "masked");
  CHECK(report.at("max_seq_len") == 20);
  CHECK(report.at("pooler") == true);
  CHECK(report.at("tokenizer") == true);
  CHECK(report.at("card").at("name") == "a bert");
  for (const auto& tensor : report.at("tensors")) {
    CHECK(tensor.at("name").get<std::string>().find("hidden_mapping") == std::string::npos);
  }
  const ProcessResult classified = RunSmx({"classify", bert.folder.Path("model.smx"), "where is my card ?"});
  CHECK(classified.exit_code == 0);
}

TEST_CASE("hugging face: names with and without bert., gamma and beta, what is not needed is left out") {
  BertFolder bert;
  const std::string expected = ReadFile(bert.Quantize());
  for (const std::string part : {"weight", "bias"}) {
    bert.Rename("bert.embeddings.LayerNorm." + part,
                std::string("embeddings.LayerNorm.") + (part == "weight" ? "gamma" : "beta"));
    bert.Rename("bert.encoder.layer.1.output.dense." + part, "encoder.layer.1.output.dense." + part);
  }
  bert.arrays["bert.embeddings.position_ids"] = {"I64", {1, 20}, std::vector<uint8_t>(160)};
  bert.arrays["cls.predictions.bias"] = Floats({29});
  bert.arrays["cls.seq_relationship.weight"] = Floats({2, 24});
  CHECK(ReadFile(bert.Quantize()) == expected);
}

TEST_CASE("hugging face: without a classifier, and without a pooler, the model gives embeddings") {
  BertFolder bert;
  bert.arrays.erase("classifier.weight");
  bert.arrays.erase("classifier.bias");
  CheckAnswers(bert.Quantize({"--type", "f32"}), "gelu", {"sequence_output", "pooled_output"}, kBound);
  CHECK(SmxJson({"inspect", bert.folder.Path("model.smx"), "--json"}).at("task") == "embedding");
  bert.arrays.erase("bert.pooler.dense.weight");
  bert.arrays.erase("bert.pooler.dense.bias");
  bert.config["architectures"] = {"BertModel"};
  const std::string model = bert.Quantize({"--type", "f32"});
  CheckAnswers(model, "gelu", {"sequence_output"}, kBound);
  CheckRefused(RunSmx({"classify", model, "lost"}), 4, {"no classification head", "smx embed"});
  CheckRefused(RunSmx({"evaluate", model, bert.folder.Write("d.tsv", "text\tlabel\nlost\t0\n")}), 4,
               {"no classification head"});
  for (const char* command : {"bench", "inspect"}) {
    const json report = SmxJson({command, model, "--json", command[0] == 'b' ? "--repeat=1" : "--plan"});
    CHECK(report.at("macs") > 0);
  }
}

TEST_CASE("hugging face: labels, their number, and regression") {
  BertFolder bert;
  bert.config.erase("id2label");
  bert.config["num_labels"] = 3;
  CHECK(SmxJson({"inspect", bert.Quantize(), "--json"}).at("labels") == json({"", "", ""}));
  bert.arrays["classifier.weight"] = Floats({1, 24});
  bert.arrays["classifier.bias"] = Floats({1});
  bert.config["id2label"] = {{"0", "LABEL_0"}};
  CHECK(SmxJson({"inspect", bert.Quantize(), "--json"}).at("task") == "regression");
  bert.config["problem_type"] = "single_label_classification";
  CHECK(SmxJson({"inspect", bert.Quantize(), "--json"}).at("task") == "classification");
  CheckKeyRefused("id2label", {{"0", "a"}, {"1", "b"}, {"3", "c"}}, 3, {"2 has none"});
  CheckKeyRefused("id2label", {{"0", "a"}, {"1", "b"}, {"2", 7}}, 3, {"2 has none"});
  CheckKeyRefused("id2label", json::array({"a", "b", "c"}), 3, {"object"});
  BertFolder two;
  two.config["id2label"] = {{"0", "a"}, {"1", "b"}};
  CheckFolderRefused(two, 3, {"classifier.weight", "[3,24]", "[2,24]"});
}

TEST_CASE("hugging face: the tokenizer of the folder, vocab.txt with its switches") {
  BertFolder bert;
  const auto ids = [](const std::string& model) {
    return SmxJson({"tokenize", model, "LOST cards", "--json"}).at("ids");
  };
  CHECK(ids(bert.Quantize()) == json({2, 10, 7, 24, 3}));  // card ##s
  bert.folder.Write("tokenizer_config.json", R"({"do_lower_case": false})");
  CHECK(ids(bert.Quantize()) == json({2, 1, 7, 24, 3}));  // [UNK]
  for (const char* config : {R"({"do_basic_tokenize": false})", R"({"never_split": ["card"]})"}) {
    bert.folder.Write("tokenizer_config.json", config);
    CheckFolderRefused(bert, 4, {"tokenizer_config.json", "not built"});
  }
  bert.folder.Write("tokenizer.json", "{}");  // comes first
  CheckFolderRefused(bert, 3, {"tokenizer.json"});
  std::filesystem::remove(bert.folder.Path("tokenizer.json"));
  std::filesystem::remove(bert.folder.Path("vocab.txt"));
  CHECK(SmxJson({"inspect", bert.Quantize(), "--json"}).at("tokenizer") == false);
}

TEST_CASE("hugging face: the longest text of sentence-transformers cuts the table of positions") {
  BertFolder bert;
  bert.folder.Write("sentence_bert_config.json", R"({"max_seq_length": 18, "do_lower_case": false})");
  const std::string model = bert.Quantize({"--type", "f32"});
  CHECK(SmxJson({"inspect", model, "--json"}).at("max_seq_len") == 18);
  CheckAnswers(model, "gelu", kAll, kBound);
  bert.folder.Write("sentence_bert_config.json", R"({"max_seq_length": 512})");
  CHECK(SmxJson({"inspect", bert.Quantize(), "--json"}).at("max_seq_len") == 20);
}

TEST_CASE("hugging face: what is another function is refused by its name") {
  CheckKeyRefused("model_type", "roberta", 4, {"roberta", "not built"});
  CheckKeyRefused("hidden_act", "relu", 4, {"relu", "not built"});
  CheckKeyRefused("position_embedding_type", "relative_key", 4, {"relative_key"});
  CheckKeyRefused("is_decoder", true, 4, {"not built"});
  CheckKeyRefused("add_cross_attention", true, 4, {"not built"});
  CheckKeyRefused("pruned_heads", {{"0", {1}}}, 4, {"not built"});
  CheckKeyRefused("problem_type", "ranking", 3, {"ranking"});
  CheckKeyRefused("problem_type", "regression", 4, {"not built"});
  CheckKeyRefused("architectures", {"BertForMultipleChoice"}, 4, {"BertForMultipleChoice"});
  BertFolder tokens;
  tokens.arrays.erase("bert.pooler.dense.weight");
  tokens.arrays.erase("bert.pooler.dense.bias");
  CheckFolderRefused(tokens, 4, {"classifier without a pooler"});
}

TEST_CASE("hugging face: sizes that are missing, wrong, or contradict the arrays") {
  for (const char* key : {"hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size",
                          "max_position_embeddings"}) {
    CheckKeyRefused(key, nullptr, 3, {"missing"});
    CheckKeyRefused(key, 0, 3, {"at least 1"});
    CheckKeyRefused(key, "x", 3, {"whole number"});
  }
  CheckKeyRefused("layer_norm_eps", -1, 3, {});
  BertFolder bert;
  bert.config["num_attention_heads"] = 5;
  CheckFolderRefused(bert, 3, {"num_heads", "divide"});
  bert.config["num_attention_heads"] = 3;
  bert.config["max_position_embeddings"] = 19;
  CheckFolderRefused(bert, 3, {"position_embeddings", "[20,24]", "[19,24]"});
  bert.config["max_position_embeddings"] = 20;
  bert.config["num_hidden_layers"] = 4;
  CheckFolderRefused(bert, 3, {"encoder.layer.3.attention.self.query.weight", "missing"});
}

TEST_CASE("hugging face: arrays that are missing, there twice, or not known") {
  CheckArraysRefused([](BertFolder* b) { b->arrays.erase("bert.encoder.layer.0.output.LayerNorm.bias"); },
                     {"encoder.layer.0.output.LayerNorm.bias", "missing"});
  CheckArraysRefused([](BertFolder* b) { b->arrays["pooler.dense.bias"] = Floats({24}); },
                     {"bert.pooler.dense.bias", "pooler.dense.bias, too"});
  CheckArraysRefused([](BertFolder* b) { b->arrays["bert.embeddings.LayerNorm.gamma"] = Floats({24}); },
                     {"LayerNorm.gamma", "too"});
  CheckArraysRefused(
      [](BertFolder* b) {
        b->arrays["qa_outputs.weight"] = Floats({2, 24});
      },
      {"qa_outputs.weight", "not known"});
  CheckArraysRefused([](BertFolder* b) { b->arrays["bert.encoder.layer.3.output.dense.bias"] = Floats({24}); },
                     {"encoder.layer.3.output.dense.bias", "not known"});
}
