// smx embed: vectors of texts as NumPy says, pooling, length, forms of output, and what is refused.

#include <doctest/doctest.h>

#include <cmath>
#include <sstream>

#include "golden/golden_run.h"
#include "support/models.h"
#include "support/programs.h"

using nlohmann::json;
using smx::tests::CheckRefused;
using smx::tests::Holds;
using smx::tests::ProcessResult;
using smx::tests::RunQuantize;
using smx::tests::RunSmx;
using smx::tests::ShippedModel;
using smx::tests::SmxJsonLines;
using smx::tests::SmxLines;
using smx::tests::TemporaryFolder;
using smx::tools::ArrayMap;
using smx::tools::ReadSafetensors;
using smx::tools::ToFloat;

namespace {

using Vector = std::vector<float>;

const std::string kBert = std::string(SMX_TESTS_DIR) + "/golden/bert_tiny";
constexpr size_t kWidth = 24;
constexpr size_t kTexts = 3;

/// The texts of make_bert.py, the second with its pair.
constexpr char kLines[] =
    "{\"text\": \"where is my card ?\"}\n"
    "{\"text\": \"why is my new pin not arrived\", \"text_pair\": \"how i get it .\"}\n"
    "{\"text\": \"lost\"}\n";

std::string BertModel(const TemporaryFolder& folder, const std::string& type) {
  const std::string path = folder.Path(type + ".smx");
  const ProcessResult made = RunQuantize({kBert, "-o", path, "--type", type});
  REQUIRE_MESSAGE(made.exit_code == 0, made.err);
  return path;
}

/// What NumPy says: the mean of each text's rows, or the first of them.
std::vector<Vector> Expected(const std::string& pooling) {
  const ArrayMap answers = ReadSafetensors(kBert + "/answers.safetensors");
  const Vector values = ToFloat("x", answers.at(pooling == "mean" ? "gelu/mean" : "gelu/sequence_output"));
  std::vector<Vector> vectors;
  for (size_t i = 0; i < kTexts; ++i) {
    const auto begin = values.begin() + static_cast<std::ptrdiff_t>(i * values.size() / kTexts);
    vectors.emplace_back(begin, begin + kWidth);
  }
  return vectors;
}

double Dot(const Vector& a, const Vector& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

double Distance(const Vector& a, const Vector& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    largest = std::max(largest, std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  }
  return largest;
}

std::vector<Vector> Embedded(const std::string& model, const std::vector<std::string>& flags) {
  std::vector<std::string> arguments = {"embed", model, "--input", "-", "--jsonl", "--json"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  std::vector<Vector> vectors;
  for (const json& line : SmxJsonLines(arguments, kLines)) vectors.push_back(line.at("embedding").get<Vector>());
  return vectors;
}

}  // namespace

TEST_CASE("embed: means and [CLS] rows as NumPy says in float32, cosine above 0.999 in int8") {
  const TemporaryFolder folder;
  const std::string f32 = BertModel(folder, "f32");
  const std::string int8 = BertModel(folder, "int8");
  for (const std::string pooling : {"mean", "cls"}) {
    CAPTURE(pooling);
    const std::vector<Vector> expected = Expected(pooling);
    const std::vector<Vector> exact = Embedded(f32, {"--pooling", pooling});
    const std::vector<Vector> near = Embedded(int8, {"--pooling", pooling});
    REQUIRE(exact.size() == kTexts);
    for (size_t i = 0; i < kTexts; ++i) {
      CAPTURE(i);
      CHECK(Distance(exact[i], expected[i]) <= 1e-5);
      CHECK(Dot(near[i], expected[i]) >= 0.999 * std::sqrt(Dot(near[i], near[i]) * Dot(expected[i], expected[i])));
    }
  }
}

TEST_CASE("embed: --normalize divides by the length; mean is what it does without --pooling") {
  const TemporaryFolder folder;
  const std::string model = BertModel(folder, "f32");
  CHECK(Embedded(model, {}) == Embedded(model, {"--pooling", "mean"}));
  for (const std::string pooling : {"mean", "cls"}) {
    const std::vector<Vector> plain = Embedded(model, {"--pooling", pooling});
    const std::vector<Vector> unit = Embedded(model, {"--pooling", pooling, "--normalize"});
    for (size_t i = 0; i < kTexts; ++i) {
      CHECK(Dot(unit[i], unit[i]) == doctest::Approx(1).epsilon(1e-6));
      CHECK(Dot(unit[i], plain[i]) == doctest::Approx(std::sqrt(Dot(plain[i], plain[i]))).epsilon(1e-6));
    }
  }
}

TEST_CASE("embed: a line per text, whose numbers are those of --json; keys of --json; blank lines too") {
  const TemporaryFolder folder;
  const std::string model = BertModel(folder, "f32");
  const std::vector<std::string> lines = SmxLines({"embed", model, "lost", "", "is it my card"});
  const std::vector<json> objects = SmxJsonLines({"embed", model, "lost", "", "is it my card", "--json"});
  REQUIRE(lines.size() == 3);
  REQUIRE(objects.size() == 3);
  for (size_t i = 0; i < 3; ++i) {
    std::istringstream numbers(lines[i]);
    Vector vector;
    for (float value; numbers >> value;) vector.push_back(value);
    CHECK(vector == objects[i].at("embedding").get<Vector>());
    CHECK(vector.size() == kWidth);
  }
  CHECK(objects[2].at("text") == "is it my card");
  CHECK(objects[2].at("tokens") == 6);
  CHECK(objects[2].at("truncated") == false);
  CHECK(objects[1].at("tokens") == 2);
  CHECK(SmxLines({"embed", model, "--input", "-"}, "lost\n\nis it my card") == lines);
  CHECK(SmxLines({"embed", model, "--input", "-", "--threads", "2"}, "lost\n\nis it my card") == lines);
}

TEST_CASE("embed: a text that is cut says so, special tokens may be text") {
  const TemporaryFolder folder;
  const std::string model = BertModel(folder, "f32");
  std::string text;
  for (int i = 0; i < 30; ++i) text += "card ";
  const ProcessResult cut = RunSmx({"embed", model, text, "--json"});
  CHECK(cut.exit_code == 0);
  CHECK(Holds(cut.err, "32 tokens, the model reads 20"));
  CHECK(json::parse(cut.out).at("truncated") == true);
  CHECK(SmxLines({"embed", model, "--input", "-"}, "[MASK]\n") !=
        SmxLines({"embed", model, "--input", "-", "--plain-text"}, "[MASK]\n"));
}

TEST_CASE("embed: a classifier gives vectors too, the reference's padding not among the mean's rows") {
  const std::vector<json> objects =
      SmxJsonLines({"embed", ShippedModel(), "Where is my card?", "--pooling", "mean", "--json"});
  CHECK(objects.at(0).at("embedding").size() == 192);
  const TemporaryFolder folder;
  const std::string padded = folder.Path("padded.smx");
  const ProcessResult made = RunQuantize({kBert, "-o", padded, "--type", "f32", "--padding", "reference"});
  REQUIRE_MESSAGE(made.exit_code == 0, made.err);
  const std::vector<Vector> expected = Expected("mean");
  const std::vector<Vector> found = Embedded(padded, {});
  for (size_t i = 0; i < kTexts; ++i) CHECK(Distance(found[i], expected[i]) <= 1e-5);
}

TEST_CASE("embed: what is refused") {
  const TemporaryFolder folder;
  const std::string model = BertModel(folder, "f32");
  CheckRefused(RunSmx({"embed", model}), 2, {"TEXT"});
  CheckRefused(RunSmx({"embed", model, "a", "--pooling", "max"}), 2, {"--pooling"});
  CheckRefused(RunSmx({"embed", folder.Path("none.smx"), "a"}), 3, {"none.smx"});
  CheckRefused(RunSmx({"embed", smx::tests::GoldenModel(folder, "linear"), "a"}), 4, {"no tokenizer"});
}
