// Bad checkpoints, configurations and outputs through smx-quantize: each with place, value and rule, and no file left.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "safetensors.h"
#include "support/models.h"
#include "support/programs.h"

using nlohmann::json;
using smx::tests::CheckRefused;
using smx::tests::GoldenFolder;
using smx::tests::ReadConfig;
using smx::tests::ReadFile;
using smx::tests::RunQuantize;
using smx::tests::ShippedFolder;
using smx::tests::TemporaryFolder;
using smx::tests::WriteArrays;
using smx::tools::Array;
using smx::tools::ArrayMap;
using smx::tools::ReadSafetensors;

namespace {

constexpr char kPooler[] = "encoder/pooler/kernel";

std::string Golden(const std::string& name) { return GoldenFolder(name) + "/params.safetensors"; }

/// Quantizes with `flags` into an output of its own folder, which must stay empty.
void CheckQuantizeRefused(std::vector<std::string> arguments, int exit_code, const std::vector<std::string>& words) {
  const TemporaryFolder output;
  arguments.insert(arguments.end(), {"-o", output.Path("model.smx")});
  CheckRefused(RunQuantize(arguments), exit_code, words);
  CHECK(output.List().empty());
}

/// The golden linear model's checkpoint after `change`, refused with `words`.
template <typename Change>
void CheckArraysRefused(Change change, std::vector<std::string> words) {
  CAPTURE(words);
  const TemporaryFolder folder;
  ArrayMap arrays = ReadSafetensors(Golden("linear"));
  change(&arrays);
  words.emplace_back("bad.safetensors");
  CheckQuantizeRefused(
      {WriteArrays(folder, "bad.safetensors", arrays), "--config", GoldenFolder("linear") + "/config.json"}, 3, words);
}

void SetFloat(Array* array, size_t index, float value) { std::memcpy(array->bytes.data() + 4 * index, &value, 4); }

/// A config.json of a golden case after `change`, refused with `words`.
template <typename Change>
void CheckConfigRefused(const std::string& name, Change change, std::vector<std::string> words, int exit_code = 3) {
  const TemporaryFolder folder;
  json config = ReadConfig(GoldenFolder(name));
  change(&config);
  CAPTURE(words);
  CheckQuantizeRefused({Golden(name), "--config", folder.Write("bad.json", config.dump())}, exit_code, words);
}

void CheckKeyRefused(const std::string& key, const json& value, const std::string& name = "linear") {
  CheckConfigRefused(name, [&](json* config) { (*config)[key] = value; }, {"bad.json", key, value.dump()});
}

/// A safetensors file of a header and so many bytes of data.
std::string RawSafetensors(const std::string& header, size_t data_bytes) {
  std::string file(8, '\0');
  for (size_t i = 0; i < 8; ++i) file[i] = static_cast<char>((header.size() >> (8 * i)) & 0xff);
  return file + header + std::string(data_bytes, '\0');
}

void CheckFileRefused(const std::string& content, const std::string& word) {
  CAPTURE(word);
  const TemporaryFolder folder;
  CheckQuantizeRefused({folder.Write("raw.safetensors", content), "--config", GoldenFolder("linear") + "/config.json"},
                       3, {"raw.safetensors", word});
}

}  // namespace

TEST_CASE("bad checkpoint: wrong shape, missing, surplus and renamed arrays") {
  CheckArraysRefused([](ArrayMap* a) { a->at(kPooler).shape = {32, 32, 1}; }, {kPooler});
  CheckArraysRefused([](ArrayMap* a) { a->at(kPooler).shape = {1024}; }, {kPooler, "1024"});
  CheckArraysRefused(
      [](ArrayMap* a) {
        a->at(kPooler).shape = {32, 31};
        a->at(kPooler).bytes.resize(32 * 31 * 4);
      },
      {kPooler, "31"});
  CheckArraysRefused([](ArrayMap* a) { a->erase(kPooler); }, {kPooler, "missing"});
  CheckArraysRefused([](ArrayMap* a) { (*a)["encoder/surplus"] = a->at(kPooler); }, {"encoder/surplus"});
  CheckArraysRefused([](ArrayMap* a) { a->clear(); }, {"missing"});
}

TEST_CASE("bad checkpoint: NaN and infinite weights") {
  CheckArraysRefused([](ArrayMap* a) { SetFloat(&a->at(kPooler), 37, std::nanf("")); }, {kPooler, "37", "nan"});
  CheckArraysRefused([](ArrayMap* a) { SetFloat(&a->at(kPooler), 0, HUGE_VALF); }, {kPooler, "inf"});
  CheckArraysRefused([](ArrayMap* a) { SetFloat(&a->at("encoder/pooler/bias"), 1, -HUGE_VALF); },
                     {"encoder/pooler/bias", "inf"});
}

