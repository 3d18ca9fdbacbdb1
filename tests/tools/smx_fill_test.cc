// smx fill: the tokens for masks, against logits that NumPy computed (tests/golden/make_bert.py), and what is refused.

#include <algorithm>
#include <cmath>

#include <doctest/doctest.h>

#include "support/programs.h"

using nlohmann::json;
using smx::tests::CheckRefused;
using smx::tests::Holds;
using smx::tests::ProcessResult;
using smx::tests::ReadFile;
using smx::tests::RunQuantize;
using smx::tests::RunSmx;
using smx::tests::ShippedModel;
using smx::tests::SmxJson;
using smx::tests::SmxJsonLines;
using smx::tests::SmxLines;
using smx::tests::Split;
using smx::tests::TemporaryFolder;
using smx::tools::ArrayMap;
using smx::tools::ReadSafetensors;

namespace {

const std::string kSource = std::string(SMX_TESTS_DIR) + "/golden/bert_tiny";
constexpr size_t kVocabulary = 29;

/// MASKED_TEXTS of make_bert.py.
constexpr char kLines[] =
    "{\"text\": \"where is [MASK] card ?\"}\n"
    "{\"text\": \"[MASK] is lost\", \"text_pair\": \"how [MASK] i get it .\"}\n"
    "{\"text\": \"my pin\"}\n";

/// A Hugging Face BERT with a head of masked tokens, which a test may change.
struct MaskedFolder {
  MaskedFolder() : arrays(ReadSafetensors(kSource + "/model.safetensors")), config(smx::tests::ReadConfig(kSource)) {
    for (const char* name : {"vocab.txt", "tokenizer_config.json"}) folder.Write(name, ReadFile(kSource + "/" + name));
    arrays.erase("classifier.weight");
    arrays.erase("classifier.bias");
    for (const auto& [name, array] : ReadSafetensors(kSource + "/masked.safetensors")) {
      if (name.rfind("cls.", 0) == 0) arrays[name] = array;
    }
    for (const char* key : {"id2label", "label2id"}) config.erase(key);
    config["architectures"] = {"BertForMaskedLM"};
  }

  ProcessResult Quantize(const std::string& type) const {
    smx::tests::WriteArrays(folder, "model.safetensors", arrays);
    folder.Write("config.json", config.dump());
    return RunQuantize({folder.Path(""), "-o", folder.Path("model.smx"), "--type", type});
  }

  std::string Model(const std::string& type) const {
    const ProcessResult made = Quantize(type);
    REQUIRE_MESSAGE(made.exit_code == 0, made.err);
    CHECK(made.err.empty());
    return folder.Path("model.smx");
  }

  TemporaryFolder folder;
  ArrayMap arrays;
  json config;
};

/// softmax of what NumPy says, [masks, vocabulary].
std::vector<std::vector<double>> Expected(const std::string& activation) {
  const ArrayMap stored = ReadSafetensors(kSource + "/masked.safetensors");
  const std::vector<float> logits = smx::tools::ToFloat("x", stored.at("answers/" + activation));
  std::vector<std::vector<double>> masks(logits.size() / kVocabulary);
  for (size_t m = 0; m < masks.size(); ++m) {
    double sum = 0;
    for (size_t i = 0; i < kVocabulary; ++i) {
      masks[m].push_back(std::exp(static_cast<double>(logits[m * kVocabulary + i])));
      sum += masks[m][i];
    }
    for (double& probability : masks[m]) probability /= sum;
  }
  return masks;
}

/// The candidates of all masks of kLines.
std::vector<json> Filled(const std::string& model, const std::string& top) {
  std::vector<json> masks;
  for (const json& line : SmxJsonLines({"fill", model, "--input", "-", "--jsonl", "--json", "--top", top}, kLines)) {
    masks.insert(masks.end(), line.at("masks").begin(), line.at("masks").end());
  }
  return masks;
}

void CheckFilled(const std::vector<json>& masks, const std::vector<std::vector<double>>& expected, double bound) {
  REQUIRE(masks.size() == expected.size());
  for (size_t m = 0; m < masks.size(); ++m) {
    CAPTURE(m);
    std::vector<size_t> seen;
    double before = 1;
    for (const json& candidate : masks[m]) {
      const size_t id = candidate.at("id");
      seen.push_back(id);
      const double probability = candidate.at("probability").get<double>();
      CHECK(std::fabs(probability - expected[m].at(id)) <= bound);
      CHECK(probability <= before);
      before = probability;
    }
    std::sort(seen.begin(), seen.end());
    CHECK(std::unique(seen.begin(), seen.end()) == seen.end());
  }
}

}  // namespace

