#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>

#include <sys/resource.h>

#include <nlohmann/json.hpp>

#include "bench_mixers.h"
#include "commands.h"
#include "engine.h"
#include "line_input.h"
#include "output_file.h"
#include "program.h"
#include "progress.h"
#include "weights_flags.h"

namespace smx::tools {
namespace {

using nlohmann::ordered_json;

struct BenchFlags {
  std::string model, trace;
  size_t length = 0;
  size_t batch = 1;
  size_t threads = 1;
  WeightsFlags weights;
  size_t repeat = 100;
  bool reference = false;
  bool xnnpack = false;
  bool mixers = false;
  bool turns = false;
  bool json = false;

  BackendChoice backend() const {
    if (reference) return BackendChoice::kReference;
    return xnnpack ? BackendChoice::kXnnpack : BackendChoice::kBest;
  }
};

constexpr long long kMaxRepeat = 1000000;

struct Measurement {
  std::vector<int64_t> latency_us;  // sorted
  int64_t load_us = 0;
  int64_t first_run_us = 0;  // Create and the first run
  Report report = {};
  size_t length = 0;
};

size_t PeakRssBytes() {
  struct rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<size_t>(usage.ru_maxrss) * 1024;
}

/// Times between observations of one run, as a trace for chrome://tracing or Perfetto.
class Trace {
 public:
  Observer observer() {
    return {[](void* self, const Observation& seen) { static_cast<Trace*>(self)->See(seen); }, this};
  }
  void Start() {
    events_ = ordered_json::array();
    start_ = last_ = NowMicroseconds();
  }
  std::vector<uint8_t> Serialize() const {
    const std::string text = ordered_json({{"traceEvents", events_}, {"displayTimeUnit", "ms"}}).dump(1) + "\n";
    return {text.begin(), text.end()};
  }

 private:
  void See(const Observation& seen) {
    const int64_t now = NowMicroseconds();
    const std::string layer = seen.layer < 0 ? "" : "layer " + std::to_string(seen.layer) + " ";
    events_.push_back({{"name", layer + seen.name},
                       {"ph", "X"},
                       {"ts", last_ - start_},
                       {"dur", now - last_},
                       {"pid", 1},
                       {"tid", 1}});
    last_ = NowMicroseconds();
  }