TEST_CASE("bad checkpoint: arrays that hold no floats") {
  for (const char* dtype : {"I32", "U32"}) {
    CheckArraysRefused([&](ArrayMap* a) { a->at(kPooler).dtype = dtype; }, {kPooler, dtype});
  }
}

TEST_CASE("bad checkpoint: truncated anywhere") {
  const std::string whole = ReadFile(Golden("linear"));
  for (const size_t size :
       {size_t{0}, size_t{1}, size_t{7}, size_t{8}, size_t{9}, size_t{1000}, whole.size() / 2, whole.size() - 1}) {
    CAPTURE(size);
    CheckFileRefused(whole.substr(0, size), "");
  }
  CheckFileRefused(whole + "x", "");
}

TEST_CASE("bad checkpoint: a header that is garbage") {
  CheckFileRefused("This is a text and no safetensors file.\n", "");
  CheckFileRefused(std::string(100, '\xff'), "");
  CheckFileRefused(RawSafetensors("{\"a\"", 0), "");
  CheckFileRefused(RawSafetensors("[]", 0), "");
  CheckFileRefused(RawSafetensors(std::string(100000, '['), 0), "");
  CheckFileRefused(RawSafetensors(R"({"a": 5})", 0), "a");
  CheckFileRefused(RawSafetensors(R"({"a": {"dtype": "F32", "shape": [1]}})", 4), "a");
  CheckFileRefused(RawSafetensors(R"({"a": {"dtype": "F99", "shape": [1], "data_offsets": [0, 4]}})", 4), "F99");
  CheckFileRefused(RawSafetensors(R"({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}})", 4), "a");
  CheckFileRefused(RawSafetensors(R"({"a": {"dtype": "F32", "shape": ["x"], "data_offsets": [0, 4]}})", 4), "a");
}

TEST_CASE("bad checkpoint: offsets that overlap, leave holes, run backwards or beyond the end, sizes that overflow") {
  const auto arrays = [](const std::string& a, const std::string& b, size_t bytes) {
    return RawSafetensors(R"({"first": {"dtype": "F32", "shape": [2], "data_offsets": )" + a +
                              R"(}, "second": {"dtype": "F32", "shape": [2], "data_offsets": )" + b + "}}",
                          bytes);
  };
  CheckFileRefused(arrays("[0, 8]", "[4, 12]", 12), "second");
  CheckFileRefused(arrays("[0, 8]", "[0, 8]", 8), "second");
  CheckFileRefused(arrays("[0, 8]", "[12, 20]", 20), "second");
  CheckFileRefused(arrays("[0, 8]", "[16, 8]", 16), "second");
  CheckFileRefused(arrays("[0, 8]", "[8, 16]", 12), "");
  CheckFileRefused(arrays("[0, 8]", "[8, 18446744073709551615]", 16), "second");
  CheckFileRefused(arrays("[0, 8]", "[8, 12]", 12), "second");
  CheckFileRefused(
      RawSafetensors(R"({"a": {"dtype": "F32", "shape": [4294967296, 4294967296], "data_offsets": [0, 0]}})", 0), "a");
  CheckFileRefused(
      RawSafetensors(R"({"a": {"dtype": "F32", "shape": [4611686018427387904], "data_offsets": [0, 0]}})", 0), "a");
}

TEST_CASE("bad checkpoint: a name that occurs twice") {
  CheckFileRefused(RawSafetensors(R"({"twin": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},)"
                                  R"( "twin": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}})",
                                  8),
                   "twin");
}

TEST_CASE("bad checkpoint: missing") {
  CheckQuantizeRefused({"/no/such/model.safetensors"}, 3, {"/no/such/model.safetensors"});
}

TEST_CASE("bad config: missing, not JSON, no object") {
  const TemporaryFolder folder;
  CheckQuantizeRefused({Golden("linear"), "--config", folder.Path("none.json")}, 3, {"none.json"});
  for (const char* content : {"", "{", "[]", "5", "null", "{\"d_model\": 1,}", "\xff\xfe"}) {
    CAPTURE(content);
    CheckQuantizeRefused({Golden("linear"), "--config", folder.Write("bad.json", content)}, 3, {"bad.json"});
  }
  const std::string alone = folder.Write("alone.safetensors", ReadFile(Golden("linear")));
  std::filesystem::remove(folder.Path("bad.json"));
  CheckQuantizeRefused({alone}, 3, {"config.json"});
}

