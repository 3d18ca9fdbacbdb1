// smx inspect: that it tells what the file holds, and that its report is safe to open.

#include <doctest/doctest.h>

#include "safetensors.h"
#include "support/models.h"
#include "support/programs.h"

using nlohmann::json;
using smx::tests::CheckRefused;
using smx::tests::GoldenFolder;
using smx::tests::GoldenModel;
using smx::tests::Holds;
using smx::tests::ReadFile;
using smx::tests::RunQuantize;
using smx::tests::RunSmx;
using smx::tests::ShippedFolder;
using smx::tests::ShippedModel;
using smx::tests::SmxJson;
using smx::tests::SmxOut;
using smx::tests::TemporaryFolder;

namespace {

/// A golden model with hostile texts in every place that a report shows.
std::string HostileModel(const TemporaryFolder& folder) {
  json config = smx::tests::ReadConfig(GoldenFolder("linear"));
  config["labels"] = {"<script>alert(1)</script>", "a\"onload=\"b", "x&lt;y'"};
  config["model_card"] = {{"name", "</title><script>alert(2)</script>"},
                          {"licence", "<img src=x>"},
                          {"description", "<b>bold</b> & \"quoted\""}};
  const std::string model = folder.Path("hostile.smx");
  const smx::tests::ProcessResult made = RunQuantize({GoldenFolder("linear") + "/params.safetensors", "-o", model,
                                                      "--config", folder.Write("hostile.json", config.dump())});
  REQUIRE_MESSAGE(made.exit_code == 0, made.err);
  return model;
}

}  // namespace

TEST_CASE("inspect: names card, sizes, semantics and layers") {
  const std::string out = SmxOut({"inspect", ShippedModel()});
  const json config = smx::tests::ReadConfig(ShippedFolder());
  for (const char* key : {"name", "licence", "language", "training_data", "accuracy"}) {
    CAPTURE(key);
    CHECK(Holds(out, config["model_card"][key].get<std::string>()));
  }
  for (const char* word : {"masked", "sequence", "linear", "attention", "experts", "int8", "arena", "float32"}) {
    CAPTURE(word);
    CHECK(Holds(out, word));
  }
}

TEST_CASE("inspect: --json agrees with config.json") {
  const json object = SmxJson({"inspect", ShippedModel(), "--json"});
  const json config = smx::tests::ReadConfig(ShippedFolder());
  CHECK(object.at("vocab_size") == config["vocab_size"]);
  CHECK(object.at("max_seq_len") == config["max_seq_length"]);
  CHECK(object.at("d_model") == config["d_model"]);
  CHECK(object.at("num_classes") == config["n_classes"]);
  CHECK(object.at("labels") == config["labels"]);
  CHECK(object.at("padding") == "masked");
  CHECK(object.at("routing_group") == "sequence");
  CHECK(object.at("layers").size() == config["num_layers"]);
  CHECK(object.at("file_bytes") == ReadFile(ShippedModel()).size());
  CHECK(object.at("card").at("source_sha256").get<std::string>().size() == 64);
}

TEST_CASE("inspect: --tensors lists the parameters of the checkpoint") {
  const TemporaryFolder folder;
  const std::string model = GoldenModel(folder, "linear");
  const std::string out = SmxOut({"inspect", model, "--tensors"});
  for (const auto& entry : smx::tools::ReadSafetensors(GoldenFolder("linear") + "/params.safetensors")) {
    const auto& name = entry.first;
    CAPTURE(name);
    CHECK(Holds(out, name));
  }
  CHECK(!Holds(SmxOut({"inspect", model}), "encoder/pooler/kernel"));
}

TEST_CASE("inspect: --plan shows buffers that fit into the arena") {
  const json plan = SmxJson({"inspect", ShippedModel(), "--plan", "--json"});
  const std::string text = SmxOut({"inspect", ShippedModel(), "--plan"});
  CHECK(text.size() > SmxOut({"inspect", ShippedModel()}).size());
  CHECK(Holds(text, "offset"));
  CHECK(plan.at("arena_bytes").get<uint64_t>() > 0);
  CHECK(plan.at("arena_bytes").get<uint64_t>() >= plan.at("arena_lower_bound_bytes").get<uint64_t>());
}

