// smx-quantize: what each flag does to the file, told by smx and by the file itself.

#include <doctest/doctest.h>

#include <cstdio>

#include "support/models.h"
#include "support/programs.h"

using nlohmann::json;
using smx::tests::CheckRefused;
using smx::tests::GoldenFolder;
using smx::tests::Holds;
using smx::tests::ProcessResult;
using smx::tests::ReadConfig;
using smx::tests::ReadFile;
using smx::tests::RunProgram;
using smx::tests::RunQuantize;
using smx::tests::ShippedFolder;
using smx::tests::ShippedModel;
using smx::tests::SmxJson;
using smx::tests::SplitLines;
using smx::tests::TemporaryFolder;

namespace {

std::string Shipped() { return ShippedFolder() + "/model.safetensors"; }
std::string Golden(const std::string& name) { return GoldenFolder(name) + "/params.safetensors"; }

/// Quantizes `checkpoint` with `flags`, which must succeed, and returns what inspect says of it.
json Inspected(const std::string& checkpoint, const std::vector<std::string>& flags) {
  const TemporaryFolder folder;
  std::vector<std::string> arguments = {checkpoint, "-o", folder.Path("model.smx")};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  const ProcessResult made = RunQuantize(arguments);
  REQUIRE_MESSAGE(made.exit_code == 0, made.err);
  CHECK(folder.List() == std::vector<std::string>{"model.smx"});
  return SmxJson({"inspect", folder.Path("model.smx"), "--json"});
}

/// Checks that quantizing is refused so, and that no file is left.
void CheckQuantizeRefused(std::vector<std::string> arguments, int exit_code, const std::vector<std::string>& words) {
  const TemporaryFolder folder;
  arguments.insert(arguments.end(), {"-o", folder.Path("model.smx")});
  CheckRefused(RunQuantize(arguments), exit_code, words);
  CHECK(folder.List().empty());
}

/// Every so many lines of the shipped test set, which is sorted by class and has 40 texts of each.
std::string SmallData(size_t every) {
  const std::vector<std::string> lines = SplitLines(ReadFile(ShippedFolder() + "/test.tsv"));
  std::string data = lines[0] + "\n";
  for (size_t i = 1; i < lines.size(); i += every) data += lines[i] + "\n";
  return data;
}

}  // namespace

TEST_CASE("quantize: the defaults are int8 and what config.json beside the checkpoint says") {
  const json shipped = Inspected(Shipped(), {});
  CHECK(shipped.at("weight_type") == "int8");
  CHECK(shipped.at("padding") == "masked");
  CHECK(shipped.at("tokenizer") == true);
  CHECK(shipped.at("labels") == ReadConfig(ShippedFolder())["labels"]);
  const json golden = Inspected(Golden("sparse_mixer"), {});
  CHECK(golden.at("padding") == "reference");
  CHECK(golden.at("routing_group") == "sequence");
  CHECK(golden.at("experts").at("router_type") == "float32");
  CHECK(golden.at("tokenizer") == false);
}

TEST_CASE("quantize: --type f32 keeps every weight, int8 takes about a quarter") {
  const json f32 = Inspected(Shipped(), {"--type", "f32"});
  const json int8 = Inspected(Shipped(), {"--type", "int8"});
  CHECK(f32.at("weight_type") == "f32");
  CHECK(int8.at("weight_type") == "int8");
  CHECK(int8.at("weights_bytes").get<double>() < 0.4 * f32.at("weights_bytes").get<double>());
}

TEST_CASE("quantize: the same input gives the same bytes, to a file and to stdout") {
  const TemporaryFolder folder;
  const ProcessResult again = RunQuantize({Shipped(), "-o", folder.Path("a.smx")});
  REQUIRE(again.exit_code == 0);
  CHECK(ReadFile(folder.Path("a.smx")) == ReadFile(ShippedModel()));
  const ProcessResult piped = RunQuantize({Shipped(), "-o", "-"});
  REQUIRE_MESSAGE(piped.exit_code == 0, piped.err);
  CHECK(piped.out == ReadFile(ShippedModel()));
}

