// smx bench: what it reports, as far as it does not depend on the clock.

#include <algorithm>

#include <doctest/doctest.h>

#include "base/cpu_features.h"
#include "kernels/kernel_table.h"
#include "support/models.h"
#include "support/programs.h"

using nlohmann::json;
using smx::tests::CheckRefused;
using smx::tests::Holds;
using smx::tests::ReadFile;
using smx::tests::RunSmx;
using smx::tests::ShippedModel;
using smx::tests::SmxJson;
using smx::tests::SmxOut;
using smx::tests::TemporaryFolder;

TEST_CASE("bench: --json has every key of the contract") {
  const json object = SmxJson({"bench", ShippedModel(), "--repeat", "5", "--json"});
  const json& latency = object.at("latency_us");
  CHECK(latency.at("min").get<double>() >= 0);
  CHECK(latency.at("median").get<double>() >= latency.at("min").get<double>());
  CHECK(latency.at("p95").get<double>() >= latency.at("median").get<double>());
  for (const char* key : {"load_us", "first_run_us", "arena_bytes", "weights_bytes", "packed_bytes", "mapped_bytes",
                          "peak_rss_bytes", "macs", "macs_dense"}) {
    CAPTURE(key);
    CHECK(object.at(key).is_number());
    CHECK(object.at(key).get<double>() >= 0);
  }
  CHECK(object.at("isa").is_string());
  CHECK(!object.at("isa").get<std::string>().empty());
  CHECK(Holds(object.at("model").get<std::string>(), "shipped"));
  CHECK(object.at("length") == 64);  // the model's maximum
  CHECK(object.at("batch") == 1);
  CHECK(object.at("threads") == 1);
}

TEST_CASE("bench: sizes are those that inspect tells and the process must hold") {
  const json bench = SmxJson({"bench", ShippedModel(), "--repeat", "1", "--json"});
  const json inspect = SmxJson({"inspect", ShippedModel(), "--json"});
  CHECK(bench.at("weights_bytes") == inspect.at("weights_bytes"));
  CHECK(bench.at("arena_bytes") == inspect.at("arena_bytes"));
  CHECK(bench.at("arena_bytes").get<uint64_t>() > 64 * 192 * 4);  // the rows of the widest layer at the very least
  CHECK(bench.at("peak_rss_bytes").get<uint64_t>() > bench.at("arena_bytes").get<uint64_t>());
}

TEST_CASE("bench: --length, --batch and --threads are used and reported") {
  const json object =
      SmxJson({"bench", ShippedModel(), "--length", "16", "--batch", "3", "--threads", "2", "--repeat", "2", "--json"});
  CHECK(object.at("length") == 16);
  CHECK(object.at("batch") == 3);
  CHECK(object.at("threads") == 2);
  const json whole = SmxJson({"bench", ShippedModel(), "--repeat", "1", "--json"});
  const json part = SmxJson({"bench", ShippedModel(), "--repeat", "1", "--length", "16", "--json"});
  CHECK(part.at("macs").get<uint64_t>() < whole.at("macs").get<uint64_t>());  // masked: cost follows the length
}

TEST_CASE("bench: --reference and --xnnpack choose whose products run, one of them, and the report says it") {
  const auto backend_with = [](const std::vector<std::string>& flags) {
    std::vector<std::string> args = {"bench", ShippedModel(), "--length", "8", "--repeat", "1", "--json"};
    args.insert(args.end(), flags.begin(), flags.end());
    return SmxJson(args).at("backend").get<std::string>();
  };
  const std::string library = SMX_WITH_XNNPACK ? "xnnpack" : "reference";
  CHECK(backend_with({"--reference"}) == "reference");
  CHECK(backend_with({"--xnnpack"}) == library);
  const bool has_own = smx::MakeKernelTable(true).product_panels != nullptr;
  CHECK(backend_with({}) == (SMX_WITH_XNNPACK && has_own ? smx::HasAmxInt8() ? "amx" : "vnni" : library));
  CheckRefused(RunSmx({"bench", ShippedModel(), "--reference", "--xnnpack"}), 2, {"--xnnpack"});
}