TEST_CASE("inspect: --plan counts the rows that are computed, and its steps add up to what bench says") {
  const json plan = SmxJson({"inspect", ShippedModel(), "--plan", "--length", "20", "--json"});
  CHECK(plan.at("length") == 20);
  uint64_t macs = 0, macs_dense = 0;
  for (const json& step : plan.at("steps")) {
    CHECK(step.at("rows") <= step.at("rows_present"));
    CHECK(step.at("macs") <= step.at("macs_dense"));
    macs += step.at("macs").get<uint64_t>();
    macs_dense += step.at("macs_dense").get<uint64_t>();
  }
  const json& last_block = plan.at("steps").at(plan.at("steps").size() - 3);
  CHECK(last_block.at("name") == "feed_forward");
  CHECK(last_block.at("rows") == 1);
  CHECK(last_block.at("rows_present") == 20);
  const json bench = SmxJson({"bench", ShippedModel(), "--length", "20", "--repeat", "1", "--json"});
  CHECK(bench.at("macs") == macs);
  CHECK(bench.at("macs_dense") == macs_dense);
  CHECK(macs < macs_dense);
  CheckRefused(RunSmx({"inspect", ShippedModel(), "--plan", "--length", "65"}), 2, {"--length 65", "64"});
  CheckRefused(RunSmx({"inspect", ShippedModel(), "--length", "20"}), 2, {"--plan"});
}

TEST_CASE("inspect: --plan says by which way Fourier mixing is computed, and why; other stages have no choice") {
  const TemporaryFolder folder;
  const std::string float32 = GoldenModel(folder, "f_net");
  const std::string text = SmxOut({"inspect", float32, "--plan"});
  CHECK(Holds(text, "layer 1                   fourier, dense"));
  // Which one depends on the machine's vectors; it must be the one that its own estimates say.
  const json float32_plan = SmxJson({"inspect", float32, "--plan", "--json"});
  for (const json& step : float32_plan.at("steps")) {
    if (!step.contains("choice")) continue;
    const json& choice = step.at("choice");
    const bool fft_is_quicker = choice.at("fft_us").get<double>() < choice.at("product_us").get<double>();
    const std::string way = SMX_WITH_KISSFFT && fft_is_quicker ? "fft" : "product";
    CHECK(choice.at("way") == way);
    CHECK(Holds(text,
                SMX_WITH_KISSFFT ? "by " + way + ": less time by estimate" : "by product: KissFFT is not built in"));
  }
  const std::string int8 = folder.Path("int8.smx");
  REQUIRE(RunQuantize({GoldenFolder("h_net") + "/params.safetensors", "-o", int8}).exit_code == 0);
  size_t num_choices = 0;
  const json plan = SmxJson({"inspect", int8, "--plan", "--json"});
  for (const json& step : plan.at("steps")) {
    CHECK(step.contains("choice") == (step.at("name") == "hartley_mixing"));
    if (!step.contains("choice")) continue;
    ++num_choices;
    CHECK(step.at("choice").at("way") == "product");
    if (SMX_WITH_KISSFFT) CHECK(Holds(step.at("choice").at("why").get<std::string>(), "same bits on every machine"));
    CHECK(step.at("choice").at("fft_us").get<double>() > 0);
    CHECK(step.at("choice").at("product_us").get<double>() > 0);
  }
  CHECK(num_choices == 3);
  const std::string page = folder.Path("page.html");
  SmxOut({"inspect", int8, "--html", page});
  CHECK(Holds(ReadFile(page), "hartley_mixing by product: "));
}

TEST_CASE("inspect: --html writes one file with the name and every tensor, and nothing from elsewhere") {
  const TemporaryFolder folder;
  const std::string path = folder.Path("report.html");
  SmxOut({"inspect", ShippedModel(), "--html", path});
  CHECK(folder.List() == std::vector<std::string>{"report.html"});
  const std::string html = ReadFile(path);
  CHECK(Holds(html, "banking77-sparse-mixer"));
  const json report = SmxJson({"inspect", ShippedModel(), "--tensors", "--json"});
  for (const json& tensor : report.at("tensors")) {
    CAPTURE(tensor);
    CHECK(Holds(html, tensor.at("name").get<std::string>()));
  }
  for (const char* outside : {"https://", "src=", "url(", "@import", "<link", "<iframe"}) {
    CAPTURE(outside);
    CHECK(!Holds(html, outside));
  }
  // The name of a namespace of XML is the only address that is never fetched.
  for (size_t at = html.find("http://"); at != std::string::npos; at = html.find("http://", at + 1)) {
    CHECK(html.compare(at, 18, "http://www.w3.org/") == 0);
  }
}

