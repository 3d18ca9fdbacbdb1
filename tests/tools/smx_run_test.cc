// smx run: the files that it reads and writes. The numbers are in tests/golden.

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <numeric>

#include "safetensors.h"
#include "support/models.h"
#include "support/programs.h"

using smx::tests::CheckRefused;
using smx::tests::GoldenIo;
using smx::tests::GoldenModel;
using smx::tests::Holds;
using smx::tests::ReadFile;
using smx::tests::RunSmx;
using smx::tests::SmxOut;
using smx::tests::TemporaryFolder;
using smx::tests::WriteArrays;
using smx::tools::Array;
using smx::tools::ArrayMap;
using smx::tools::FromInt32;
using smx::tools::ReadSafetensors;

namespace {

ArrayMap RunArrays(const TemporaryFolder& folder, const std::string& model, const std::string& input,
                   const std::vector<std::string>& flags = {}) {
  const std::string output = folder.Path("out.safetensors");
  std::vector<std::string> arguments = {"run", model, "--input", input, "--output", output};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  SmxOut(arguments);
  return ReadSafetensors(output);
}

/// Whether row `row` of [rows, cols] floats is the same in both arrays, or zero in `a`.
bool IsSameOrZero(const Array& a, const Array& b, size_t row, size_t cols) {
  const auto begin = static_cast<std::ptrdiff_t>(row * cols * 4);
  const auto end = begin + static_cast<std::ptrdiff_t>(cols * 4);
  const bool same = std::equal(a.bytes.begin() + begin, a.bytes.begin() + end, b.bytes.begin() + begin);
  const bool zero = std::all_of(a.bytes.begin() + begin, a.bytes.begin() + end, [](uint8_t x) { return x == 0; });
  return same || zero;
}

}  // namespace

TEST_CASE("run: without --layers the three outputs, with the golden names and shapes") {
  const TemporaryFolder folder;
  const ArrayMap expected = ReadSafetensors(GoldenIo("sparse_mixer"));
  const ArrayMap found = RunArrays(folder, GoldenModel(folder, "sparse_mixer"), GoldenIo("sparse_mixer"));
  CHECK(found.size() == 3);
  for (const char* name : {"sequence_output", "pooled_output", "logits"}) {
    CAPTURE(name);
    REQUIRE(found.count(name) == 1);
    CHECK(found.at(name).shape == expected.at(name).shape);
    CHECK(found.at(name).dtype == "F32");
  }
}

TEST_CASE("run: --layers writes every array of the contract") {
  const TemporaryFolder folder;
  const ArrayMap found = RunArrays(folder, GoldenModel(folder, "sparse_mixer"), GoldenIo("sparse_mixer"), {"--layers"});
  const size_t layers = smx::tests::ReadConfig(smx::tests::GoldenFolder("sparse_mixer"))["num_layers"];
  CHECK(found.count("embedding_output") == 1);
  size_t routers = 0;
  for (size_t i = 0; i < layers; ++i) {
    const std::string layer = "layer_" + std::to_string(i);
    CAPTURE(layer);
    CHECK(found.count(layer) == 1);
    if (found.count(layer + "/router_probs") == 0) continue;
    ++routers;
    CHECK(found.count(layer + "/dispatch") == 1);
    CHECK(found.count(layer + "/combine") == 1);
  }
  CHECK(routers > 0);
}

TEST_CASE("run: --layers changes no bit of pooled output and logits; rows that nobody reads are zero without it") {
  const TemporaryFolder folder;
  for (const char* name : {"linear", "bert", "sparse_mixer", "short_text"}) {
    CAPTURE(name);
    const std::string model = GoldenModel(folder, name);
    const ArrayMap without = RunArrays(folder, model, GoldenIo(name));
    const ArrayMap with = RunArrays(folder, model, GoldenIo(name), {"--layers"});
    CHECK(without.at("pooled_output").bytes == with.at("pooled_output").bytes);
    CHECK(without.at("logits").bytes == with.at("logits").bytes);
    const Array& rows = without.at("sequence_output");
    REQUIRE(rows.shape == with.at("sequence_output").shape);
    for (size_t row = 0; row < rows.shape[0] * rows.shape[1]; ++row) {
      CAPTURE(row);
      CHECK(IsSameOrZero(rows, with.at("sequence_output"), row, rows.shape[2]));
    }
  }
}