  ordered_json events_;
  int64_t start_ = 0;
  int64_t last_ = 0;
};

void PrintLine(const ordered_json& object) {
  std::printf("%s\n", object.dump().c_str());
  std::fflush(stdout);
}

/// Microseconds of each of `count` runs.
std::vector<int64_t> TimeRuns(size_t count, const std::function<void()>& run) {
  std::vector<int64_t> latency_us;
  ProgressBar progress("bench");
  for (size_t i = 0; i < count; ++i) {
    const int64_t begin = NowMicroseconds();
    run();
    latency_us.push_back(NowMicroseconds() - begin);
    progress.Update(i + 1, count);
  }
  return latency_us;
}

/// Lets others have their turns in between: each line of stdin asks for so many runs, after one that is not measured,
/// and is answered by a line. All times in the end.
std::vector<int64_t> TakeTurns(const std::function<void()>& run) {
  std::vector<int64_t> all;
  LineInput input("-");
  std::string line;
  for (size_t number = 1; input.Next(&line); ++number) {
    const std::string problem = CountFlag(1, kMaxRepeat)(line);
    if (!problem.empty()) throw Error(ExitCode::kBadInput, "stdin: line " + std::to_string(number) + " " + problem);
    run();
    const std::vector<int64_t> latency_us = TimeRuns(std::stoul(line), run);
    PrintLine({{"latency_us", latency_us}});
    all.insert(all.end(), latency_us.begin(), latency_us.end());
  }
  if (all.empty()) throw Error(ExitCode::kBadInput, "stdin: ended before a line with a number of runs");
  return all;
}

/// One measured run is `batch` texts: at once where the model routes over batches, else one after the other.
Measurement Measure(const BenchFlags& flags) {
  Measurement m;
  const int64_t start = NowMicroseconds();
  const Model model = flags.weights.Load(flags.model);
  m.load_us = NowMicroseconds() - start;
  m.length = LengthOf(flags.length, model.info());

  Trace trace;
  Options options;
  options.num_threads = flags.threads;
  options.backend = flags.backend();
  const bool at_once = model.info().batch_routing_group;
  if (at_once) options.batch_size = flags.batch;
  if (!flags.trace.empty()) options.observer = trace.observer();
  const int64_t create = NowMicroseconds();
  WithArena<Encoder> encoder(model, options, flags.model);
  const std::vector<int32_t> text = MadeUpText(model.info(), m.length);
  std::vector<int32_t> ids;
  for (size_t i = 0; i < options.batch_size; ++i) ids.insert(ids.end(), text.begin(), text.end());
  RunOutput wanted(model.info(), m.length, options.batch_size);
  const auto run_once = [&] {
    for (size_t i = 0; i < (at_once ? 1 : flags.batch); ++i) {
      trace.Start();
      encoder.Check(encoder->Run({ids.data(), ids.size()}, {}, wanted.output()));
    }
  };
  run_once();
  m.first_run_us = NowMicroseconds() - create;
  if (flags.turns) PrintLine({{"load_us", m.load_us}, {"first_run_us", m.first_run_us}});
  m.latency_us = flags.turns ? TakeTurns(run_once) : TimeRuns(flags.repeat, run_once);
  std::sort(m.latency_us.begin(), m.latency_us.end());
  m.report = encoder->report();
  if (!at_once) {
    m.report.macs *= flags.batch;
    m.report.macs_dense *= flags.batch;
  }
  if (!flags.trace.empty()) WriteWhole(flags.trace, trace.Serialize());
  return m;
}

ordered_json ToJson(const BenchFlags& flags, const Measurement& m, const Model& model) {
  const size_t count = m.latency_us.size();
  return {{"latency_us",
           {{"min", m.latency_us[0]}, {"median", m.latency_us[count / 2]}, {"p95", m.latency_us[count * 95 / 100]}}},
          {"load_us", m.load_us},
          {"first_run_us", m.first_run_us},
          {"arena_bytes", m.report.arena_bytes},
          {"weights_bytes", model.weights_bytes()},
          {"packed_bytes", m.report.packed_bytes},
          {"mapped_bytes", m.report.mapped_bytes},
          {"peak_rss_bytes", PeakRssBytes()},
          {"macs", m.report.macs},
          {"macs_dense", m.report.macs_dense},
          {"backend", m.report.backend},
          {"isa", IsaName()},
          {"model", flags.model},
          {"length", m.length},
          {"batch", flags.batch},
          {"threads", flags.threads},
          {"repeat", count}};
}

void PrintReport(const ordered_json& r) {
  const auto bytes = [&](const char* key) { return BytesText(r[key].get<unsigned long long>()); };
  const auto us = [&](const char* key) { return r["latency_us"][key].get<long long>(); };
  std::printf("latency   %lld us median, %lld min, %lld 95th percentile\n", us("median"), us("min"), us("p95"));
  std::printf("          of %zu x %zu tokens, %zu thread(s), %s, %s\n", r["batch"].get<size_t>(),
              r["length"].get<size_t>(), r["threads"].get<size_t>(), r["backend"].get<std::string>().c_str(),
              r["isa"].get<std::string>().c_str());
  std::printf("start     load %lld us, create and first run %lld us\n", r["load_us"].get<long long>(),
              r["first_run_us"].get<long long>());
  std::printf(
      "memory    arena %s, weights %s, packed %s (%s of it mapped from the weights cache), peak of the process %s\n",
      bytes("arena_bytes").c_str(), bytes("weights_bytes").c_str(), bytes("packed_bytes").c_str(),
      bytes("mapped_bytes").c_str(), bytes("peak_rss_bytes").c_str());
  std::printf("work      %.2f million multiply-adds of %.2f a dense run would do\n", r["macs"].get<double>() / 1e6,
              r["macs_dense"].get<double>() / 1e6);
}

void BenchModel(const BenchFlags& flags) {
  const Measurement measurement = Measure(flags);
  const ordered_json report = ToJson(flags, measurement, LoadModel(flags.model, {VerifyWeights::kNever, {}}));
  if (flags.json || flags.turns) {
    PrintLine(report);
  } else {
    PrintReport(report);
  }
}

void BenchMixers(const BenchFlags& flags) {
  const ordered_json report = MeasureMixers(flags.length, flags.repeat);
  if (flags.json) {
    PrintLine(report);
  } else {
    PrintMixers(report);
  }
}

}  // namespace

void AddBench(CLI::App* app) {
  const auto flags = std::make_shared<BenchFlags>();
  CLI::App* command = app->add_subcommand("bench", "Measure latency and memory on made-up tokens");
  command->add_option("model", flags->model, "Model file, .smx; not with --mixers");
  CLI::Option* mixers =
      command->add_flag("--mixers", flags->mixers,
                        "Measure every mixing by FFT and by products on [L, d] from 64 to 1024, or to --length");
  command->add_option("--length", flags->length, "Tokens per text, pads not counted; the model's maximum unless given")
      ->check(CountFlag(1, 65536));
  command->add_option("--batch", flags->batch, "Texts per measured run")
      ->check(CountFlag(1, 65536))
      ->capture_default_str();
  command->add_option("--threads", flags->threads)->check(CountFlag(1, 64))->capture_default_str();
  flags->weights.AddFlags(command);
  CLI::Option* repeat = command->add_option("--repeat", flags->repeat, "Measured runs, after one that is not")
                            ->check(CountFlag(1, kMaxRepeat))
                            ->capture_default_str();
  CLI::Option* trace =
      command->add_option("--trace", flags->trace, "Write the times inside of the last run, for chrome://tracing");
  command
      ->add_flag("--turns", flags->turns,
                 "Measure when asked: each line of stdin is a number of runs, answered by a line of JSON with their "
                 "times; the report when stdin ends")
      ->excludes(mixers)
      ->excludes(repeat)
      ->excludes(trace);
  command->add_flag("--reference", flags->reference, "Measure the reference kernels");
  command->add_flag("--xnnpack", flags->xnnpack, "Measure XNNPACK's products where there are faster ones, to compare")
      ->excludes("--reference");
  command->add_flag("--json", flags->json, "One JSON object");
  command->footer(
      "Examples:\n"
      "  smx bench model.smx --length 16\n"
      "  smx bench model.smx --threads 2 --json\n"
      "  smx bench model.smx --trace trace.json\n"
      "  smx bench model.smx --weights-cache model.cache --experts-budget 20000000\n"
      "  yes 3 | head -n 20 | smx bench model.smx --turns\n"
      "  smx bench --mixers");
  command->callback([flags] {
    if (flags->mixers != flags->model.empty()) {
      throw Error(ExitCode::kUsage, "bench: a model is required, or --mixers and no model");
    }
    if (flags->mixers && flags->length != 0 && (flags->length < 64 || flags->length > 1024)) {
      throw Error(ExitCode::kUsage,
                  "--length " + std::to_string(flags->length) + ": with --mixers 64..1024, the largest L and d");
    }
    return flags->mixers ? BenchMixers(*flags) : BenchModel(*flags);
  });
}

}  // namespace smx::tools