TEST_CASE("inspect: --html escapes what the model file says") {
  const TemporaryFolder folder;
  const std::string path = folder.Path("report.html");
  SmxOut({"inspect", HostileModel(folder), "--html", path});
  const std::string html = ReadFile(path);
  CHECK(Holds(html, "&lt;script&gt;alert(2)"));
  CHECK(Holds(html, "&lt;b&gt;bold"));
  for (const char* raw : {"<script>alert", "</title><script>", "<img", "<b>bold", "\"onload=\""}) {
    CAPTURE(raw);
    CHECK(!Holds(html, raw));
  }
}

TEST_CASE("inspect: --html that cannot be written is exit code 5") {
  const TemporaryFolder folder;
  const std::string path = folder.Path("no/report.html");
  const smx::tests::ProcessResult result = RunSmx({"inspect", ShippedModel(), "--html", path});
  CHECK(result.exit_code == 5);
  CHECK(Holds(result.err, path));
}

TEST_CASE("inspect: --html onto the model itself is exit code 2 and leaves the model alone") {
  const TemporaryFolder folder;
  const std::string model = GoldenModel(folder, "linear");
  const std::string before = ReadFile(model);
  CheckRefused(RunSmx({"inspect", model, "--html", model}), 2, {"linear.smx"});
  CHECK(ReadFile(model) == before);
}

TEST_CASE("inspect: --verify accepts a sound file and refuses a flipped weight with exit code 3") {
  const TemporaryFolder folder;
  CHECK(RunSmx({"inspect", ShippedModel(), "--verify"}).exit_code == 0);
  std::string bytes = ReadFile(ShippedModel());
  bytes[bytes.size() - 100] = static_cast<char>(bytes[bytes.size() - 100] ^ 1);
  CheckRefused(RunSmx({"inspect", folder.Write("flipped.smx", bytes), "--verify"}), 3, {"flipped.smx", "SHA-256"});
}

TEST_CASE("inspect: weights beyond 64 MB are checked with --verify only") {
  const TemporaryFolder folder;
  json config = smx::tests::ReadConfig(GoldenFolder("linear"));
  smx::tools::ArrayMap arrays = smx::tools::ReadSafetensors(GoldenFolder("linear") + "/params.safetensors");
  size_t d_emb = config["d_emb"];
  size_t num_words = (size_t{70} << 20) / 4 / d_emb;
  std::string word_embedding;
  for (const auto& [name, array] : arrays) {
    if (array.shape == std::vector<size_t>{config["vocab_size"], d_emb}) word_embedding = name;
  }
  REQUIRE(!word_embedding.empty());
  arrays[word_embedding].shape[0] = num_words;
  arrays[word_embedding].bytes.assign(num_words * d_emb * 4, 0);
  config["vocab_size"] = num_words;
  const std::string model = folder.Path("large.smx");
  const smx::tests::ProcessResult made =
      RunQuantize({smx::tests::WriteArrays(folder, "large.safetensors", arrays), "-o", model, "--type", "f32",
                   "--config", folder.Write("config.json", config.dump())});
  REQUIRE_MESSAGE(made.exit_code == 0, made.err);
  std::string bytes = ReadFile(model);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  folder.Write("large.smx", bytes);
  CHECK(RunSmx({"inspect", model}).exit_code == 0);
  CheckRefused(RunSmx({"inspect", model, "--verify"}), 3, {"large.smx", "SHA-256"});
}

TEST_CASE("inspect: usage errors are exit code 2, and help holds examples") {
  CheckRefused(RunSmx({"inspect"}), 2, {"model"});
  CheckRefused(RunSmx({"inspect", ShippedModel(), "--nonsense"}), 2, {"--nonsense"});
  CheckRefused(RunSmx({"inspect", ShippedModel(), "--html"}), 2, {"--html"});
  const std::string help = SmxOut({"inspect", "--help"});
  for (const char* word : {"Example", "smx inspect model.smx", "--plan", "--tensors", "--html", "--verify", "--json"}) {
    CAPTURE(word);
    CHECK(Holds(help, word));
  }
}