TEST_CASE("bad config: a key that is missing is named") {
  for (const char* key : {"model_arch", "num_layers", "d_model", "d_ff", "num_heads", "max_seq_length", "vocab_size",
                          "type_vocab_size", "n_classes"}) {
    CheckConfigRefused("linear", [&](json* config) { config->erase(key); }, {"bad.json", key, "missing"});
  }
  for (const char* key : {"num_experts", "eval_capacity_factor"}) {
    CheckConfigRefused("sparse_mixer", [&](json* config) { config->erase(key); }, {"bad.json", key, "missing"});
  }
}

TEST_CASE("bad config: values of the wrong type or out of range") {
  for (const json& value : {json("32"), json(-1), json(0), json(3.5), json(1e30), json(true), json::array({1})}) {
    for (const char* key : {"d_model", "num_layers", "vocab_size", "max_seq_length", "num_heads", "n_classes"}) {
      CheckKeyRefused(key, value);
    }
  }
  CheckKeyRefused("d_model", 4294967296);
  CheckKeyRefused("num_layers", 100000);
  CheckKeyRefused("num_heads", 5);  // does not divide d_model 32
  CheckKeyRefused("pad_id", 200);
  CheckKeyRefused("model_arch", "TRANSFORMER");
  CheckKeyRefused("model_arch", 5);
  CheckKeyRefused("num_attention_layers", 4);
  CheckKeyRefused("attention_layout", "SIDEWAYS");
  CheckKeyRefused("is_regression", "yes");
  CheckKeyRefused("padding", "left");
  CheckKeyRefused("routing_group", "all");
  CheckKeyRefused("router_type", "float8");
  for (const json& value : {json(0), json(-1), json(0.0099), json(100.5), json(1e300), json("1"), json(true)}) {
    CheckKeyRefused("temperature", value);
  }
  CheckKeyRefused("temperature", 2, "regression");
  CheckKeyRefused("eval_capacity_factor", -1, "sparse_mixer");
  CheckKeyRefused("eval_capacity_factor", "1", "sparse_mixer");
  CheckKeyRefused("num_experts", 0, "sparse_mixer");
  CheckKeyRefused("dispatch_algorithm", "MASK_NOBODY_CHOOSES", "sparse_mixer");
  CheckKeyRefused("reference_group_order", "yes", "sparse_mixer");
  for (const json& value : {json(0), json(9), json(-1), json("2")}) {
    CheckConfigRefused("sparse_mixer",
                       [&](json* config) {
                         (*config)["dispatch_algorithm"] = "MASK_TOKENS_CHOOSE";
                         (*config)["num_selected_experts"] = value;
                       },
                       {"bad.json", "num_selected_experts", value.dump()});
  }
}

TEST_CASE("bad config: what contradicts the tensors names the tensor") {
  const auto contradicts = [](const char* key, int value, const std::string& name = "linear") {
    CAPTURE(key);
    CheckConfigRefused(name, [&](json* config) { (*config)[key] = value; }, {"safetensors", std::to_string(value)});
  };
  contradicts("vocab_size", 199);
  contradicts("max_seq_length", 27);
  contradicts("d_emb", 16);
  contradicts("d_ff", 48);
  contradicts("type_vocab_size", 3);
  contradicts("n_classes", 2);
  contradicts("num_experts", 5, "sparse_mixer");
  contradicts("expert_d_ff", 7, "sparse_mixer");
  CheckConfigRefused("linear", [](json* config) { (*config)["num_layers"] = 4; }, {"safetensors", "missing"});
  CheckConfigRefused("linear", [](json* config) { (*config)["num_layers"] = 2; }, {"safetensors", "_2/"});
  CheckConfigRefused("linear", [](json* config) { (*config)["num_attention_layers"] = 1; },
                     {"safetensors", "attention_2"});
}

TEST_CASE("bad config: regression of three classes, labels that are no array") {
  CheckConfigRefused("linear", [](json* config) { (*config)["is_regression"] = true; }, {"bad.json", "is_regression"});
  CheckConfigRefused("linear", [](json* config) { (*config)["labels"] = "a,b,c"; }, {"bad.json", "labels", "array"});
}

TEST_CASE("bad config: masked padding with the batch as routing group") {
  CheckConfigRefused("sparse_mixer",
                     [](json* config) {
                       (*config)["padding"] = "masked";
                       (*config)["routing_group"] = "batch";
                     },
                     {"bad.json", "masked", "batch"});
}