TEST_CASE("bench: --mixers measures every way of every mixing, and says what the planner takes and why") {
  const json report = SmxJson({"bench", "--mixers", "--length", "64", "--repeat", "1", "--json"});
  CHECK(!report.at("isa").get<std::string>().empty());
  const std::vector<std::string> mixings = {"linear", "fourier", "hartley", "circulant", "toeplitz"};
  REQUIRE(report.at("shapes").size() == mixings.size());
  const std::string table = SmxOut({"bench", "--mixers", "--length", "64", "--repeat", "1"});
  CHECK(Holds(table, report.at("isa").get<std::string>()));
  for (size_t i = 0; i < mixings.size(); ++i) {
    CAPTURE(mixings[i]);
    const json& row = report.at("shapes").at(i);
    const bool has_choice = i > 0;
    CHECK(row.at("mixing") == mixings[i]);
    CHECK(row.at("length") == 64);
    CHECK(row.at("d_model") == 64);
    CHECK(row.at("fft_us").is_number() == (SMX_WITH_KISSFFT != 0 && has_choice));
    for (const char* key : {"product_f32_us", "product_int8_us"}) CHECK(row.at(key).get<int64_t>() > 0);
    CHECK(Holds(table, "\n" + mixings[i] + " "));
    for (const char* key : {"planner_f32", "planner_int8"}) {
      CHECK(row.at(key).is_null() == !has_choice);
      if (!has_choice) continue;
      CHECK(row.at(key).at("fft_us").get<double>() > 0);
      CHECK(row.at(key).at("product_us").get<double>() > 0);
      CHECK(Holds(table, row.at(key).at("why").get<std::string>()));
    }
  }
  CHECK(report.at("shapes").at(1).at("planner_int8").at("way") == "product");
  // On every machine; Fourier's of this size depends on its vectors.
  CHECK(report.at("shapes").at(3).at("planner_f32").at("way") == (SMX_WITH_KISSFFT ? "fft" : "product"));
}

TEST_CASE("bench: --mixers with a model, neither of them, or sizes that it has not are usage errors") {
  CheckRefused(RunSmx({"bench", ShippedModel(), "--mixers"}), 2, {"--mixers", "no model"});
  CheckRefused(RunSmx({"bench"}), 2, {"model is required"});
  CheckRefused(RunSmx({"bench", "--mixers", "--length", "63"}), 2, {"--length 63", "64..1024"});
  CheckRefused(RunSmx({"bench", "--mixers", "--length", "1025"}), 2, {"--length 1025", "64..1024"});
}

TEST_CASE("bench: --turns answers each line with so many times, and tells all in the end") {
  const std::vector<json> lines =
      smx::tests::SmxJsonLines({"bench", ShippedModel(), "--length", "16", "--turns"}, "3\n1\n");
  REQUIRE(lines.size() == 4);
  for (const char* key : {"load_us", "first_run_us"}) CHECK(lines[0].at(key).get<int64_t>() >= 0);
  CHECK(lines[1].at("latency_us").size() == 3);
  CHECK(lines[2].at("latency_us").size() == 1);
  CHECK(lines[3].at("repeat") == 4);
  CHECK(lines[3].at("length") == 16);
  std::vector<int64_t> all = lines[1].at("latency_us").get<std::vector<int64_t>>();
  all.push_back(lines[2].at("latency_us").at(0));
  CHECK(lines[3].at("latency_us").at("min") == *std::min_element(all.begin(), all.end()));
  CHECK(lines[3].at("peak_rss_bytes").get<uint64_t>() > lines[3].at("arena_bytes").get<uint64_t>());
}

TEST_CASE("bench: --turns names a line that is no count, and an input without a line") {
  const std::vector<std::string> turns = {"bench", ShippedModel(), "--turns"};
  for (const std::string wrong : {"many", "0", "", "-1", "1000001"}) {
    const smx::tests::ProcessResult result = RunSmx(turns, "1\n" + wrong + "\n");
    CHECK(result.exit_code == 3);
    CHECK(Holds(result.err, "stdin: line 2 is " + wrong + ", must be a whole number 1..1000000"));
  }
  const smx::tests::ProcessResult result = RunSmx(turns);
  CHECK(result.exit_code == 3);
  CHECK(Holds(result.err, "stdin: ended before"));
  CheckRefused(RunSmx({"bench", ShippedModel(), "--turns", "--repeat", "3"}), 2, {"--turns", "--repeat"});
  CheckRefused(RunSmx({"bench", ShippedModel(), "--turns", "--trace", "t.json"}), 2, {"--turns", "--trace"});
  CheckRefused(RunSmx({"bench", "--mixers", "--turns"}), 2, {"--turns", "--mixers"});
}

TEST_CASE("bench: multiply-adds never exceed those of a dense run") {
  for (const char* length : {"2", "16", "64"}) {
    CAPTURE(length);
    const json object = SmxJson({"bench", ShippedModel(), "--repeat", "1", "--length", length, "--json"});
    CHECK(object.at("macs").get<uint64_t>() > 0);
    CHECK(object.at("macs").get<uint64_t>() <= object.at("macs_dense").get<uint64_t>());
  }
}