TEST_CASE("quantize: an earlier file is replaced") {
  const TemporaryFolder folder;
  const std::string model = folder.Write("model.smx", "an earlier file");
  REQUIRE(RunQuantize({Golden("linear"), "-o", model}).exit_code == 0);
  CHECK(RunProgram("smx", {"inspect", model}).exit_code == 0);
  CHECK(folder.List() == std::vector<std::string>{"model.smx"});
}

TEST_CASE("quantize: flags win over config.json") {
  CHECK(Inspected(Shipped(), {"--padding", "reference"}).at("padding") == "reference");
  CHECK(Inspected(Golden("sparse_mixer"), {"--padding", "masked"}).at("padding") == "masked");
  CHECK(Inspected(Golden("sparse_mixer"), {"--routing-group", "batch"}).at("routing_group") == "batch");
  CHECK(Inspected(Golden("sparse_mixer"), {"--router-type", "bfloat16"}).at("experts").at("router_type") == "bfloat16");
  CHECK(Inspected(Shipped(), {"--padding", "reference", "--routing-group", "batch"}).at("routing_group") == "batch");
}

TEST_CASE("quantize: keys of our own in config.json are read") {
  const TemporaryFolder folder;
  json config = ReadConfig(GoldenFolder("sparse_mixer"));
  config["routing_group"] = "batch";
  config["padding"] = "reference";
  config["router_type"] = "bfloat16";
  const std::string path = folder.Write("other.json", config.dump());
  const json inspected = Inspected(Golden("sparse_mixer"), {"--config", path});
  CHECK(inspected.at("routing_group") == "batch");
  CHECK(inspected.at("experts").at("router_type") == "bfloat16");
  CHECK(Inspected(Golden("sparse_mixer"), {"--config", path, "--routing-group", "sequence"}).at("routing_group") ==
        "sequence");
}

TEST_CASE("quantize: who chooses whom is read from config.json, in capitals or small letters") {
  const TemporaryFolder folder;
  json config = ReadConfig(GoldenFolder("sparse_mixer"));
  const auto experts_of = [&](const std::vector<std::string>& flags) {
    std::vector<std::string> all = {"--config", folder.Write("other.json", config.dump())};
    all.insert(all.end(), flags.begin(), flags.end());
    return Inspected(Golden("sparse_mixer"), all).at("experts");
  };
  CHECK(experts_of({}).at("routing") == "experts_choose");
  config["num_selected_experts"] = 3;
  CHECK(experts_of({}).count("num_selected_experts") == 0);  // as the reference, which asks tokens only
  for (const char* dispatch : {"MASK_TOKENS_CHOOSE", "SCATTER_TOKENS_CHOOSE", "mask_tokens_choose"}) {
    CAPTURE(dispatch);
    config["dispatch_algorithm"] = dispatch;
    config["batch_prioritized_routing"] = false;
    const json experts = experts_of({});
    CHECK(experts.at("routing") == "tokens_choose");
    CHECK(experts.at("num_selected_experts") == 3);
    CHECK(experts.at("batch_prioritized_routing") == false);
  }
  config.erase("num_selected_experts");
  config.erase("batch_prioritized_routing");
  CHECK(experts_of({}).at("num_selected_experts") == 1);
  CHECK(experts_of({}).at("batch_prioritized_routing") == true);
  CHECK(experts_of({}).count("reference_group_order") == 0);
  CHECK(experts_of({"--routing-group", "batch"}).at("reference_group_order") == true);
  config["reference_group_order"] = false;
  CHECK(experts_of({"--routing-group", "batch"}).at("reference_group_order") == false);
}

TEST_CASE("quantize: --labels reads lines or a JSON array, and wins over config.json") {
  const TemporaryFolder folder;
  const json names = {"one", "two words", "dr\xc3\xa9i"};
  const std::string lines = folder.Write("labels.txt", "one\ntwo words\ndr\xc3\xa9i\n");
  const std::string crlf = folder.Write("crlf.txt", "one\r\ntwo words\r\ndr\xc3\xa9i");
  const std::string array = folder.Write("labels.json", names.dump(1));
  for (const std::string& file : {lines, crlf, array}) {
    CAPTURE(file);
    CHECK(Inspected(Golden("linear"), {"--labels", file}).at("labels") == names);
  }
}