TEST_CASE("run: --layers says what tokens chose; pads that a masked model never sees chose nothing") {
  const TemporaryFolder folder;
  const std::string name = "tokens_choose_scatter_top2";  // texts of 32 and 20 tokens
  const std::string model = GoldenModel(folder, name, {"--padding", "masked"});
  const ArrayMap found = RunArrays(folder, model, GoldenIo(name), {"--layers"});
  const Array& indices = found.at("layer_2/dispatch_indices");
  const Array& weights = found.at("layer_2/combine_weights");
  CHECK(indices.shape == std::vector<size_t>{2, 32, 2, 2});
  CHECK(weights.shape == std::vector<size_t>{2, 32, 2});
  const std::vector<int32_t> expert_and_place = smx::tools::ToInt32("dispatch_indices", indices);
  const std::vector<float> weight = smx::tools::ToFloat("combine_weights", weights);
  float sum = 0;
  for (size_t choice = 0; choice < weight.size(); ++choice) {
    CAPTURE(choice);
    const bool is_pad = choice >= (32 + 20) * 2;
    CHECK((expert_and_place[2 * choice] == -1) == is_pad);
    CHECK((expert_and_place[2 * choice + 1] == -1) == is_pad);
    if (is_pad) CHECK(weight[choice] == 0);
    sum += weight[choice];
  }
  const std::vector<float> combine = smx::tools::ToFloat("combine", found.at("layer_2/combine"));
  CHECK(sum == doctest::Approx(std::accumulate(combine.begin(), combine.end(), 0.0f)));
}

TEST_CASE("run: threads change no bit") {
  const TemporaryFolder folder;
  const std::string model = GoldenModel(folder, "fast_sparse_mixer");
  const ArrayMap one = RunArrays(folder, model, GoldenIo("fast_sparse_mixer"), {"--threads", "1"});
  const ArrayMap two = RunArrays(folder, model, GoldenIo("fast_sparse_mixer"), {"--threads", "2"});
  for (const auto& [name, array] : one) CHECK(two.at(name).bytes == array.bytes);
}

TEST_CASE("run: - is stdin and stdout") {
  const TemporaryFolder folder;
  const std::string model = GoldenModel(folder, "linear");
  const std::string io = GoldenIo("linear");
  SmxOut({"run", model, "--input", io, "--output", folder.Path("out.safetensors")});
  const std::string expected = ReadFile(folder.Path("out.safetensors"));
  CHECK(SmxOut({"run", model, "--input", io, "--output", "-"}) == expected);
  CHECK(SmxOut({"run", model, "--input", "-", "--output", "-"}, ReadFile(io)) == expected);
}

TEST_CASE("run: --json is one object on stdout") {
  const TemporaryFolder folder;
  const std::string model = GoldenModel(folder, "linear");
  const nlohmann::json object = smx::tests::SmxJson(
      {"run", model, "--input", GoldenIo("linear"), "--output", folder.Path("out.safetensors"), "--json"});
  CHECK(object.is_object());
}

TEST_CASE("run: a model of the sequence group gives a text the same answer in any company") {
  const TemporaryFolder folder;
  const std::string model = GoldenModel(folder, "sparse_mixer", {"--routing-group", "sequence"});
  ArrayMap io = ReadSafetensors(GoldenIo("sparse_mixer"));
  const size_t batch = io.at("input_ids").shape[0];
  const Array all = RunArrays(folder, model, GoldenIo("sparse_mixer")).at("logits");
  REQUIRE(batch > 1);
  ArrayMap first;
  for (const char* name : {"input_ids", "type_ids"}) {
    Array array = io.at(name);
    array.shape[0] = 1;
    array.bytes.resize(array.bytes.size() / batch);
    first[name] = array;
  }
  const Array alone = RunArrays(folder, model, WriteArrays(folder, "first.safetensors", first)).at("logits");
  CHECK(std::equal(alone.bytes.begin(), alone.bytes.end(), all.bytes.begin()));
}

