#include <cstdio>
#include <memory>

#include <nlohmann/json.hpp>

#include "commands.h"
#include "engine.h"
#include "inspect/inspect_report.h"
#include "output_file.h"
#include "program.h"
#include "utf8.h"

namespace smx::tools {
namespace {

using nlohmann::ordered_json;

struct InspectFlags {
  std::string model, html;
  size_t length = 0;
  bool plan = false;
  bool tensors = false;
  bool verify = false;
  bool json = false;
};

void PrintRow(const char* name, const std::string& value) {
  if (!value.empty()) std::printf("%-25s %s\n", name, Printable(value).c_str());
}

/// The first names, as many as fit on a line.
std::string LabelsText(const ordered_json& labels) {
  constexpr size_t kMaxBytes = 80;
  std::string text;
  size_t count = 0;
  for (; count < labels.size() && text.size() < kMaxBytes; ++count) {
    text += (count == 0 ? "" : ", ") + labels[count].get<std::string>();
  }
  const size_t left = labels.size() - count;
  return left == 0 ? text : text + ", " + std::to_string(left) + " more";
}

void PrintSummary(const ordered_json& r) {
  const auto text = [](const ordered_json& value) {
    return value.is_string() ? value.get<std::string>() : value.dump();
  };
  for (const auto& [key, value] : r["card"].items()) PrintRow(key.c_str(), text(value));
  PrintRow("file", BytesText(r["file_bytes"].get<unsigned long long>()) + ", weights " +
                       BytesText(r["weights_bytes"].get<unsigned long long>()) + " in " + text(r["weight_type"]) +
                       (r["input_scales"] == 0 ? "" : ", calibrated"));
  for (const char* key : {"task", "num_classes", "temperature", "padding", "routing_group", "vocab_size", "max_seq_len",
                          "d_emb", "d_model", "d_ff", "num_heads", "activation", "layer_norm_epsilon", "pooler"}) {
    PrintRow(key, text(r[key]));
  }
  PrintRow("labels", LabelsText(r["labels"]));
  for (const auto& [key, value] : r["experts"].items()) PrintRow(key.c_str(), text(value));
  size_t number = 0;
  for (const auto& layer : r["layers"]) {
    PrintRow(("layer " + std::to_string(number++)).c_str(), text(layer["mixing"]) + ", " + text(layer["feed_forward"]));
  }
  PrintRow("tokenizer", r.value("tokenizer_kind", "none"));
  PrintRow("arena", BytesText(r["arena_bytes"].get<unsigned long long>()));
  PrintRow("isa", text(r["isa"]) + ", products by " + text(r["backend"]));
  PrintRow("verified", text(r["verified"]));
}

void PrintTensors(const ordered_json& tensors) {
  std::printf("\n%-58s %-5s %-16s %12s\n", "tensor", "type", "shape", "bytes");
  for (const auto& tensor : tensors) {
    std::printf("%-58s %-5s %-16s %12llu\n", Printable(tensor["name"].get<std::string>()).c_str(),
                tensor["type"].get<std::string>().c_str(), tensor["shape"].dump().c_str(),
                tensor["bytes"].get<unsigned long long>());
  }
}

std::string LayerText(const ordered_json& object) {
  const long long layer = object["layer"].get<long long>();
  return layer < 0 ? "" : std::to_string(layer);
}

/// Why a stage is computed by the way that it is.
void PrintChoice(const ordered_json& choice) {
  std::printf("  by %s: %s; estimated for the longest text: FFT %.0f us, product %.0f us\n",
              choice["way"].get<std::string>().c_str(), choice["why"].get<std::string>().c_str(),
              choice["fft_us"].get<double>(), choice["product_us"].get<double>());
}

/// The stages of a run, each with the buffers that begin to live in it.
void PrintPlan(const ordered_json& r) {
  const auto number = [](const ordered_json& value) { return value.get<unsigned long long>(); };
  std::printf("\na text of %llu tokens: %.2f million multiply-adds, %.2f with every row; arena %s, at least %s\n\n",
              number(r["length"]), r["macs"].get<double>() / 1e6, r["macs_dense"].get<double>() / 1e6,
              BytesText(number(r["arena_bytes"])).c_str(), BytesText(number(r["arena_lower_bound_bytes"])).c_str());
  std::printf("%-22s %5s %15s %21s %12s %10s %9s\n", "stage, its new buffers", "layer", "rows computed",
              "million multiply-adds", "offset", "bytes", "steps");
  for (const auto& step : r["steps"]) {
    std::printf("%-22s %5s %6llu of %5llu %10.3f of %7.3f %12s %10s %4llu-%llu\n",
                step["name"].get<std::string>().c_str(), LayerText(step).c_str(), number(step["rows"]),
                number(step["rows_present"]), step["macs"].get<double>() / 1e6, step["macs_dense"].get<double>() / 1e6,
                "", "", number(step["first_step"]), number(step["last_step"]));
    if (step.contains("choice")) PrintChoice(step["choice"]);
    for (const auto& buffer : r["plan"]) {
      const auto first = number(buffer["first_step"]);
      if (first < number(step["first_step"]) || first > number(step["last_step"])) continue;
      std::printf("  %-64s %12llu %10llu %4llu-%llu\n", buffer["name"].get<std::string>().c_str(),
                  number(buffer["offset_bytes"]), number(buffer["bytes"]), first, number(buffer["last_step"]));
    }
  }
}

}  // namespace

void AddInspect(CLI::App* app) {
  const auto flags = std::make_shared<InspectFlags>();
  CLI::App* command = app->add_subcommand("inspect", "Show what a model file holds and how it will run");
  command->add_option("model", flags->model, "Model file, .smx")->required();
  command->add_flag("--plan", flags->plan,
                    "Run a made-up text: rows computed, multiply-adds, where buffers lie and when");
  command->add_option("--length", flags->length, "Tokens of that text; the model's maximum unless given")
      ->check(CountFlag(1, 65536));
  command->add_flag("--tensors", flags->tensors, "List the parameters");
  command->add_option("--html", flags->html, "Write a report with pictures, one file that needs no network");
  command->add_flag("--verify", flags->verify, "Check the SHA-256 of all weights, however large (else up to 64 MB)");
  command->add_flag("--json", flags->json, "One JSON object");
  command->footer(
      "Examples:\n"
      "  smx inspect model.smx --plan --length 40\n"
      "  smx inspect model.smx --html report.html --verify");
  command->callback([flags] {
    if (!flags->html.empty()) CheckNotSameFile(flags->html, flags->model);
    const Model model = LoadModel(flags->model, {flags->verify ? VerifyWeights::kAlways : VerifyWeights::kAuto, {}});
    const bool runs = flags->plan || !flags->html.empty();
    if (flags->length != 0 && !runs) throw Error(ExitCode::kUsage, "--length is for --plan and --html");
    const size_t run_length = runs ? LengthOf(flags->length, model.info()) : 0;
    const ordered_json report = InspectionOf(model, flags->model, {run_length, flags->verify});
    if (!flags->html.empty()) {
      const std::string html = InspectionHtml(report);
      WriteWhole(flags->html, {html.begin(), html.end()});
      if (flags->html != "-") std::fprintf(stderr, "wrote %s; open it in a browser\n", flags->html.c_str());
    }
    if (flags->json) {
      std::printf("%s\n", report.dump().c_str());
    } else if (flags->html != "-") {
      PrintSummary(report);
      if (flags->tensors) PrintTensors(report["tensors"]);
      if (flags->plan) PrintPlan(report);
    }
  });
}

}  // namespace smx::tools