TEST_CASE("fill: probabilities as NumPy says of every token and mask in float32, for both gelus; near it in int8") {
  MaskedFolder bert;
  for (const std::string activation : {"gelu", "gelu_new"}) {
    CAPTURE(activation);
    bert.config["hidden_act"] = activation;
    const std::vector<json> masks = Filled(bert.Model("f32"), "29");
    CHECK(masks.at(0).size() == kVocabulary);
    CheckFilled(masks, Expected(activation), 1e-5);
    CheckFilled(Filled(bert.Model("int8"), "29"), Expected(activation), 0.05);
  }
}

TEST_CASE("fill: the best of them, one line per mask, and a text without a mask says so") {
  const MaskedFolder bert;
  const std::string model = bert.Model("f32");
  CHECK(SmxJson({"inspect", model, "--json"}).at("task") == "masked_tokens");
  const std::vector<json> best = Filled(model, "2");
  const std::vector<json> all = Filled(model, "29");
  for (size_t m = 0; m < best.size(); ++m) CHECK(best[m] == json({all[m][0], all[m][1]}));
  const std::vector<std::string> lines = SmxLines({"fill", model, "[MASK] is [MASK]", "--top", "2"});
  REQUIRE(lines.size() == 2);
  const json line = SmxJson({"fill", model, "[MASK] is [MASK]", "--json", "--top", "2"});
  CHECK(line.at("tokens") == 5);
  CHECK(line.at("truncated") == false);
  for (size_t m = 0; m < 2; ++m) {
    const std::vector<std::string> fields = Split(lines[m], '\t');
    REQUIRE(fields.size() == 5);
    for (size_t i = 0; i < 2; ++i) CHECK(fields[2 * i] == line.at("masks")[m][i].at("token"));
    CHECK(fields[4] == "[MASK] is [MASK]");
  }
  const ProcessResult none = RunSmx({"fill", model, "my card"});
  CHECK(none.exit_code == 0);
  CHECK(none.out.empty());
  CHECK(Holds(none.err, "argument 1: no mask"));
}

TEST_CASE("fill: a model of masked tokens gives vectors too, as the same BERT without its head does") {
  MaskedFolder bert;
  const std::string masked = bert.Model("f32");
  MaskedFolder plain;
  plain.config.erase("architectures");
  CHECK(SmxJson({"inspect", plain.Model("f32"), "--json"}).at("task") == "embedding");
  CHECK(SmxLines({"embed", masked, "lost"}) == SmxLines({"embed", plain.folder.Path("model.smx"), "lost"}));
}

TEST_CASE("fill: a kernel that says the word embedding once more is left out, another one refused") {
  MaskedFolder bert;
  const std::string once = ReadFile(bert.Model("f32"));
  bert.arrays["cls.predictions.decoder.weight"] = bert.arrays.at("bert.embeddings.word_embeddings.weight");
  bert.arrays["cls.seq_relationship.bias"] = bert.arrays.at("bert.pooler.dense.bias");
  CHECK(ReadFile(bert.Model("f32")) == once);
  bert.arrays["cls.predictions.decoder.weight"].bytes[0] ^= 1;
  CheckRefused(bert.Quantize("f32"), 4, {"cls.predictions.decoder.weight", "word_embeddings"});
  MaskedFolder missing;
  missing.arrays.erase("cls.predictions.bias");
  CheckRefused(missing.Quantize("f32"), 3, {"cls.predictions.bias", "missing"});
}

TEST_CASE("fill: what is refused") {
  const MaskedFolder bert;
  const std::string model = bert.Model("int8");
  CheckRefused(RunSmx({"fill", ShippedModel(), "a"}), 4, {"classification", "masks"});
  CheckRefused(RunSmx({"classify", model, "a"}), 4, {"no classification head"});
  CheckRefused(RunSmx({"fill", model, "a", "--top", "0"}), 2, {"--top"});
  CheckRefused(RunSmx({"fill", model, "a", "--top", "30"}), 2, {"--top 30", "29"});
  CheckRefused(RunSmx({"fill", model}), 2, {"TEXT"});
}