TEST_CASE("quantize: --tokenizer gives a model its tokenizer") {
  const TemporaryFolder folder;
  json config = ReadConfig(ShippedFolder());
  config.erase("tokenizer");
  const std::string path = folder.Write("config.json", config.dump());
  CHECK(Inspected(Shipped(), {"--config", path}).at("tokenizer") == false);
  const std::string model = folder.Path("model.smx");
  const std::vector<std::string> arguments = {
      Shipped(), "-o", model, "--config", path, "--tokenizer", ShippedFolder() + "/vocab.txt"};
  REQUIRE(RunQuantize(arguments).exit_code == 0);
  CHECK(SmxJson({"classify", model, "Where is my Card?", "--json"}) ==
        SmxJson({"classify", ShippedModel(), "Where is my Card?", "--json"}));
}

TEST_CASE("quantize: switches of the tokenizer in config.json are obeyed") {
  const TemporaryFolder folder;
  json config = ReadConfig(ShippedFolder());
  config["tokenizer"] = {{"file", ShippedFolder() + "/vocab.txt"}, {"lowercase", false}, {"strip_accents", false}};
  const std::string model = folder.Path("model.smx");
  REQUIRE(RunQuantize({Shipped(), "-o", model, "--config", folder.Write("config.json", config.dump())}).exit_code == 0);
  const json cased = SmxJson({"tokenize", model, "--json", "--no-special", "card Card"});
  CHECK(cased.at("pieces") == json({"card", "[UNK]"}));
}

TEST_CASE("quantize: --evaluate reports what smx evaluate finds, --json has both accuracies") {
  const TemporaryFolder folder;
  const std::string data = folder.Write("data.tsv", SmallData(80));
  const std::string model = folder.Path("model.smx");
  const ProcessResult made = RunQuantize({Shipped(), "-o", model, "--evaluate", data, "--json"});
  REQUIRE_MESSAGE(made.exit_code == 0, made.err);
  const json report = json::parse(made.out);
  const json measured = SmxJson({"evaluate", model, data, "--json"});
  CHECK(report.at("accuracy") == measured.at("accuracy"));
  CHECK(report.at("count") == measured.at("count"));
  CHECK(made.err.find('\r') == std::string::npos);
  REQUIRE(RunQuantize({Shipped(), "-o", model, "--type", "f32"}).exit_code == 0);
  CHECK(report.at("accuracy_f32") == SmxJson({"evaluate", model, data, "--json"}).at("accuracy"));
}

TEST_CASE("quantize: --text, --text-pair and --label choose columns of the data") {
  const TemporaryFolder folder;
  const std::string data = folder.Write("data.tsv", "class\tsecond\tfirst\nage_limit\tb\thow old must I be\n");
  const ProcessResult made = RunQuantize({Shipped(), "-o", folder.Path("model.smx"), "--evaluate", data, "--text",
                                          "first", "--text-pair", "second", "--label", "class", "--json"});
  REQUIRE_MESSAGE(made.exit_code == 0, made.err);
  CHECK(json::parse(made.out).at("count") == 1);
  CheckQuantizeRefused({Shipped(), "--evaluate", data}, 3, {"data.tsv", "text"});
}

TEST_CASE("quantize: --min-accuracy that is reached writes the file, whose card says what was measured") {
  const TemporaryFolder folder;
  const std::string data = folder.Write("data.tsv", SmallData(160));
  const ProcessResult made =
      RunQuantize({Shipped(), "-o", folder.Path("model.smx"), "--evaluate", data, "--min-accuracy", "0.5"});
  REQUIRE_MESSAGE(made.exit_code == 0, made.err);
  const json card = SmxJson({"inspect", folder.Path("model.smx"), "--json"}).at("card");
  const json evaluated = SmxJson({"evaluate", folder.Path("model.smx"), data, "--json"});
  char percent[32];
  std::snprintf(percent, sizeof(percent), "int8 %.2f %%", 100 * evaluated.at("accuracy").get<double>());
  CHECK(Holds(card.at("accuracy"), percent));
  CHECK(Holds(card.at("accuracy"), "data.tsv"));
}