TEST_CASE("bad labels: count, doubles, emptiness, tabs") {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& content, const std::vector<std::string>& words) {
    CAPTURE(content);
    CheckQuantizeRefused({Golden("linear"), "--labels", folder.Write("labels.txt", content)}, 3, words);
  };
  refused("a\nb\n", {"labels.txt", "2", "3"});
  refused("a\nb\nc\nd\n", {"labels.txt", "4", "3"});
  refused("same\nb\nsame\n", {"labels.txt", "same"});
  refused("a\n\nc\n", {"labels.txt"});
  refused("a\nb\tb\nc\n", {"labels.txt"});
  refused("a\nb\xff\nc\n", {"labels.txt"});
  refused("[\"a\", \"b\"]", {"labels.txt", "2"});
  refused("[\"a\", \"b\", 3]", {"labels.txt", "3"});
  refused("[\"a\", \"b\", \"c\"", {"labels.txt"});
  CheckConfigRefused("linear", [](json* c) { (*c)["labels"] = {"a", "b"}; }, {"bad.json", "labels", "3"});
  CheckConfigRefused("linear", [](json* c) { (*c)["labels"] = {"a", "b", "a"}; }, {"bad.json", "\"a\""});
  CheckQuantizeRefused({Golden("linear"), "--labels", folder.Path("none.txt")}, 3, {"none.txt"});
}

TEST_CASE("bad tokenizer: another number of pieces, a piece twice, no file") {
  const TemporaryFolder folder;
  const std::string vocabulary = ReadFile(ShippedFolder() + "/vocab.txt");
  const std::string checkpoint = ShippedFolder() + "/model.safetensors";
  const auto refused = [&](const std::string& content, const std::vector<std::string>& words) {
    CheckQuantizeRefused({checkpoint, "--tokenizer", folder.Write("vocab.txt", content)}, 3, words);
  };
  const auto size = std::count(vocabulary.begin(), vocabulary.end(), '\n');
  const std::string size_text = std::to_string(size);
  refused(vocabulary + "surplus_piece\n", {"vocab.txt", std::to_string(size + 1), size_text});
  refused(vocabulary.substr(0, vocabulary.rfind('\n', vocabulary.size() - 2) + 1),
          {"vocab.txt", std::to_string(size - 1), size_text});
  refused(vocabulary + "card\n", {"vocab.txt", "card", "line"});
  refused("", {"vocab.txt"});
  refused("{\"model\": ", {"vocab.txt"});
  CheckQuantizeRefused({checkpoint, "--tokenizer", folder.Path("none.txt")}, 3, {"none.txt"});
}

TEST_CASE("bad output: a folder that is missing, a file that is a folder: exit code 5") {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder.Path("folder"));
  for (const std::string& output : {folder.Path("no/model.smx"), folder.Path("folder")}) {
    CAPTURE(output);
    CheckRefused(RunQuantize({Golden("linear"), "-o", output}), 5, {output});
    CHECK(folder.List() == std::vector<std::string>{"folder"});
    CHECK(std::filesystem::is_empty(folder.Path("folder")));
  }
}

TEST_CASE("bad output: any input, itself, through a symbolic or a hard link, is exit code 2 and stays as it was") {
  const TemporaryFolder folder;
  const std::string checkpoint = folder.Write("model.safetensors", ReadFile(Golden("linear")));
  const std::string config = folder.Write("config.json", ReadFile(GoldenFolder("linear") + "/config.json"));
  const std::string labels = folder.Write("labels.txt", "a\nb\nc\n");
  std::filesystem::create_symlink(checkpoint, folder.Path("symbolic"));
  std::filesystem::create_hard_link(checkpoint, folder.Path("hard"));
  const std::vector<std::string> before = folder.List();
  for (const std::string& output :
       {checkpoint, folder.Path("symbolic"), folder.Path("hard"), folder.Path("./hard"), config, labels}) {
    CAPTURE(output);
    CheckRefused(RunQuantize({checkpoint, "-o", output, "--labels", labels}), 2, {output});
  }
  CHECK(folder.List() == before);
  CHECK(ReadFile(checkpoint) == ReadFile(Golden("linear")));
  CHECK(ReadFile(labels) == "a\nb\nc\n");
  CHECK(std::filesystem::is_symlink(folder.Path("symbolic")));
}

TEST_CASE("bad input: whatever goes wrong, an earlier output stays as it was") {
  const TemporaryFolder folder;
  const std::string earlier = folder.Write("model.smx", "an earlier file");
  const std::string bad = folder.Write("bad.safetensors", ReadFile(Golden("linear")).substr(0, 5000));
  CHECK(RunQuantize({bad, "-o", earlier, "--config", GoldenFolder("linear") + "/config.json"}).exit_code == 3);
  CHECK(RunQuantize({Golden("linear"), "-o", earlier, "--type", "int4"}).exit_code == 4);
  CHECK(RunQuantize({Golden("linear"), "-o", earlier, "--labels", folder.Path("none")}).exit_code == 3);
  CHECK(ReadFile(earlier) == "an earlier file");
  CHECK(folder.List() == std::vector<std::string>{"bad.safetensors", "model.smx"});
}