TEST_CASE("run: inputs that the model cannot read are exit code 3, and no output file appears") {
  const TemporaryFolder folder;
  const std::string model = GoldenModel(folder, "bert");  // 200 words, 4 types, 32 tokens
  const std::string output = folder.Path("out.safetensors");
  const auto refused = [&](const ArrayMap& arrays, const std::vector<std::string>& words) {
    CAPTURE(words);
    const std::string input = WriteArrays(folder, "in.safetensors", arrays);
    CheckRefused(RunSmx({"run", model, "--input", input, "--output", output}), 3, words);
    CHECK(folder.List() == std::vector<std::string>{"bert.smx", "in.safetensors"});
  };
  const Array ids = FromInt32({1, 2, 3, 4}, {1, 4});
  const Array types = FromInt32({0, 0, 0, 0}, {1, 4});
  refused({{"type_ids", types}}, {"input_ids"});
  refused({{"input_ids", FromInt32({1, 2, 200, 4}, {1, 4})}, {"type_ids", types}}, {"ids: value 2 is 200", "199"});
  refused({{"input_ids", FromInt32({1, -1, 3, 4}, {1, 4})}, {"type_ids", types}}, {"ids: value 1 is -1"});
  refused({{"input_ids", ids}, {"type_ids", FromInt32({0, 0, 4, 0}, {1, 4})}}, {"type_ids", "4"});
  refused({{"input_ids", ids}, {"type_ids", FromInt32({0, 0}, {1, 2})}}, {"type_ids"});
  refused({{"input_ids", FromInt32({1, 2, 3, 4}, {4})}, {"type_ids", FromInt32({0, 0, 0, 0}, {4})}}, {"input_ids"});
  refused({{"input_ids", FromInt32({}, {0, 4})}, {"type_ids", FromInt32({}, {0, 4})}}, {"input_ids"});
  refused({{"input_ids", FromInt32({}, {1, 0})}, {"type_ids", FromInt32({}, {1, 0})}}, {"input_ids"});
  refused({{"input_ids", FromInt32(std::vector<int32_t>(33), {1, 33})},
           {"type_ids", FromInt32(std::vector<int32_t>(33), {1, 33})}},
          {"33", "32"});
  refused({{"input_ids", smx::tools::FromFloat({1, 2, 3, 4}, {1, 4})}, {"type_ids", types}}, {"input_ids", "F32"});
}

TEST_CASE("run: an output that is an input is exit code 2, through links too") {
  const TemporaryFolder folder;
  const std::string model = GoldenModel(folder, "linear");
  const std::string input = folder.Write("in.safetensors", ReadFile(GoldenIo("linear")));
  const std::string link = folder.Path("link.safetensors");
  std::filesystem::create_symlink(input, link);
  const std::string before = ReadFile(model);
  CheckRefused(RunSmx({"run", model, "--input", input, "--output", input}), 2, {"in.safetensors"});
  CheckRefused(RunSmx({"run", model, "--input", input, "--output", link}), 2, {"safetensors"});
  CheckRefused(RunSmx({"run", model, "--input", input, "--output", model}), 2, {"linear.smx"});
  CHECK(ReadFile(input) == ReadFile(GoldenIo("linear")));
  CHECK(ReadFile(model) == before);
}

TEST_CASE("run: an output that cannot be written is exit code 5 and leaves nothing") {
  const TemporaryFolder folder;
  const std::string model = GoldenModel(folder, "linear");
  std::filesystem::create_directory(folder.Path("folder"));
  for (const std::string& output : {folder.Path("no/out.safetensors"), folder.Path("folder")}) {
    CAPTURE(output);
    CheckRefused(RunSmx({"run", model, "--input", GoldenIo("linear"), "--output", output}), 5, {output});
    CHECK(folder.List() == std::vector<std::string>{"folder", "linear.smx"});
  }
}

TEST_CASE("run: usage errors are exit code 2, and help holds examples") {
  CheckRefused(RunSmx({"run", "model.smx"}), 2, {"--input"});
  CheckRefused(RunSmx({"run", "model.smx", "--input", "in"}), 2, {"--output"});
  CheckRefused(RunSmx({"run", "model.smx", "--input", "in", "--output", "out", "--threads", "0"}), 2, {"--threads"});
  const std::string help = SmxOut({"run", "--help"});
  for (const char* word : {"Example", "smx run model.smx", "--input", "--output", "--layers", "--threads"}) {
    CAPTURE(word);
    CHECK(Holds(help, word));
  }
}

TEST_CASE("smx: help, version, and what is no command") {
  const std::string help = SmxOut({"--help"});
  for (const char* word : {"classify", "run", "evaluate", "bench", "inspect", "tokenize", "embed", "Example"}) {
    CAPTURE(word);
    CHECK(Holds(help, word));
  }
  CHECK(Holds(SmxOut({"--version"}), "smx "));
  CheckRefused(RunSmx({}), 2, {"subcommand"});
  CheckRefused(RunSmx({"frobnicate"}), 2, {});
  CheckRefused(RunSmx({"--frobnicate"}), 2, {});
}