TEST_CASE("bench: with reference padding a short text is padded, and the rows of pads that nobody reads are not run") {
  const TemporaryFolder folder;
  const std::string model = smx::tests::GoldenModel(folder, "sparse_mixer");
  const json whole = SmxJson({"bench", model, "--repeat", "1", "--json"});
  const json part = SmxJson({"bench", model, "--repeat", "1", "--length", "5", "--json"});
  CHECK(part.at("length") == 5);
  CHECK(part.at("macs_dense") == whole.at("macs_dense"));
  CHECK(part.at("macs").get<uint64_t>() < whole.at("macs").get<uint64_t>());
  CHECK(whole.at("macs").get<uint64_t>() < whole.at("macs_dense").get<uint64_t>());
}

TEST_CASE("bench: --trace writes a trace of events with names, starts and durations") {
  const TemporaryFolder folder;
  SmxOut({"bench", ShippedModel(), "--repeat", "2", "--trace", folder.Path("trace.json")});
  const json trace = json::parse(ReadFile(folder.Path("trace.json")));
  const json& events = trace.is_array() ? trace : trace.at("traceEvents");
  REQUIRE(events.size() >= 4);  // one per layer at least
  for (const json& event : events) {
    CHECK(!event.at("name").get<std::string>().empty());
    CHECK(event.at("ph") == "X");
    CHECK(event.at("ts").get<double>() >= 0);
    CHECK(event.at("dur").get<double>() >= 0);
    CHECK(event.at("pid").is_number());
    CHECK(event.at("tid").is_number());
  }
  CHECK(folder.List() == std::vector<std::string>{"trace.json"});
}

TEST_CASE("bench: a trace that cannot be written is exit code 5") {
  const TemporaryFolder folder;
  const std::string trace = folder.Path("no/such/folder/trace.json");
  const smx::tests::ProcessResult result = RunSmx({"bench", ShippedModel(), "--repeat", "1", "--trace", trace});
  CHECK(result.exit_code == 5);
  CHECK(Holds(result.err, trace));
}

TEST_CASE("bench: plain output names latency and arena; a model without a tokenizer will do") {
  const TemporaryFolder folder;
  const std::string out = SmxOut({"bench", smx::tests::GoldenModel(folder, "sparse_mixer"), "--repeat", "1"});
  for (const char* word : {"latency", "arena", "weights"}) {
    CAPTURE(word);
    CHECK(Holds(out, word));
  }
}

TEST_CASE("bench: usage errors are exit code 2, and help holds examples") {
  CheckRefused(RunSmx({"bench"}), 2, {"model"});
  CheckRefused(RunSmx({"bench", ShippedModel(), "--length", "0"}), 2, {"--length"});
  CheckRefused(RunSmx({"bench", ShippedModel(), "--length", "65"}), 2, {"--length", "65", "64"});
  CheckRefused(RunSmx({"bench", ShippedModel(), "--batch", "0"}), 2, {"--batch"});
  CheckRefused(RunSmx({"bench", ShippedModel(), "--repeat", "0"}), 2, {"--repeat"});
  CheckRefused(RunSmx({"bench", ShippedModel(), "--threads", "many"}), 2, {"--threads", "many"});
  const std::string help = SmxOut({"bench", "--help"});
  for (const char* word :
       {"Example", "smx bench model.smx", "--length", "--batch", "--threads", "--repeat", "--trace", "--turns"}) {
    CAPTURE(word);
    CHECK(Holds(help, word));
  }
}

TEST_CASE("bench: --weights-cache makes a file that the next start maps, and answers are the same bytes") {
  const TemporaryFolder folder;
  const std::string cache = folder.Path("weights.cache");
  const std::vector<std::string> classify = {"classify", ShippedModel(), "Where is my new card?"};
  std::vector<std::string> cached = classify;
  cached.insert(cached.end(), {"--weights-cache", cache});
  const std::string expected = SmxOut(classify);
  for (const char* start : {"first", "second"}) {
    CAPTURE(start);
    CHECK(SmxOut(cached) == expected);
    CHECK(folder.List().size() == SMX_WITH_XNNPACK);
    const json report = SmxJson({"bench", ShippedModel(), "--repeat", "1", "--json", "--weights-cache", cache});
    CHECK(report.at("mapped_bytes") == report.at("packed_bytes"));
  }
  CheckRefused(RunSmx({"bench", ShippedModel(), "--experts-budget", "1000"}), 2, {"--weights-cache"});
  CheckRefused(RunSmx({"bench", ShippedModel(), "--weights-cache", ShippedModel()}), 2, {"same file"});
}
