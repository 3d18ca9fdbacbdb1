#include <cstdio>
#include <memory>

#include <nlohmann/json.hpp>

#include "commands.h"
#include "engine.h"
#include "inspect_report.h"
#include "output_file.h"
#include "program.h"
#include "utf8.h"

namespace smx::tools {
namespace {

using nlohmann::ordered_json;

struct InspectFlags {
  std::string model, html;
  bool plan = false;
  bool tensors = false;
  bool verify = false;
  bool json = false;
};

void PrintRow(const char* name, const std::string& value) {
  if (!value.empty()) std::printf("%-15s %s\n", name, Printable(value).c_str());
}

void PrintSummary(const ordered_json& r) {
  const auto text = [](const ordered_json& value) {
    return value.is_string() ? value.get<std::string>() : value.dump();
  };
  for (const auto& [key, value] : r["card"].items()) PrintRow(key.c_str(), text(value));
  PrintRow("file", BytesText(r["file_bytes"].get<unsigned long long>()) + ", weights " +
                       BytesText(r["weights_bytes"].get<unsigned long long>()) + " in " + text(r["weight_type"]));
  for (const char* key : {"task", "num_classes", "padding", "routing_group", "vocab_size", "max_seq_len", "d_emb",
                          "d_model", "d_ff", "num_heads"}) {
    PrintRow(key, text(r[key]));
  }
  for (const auto& [key, value] : r["experts"].items()) PrintRow(key.c_str(), text(value));
  size_t number = 0;
  for (const auto& layer : r["layers"]) {
    PrintRow(("layer " + std::to_string(number++)).c_str(), text(layer["mixing"]) + ", " + text(layer["feed_forward"]));
  }
  PrintRow("tokenizer", r["tokenizer"].get<bool>() ? "wordpiece" : "none");
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

void PrintPlan(const ordered_json& plan) {
  std::printf("\n%-22s %5s %12s %12s %11s\n", "buffer of the arena", "layer", "offset", "bytes", "steps");
  for (const auto& buffer : plan) {
    const long long layer = buffer["layer"].get<long long>();
    std::printf("%-22s %5s %12llu %12llu %5llu-%llu\n", buffer["name"].get<std::string>().c_str(),
                layer < 0 ? "" : std::to_string(layer).c_str(), buffer["offset_bytes"].get<unsigned long long>(),
                buffer["bytes"].get<unsigned long long>(), buffer["first_step"].get<unsigned long long>(),
                buffer["last_step"].get<unsigned long long>());
  }
}

}  // namespace

void AddInspect(CLI::App* app) {
  const auto flags = std::make_shared<InspectFlags>();
  CLI::App* command = app->add_subcommand("inspect", "Show what a model file holds and how it will run");
  command->add_option("model", flags->model, "Model file, .smx")->required();
  command->add_flag("--plan", flags->plan, "Show the buffers of the arena, where they lie and how long they live");
  command->add_flag("--tensors", flags->tensors, "List the parameters");
  command->add_option("--html", flags->html, "Write a report with pictures, one file that needs no network");
  command->add_flag("--verify", flags->verify, "Check the SHA-256 of all weights, however large (else up to 64 MB)");
  command->add_flag("--json", flags->json, "One JSON object");
  command->footer(
      "Examples:\n"
      "  smx inspect model.smx --plan\n"
      "  smx inspect model.smx --html report.html --verify");
  command->callback([flags] {
    if (!flags->html.empty()) CheckNotSameFile(flags->html, flags->model);
    const Model model = LoadModel(flags->model, flags->verify ? VerifyWeights::kAlways : VerifyWeights::kAuto);
    const ordered_json report = InspectionOf(model, flags->model, flags->verify);
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
      if (flags->plan) PrintPlan(report["plan"]);
    }
  });
}

}  // namespace smx::tools