TEST_CASE("quantize: --min-accuracy that is not reached is exit code 1 and writes nothing") {
  const TemporaryFolder folder;
  const std::string data = folder.Write("data.tsv", "text\tlabel\nWhere is my card?\tage_limit\nPIN\tage_limit\n");
  const std::string earlier = folder.Write("model.smx", "an earlier file");
  const std::vector<std::string> before = folder.List();
  const ProcessResult result = RunQuantize({Shipped(), "-o", earlier, "--evaluate", data, "--min-accuracy", "0.9"});
  CHECK(result.exit_code == 1);
  CHECK(Holds(result.err, "accuracy"));
  CHECK(Holds(result.err, "90"));
  CHECK(ReadFile(earlier) == "an earlier file");
  CHECK(folder.List() == before);
  const std::string fresh = folder.Path("fresh.smx");
  CHECK(RunQuantize({Shipped(), "-o", fresh, "--evaluate", data, "--min-accuracy", "0.9"}).exit_code == 1);
  CHECK(folder.List() == before);
}

TEST_CASE("quantize: what is not built is exit code 4 and named") {
  for (const char* type : {"int4", "int8-static", "auto"}) {
    CAPTURE(type);
    CheckQuantizeRefused({Shipped(), "--type", type}, 4, {type});
  }
}

TEST_CASE("quantize: a checkpoint of another mixing than config.json says is refused by the arrays it has or lacks") {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& checkpoint, const char* arch, const std::vector<std::string>& words) {
    CAPTURE(checkpoint);
    CAPTURE(arch);
    json config = ReadConfig(GoldenFolder(checkpoint));
    config["model_arch"] = arch;
    const std::string path = folder.Write("config.json", config.dump());
    CheckQuantizeRefused({Golden(checkpoint), "--config", path}, 3, words);
  };
  refused("linear", "F_NET", {"linear_transform_0", "surplus"});
  refused("linear", "H_NET", {"linear_transform_0", "surplus"});
  refused("f_net", "LINEAR", {"linear_transform_0", "missing"});
  refused("linear", "C_NET", {"circulant_transform_0", "missing", "[32]"});
  refused("c_net", "T_NET", {"toeplitz_transform_0", "missing", "[63]"});
  refused("c_net", "D_NET", {"model_arch", "D_NET", "C_NET"});
}

TEST_CASE("quantize: usage errors are exit code 2") {
  CheckRefused(RunQuantize({}), 2, {"checkpoint"});
  CheckRefused(RunQuantize({Shipped()}), 2, {"--output"});
  CheckQuantizeRefused({Shipped(), "--type", "int9"}, 2, {"--type", "int9"});
  CheckQuantizeRefused({Shipped(), "--padding", "left"}, 2, {"--padding", "left"});
  CheckQuantizeRefused({Shipped(), "--routing-group", "all"}, 2, {"--routing-group", "all"});
  CheckQuantizeRefused({Shipped(), "--router-type", "float64"}, 2, {"--router-type", "float64"});
  CheckQuantizeRefused({Shipped(), "--min-accuracy", "0.5"}, 2, {"--min-accuracy", "--evaluate"});
  CheckQuantizeRefused({Shipped(), "--min-accuracy", "80", "--evaluate", "x.tsv"}, 2, {"--min-accuracy", "80"});
  CheckQuantizeRefused({Shipped(), "--frobnicate"}, 2, {"--frobnicate"});
  CheckQuantizeRefused({Shipped(), "second.safetensors"}, 2, {"second.safetensors"});
}

TEST_CASE("quantize: help holds every flag and examples, --version a version") {
  const ProcessResult help = RunQuantize({"--help"});
  CHECK(help.exit_code == 0);
  for (const char* word : {"Example", "smx-quantize model.safetensors -o model.smx", "--config", "--tokenizer",
                           "--labels", "--type", "int8-static", "--calibrate", "--evaluate", "--min-accuracy",
                           "--padding", "--routing-group", "--router-type", "--json"}) {
    CAPTURE(word);
    CHECK(Holds(help.out, word));
  }
  const ProcessResult version = RunQuantize({"--version"});
  CHECK(version.exit_code == 0);
  CHECK(Holds(version.out, "smx-quantize "));
}
