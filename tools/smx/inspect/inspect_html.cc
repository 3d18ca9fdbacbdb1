#include <algorithm>
#include <cstdio>
#include <map>

#include "inspect/inspect_report.h"
#include "program.h"

namespace smx::tools {
namespace {

using nlohmann::ordered_json;

constexpr const char* kColours[] = {"#4c78a8", "#f58518", "#54a24b", "#b279a2", "#e45756",
                                    "#72b7b2", "#9d755d", "#eeca3b", "#ff9da6", "#79706e"};

std::string Escape(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string TextOf(const ordered_json& value) {
  return Escape(value.is_string() ? value.get<std::string>() : value.dump());
}

template <typename... Values>
std::string Format(const char* format, Values... values) {
  char text[512];
  std::snprintf(text, sizeof(text), format, values...);
  return text;
}

std::string Table(const ordered_json& object, std::initializer_list<const char*> keys) {
  std::string html = "<table>";
  for (const char* key : keys) {
    if (!object.contains(key) || TextOf(object[key]).empty()) continue;
    html += "<tr><th>" + std::string(key) + "</th><td>" + TextOf(object[key]) + "</td></tr>";
  }
  return html + "</table>";
}

/// The layers from the text up, as the paper draws them.
std::string LayersPicture(const ordered_json& layers) {
  std::string html = "<div class=stack><div class=box>pooler, head</div>";
  for (size_t i = layers.size(); i-- > 0;) {
    const std::string mixing = TextOf(layers[i]["mixing"]);
    const std::string feed_forward = TextOf(layers[i]["feed_forward"]);
    html += "<div class='box " + feed_forward + "'>" + std::to_string(i) + " feed-forward: " + feed_forward + "</div>" +
            "<div class='box " + mixing + "'>" + std::to_string(i) + " mixing: " + mixing + "</div>";
  }
  return html + "<div class=box>embedding</div></div>";
}

/// "encoder/expert_2/0/output/kernel" belongs to "expert_2".
std::string PartOf(const std::string& tensor) {
  const size_t begin = tensor.rfind("encoder/", 0) == 0 ? 8 : 0;
  return tensor.substr(begin, tensor.find('/', begin) - begin);
}

std::string SizesPicture(const ordered_json& tensors) {
  std::map<std::string, unsigned long long> parts;
  unsigned long long largest = 1;
  for (const auto& tensor : tensors) {
    unsigned long long& sum = parts[PartOf(tensor["name"].get<std::string>())];
    sum += tensor["bytes"].get<unsigned long long>();
    largest = std::max(largest, sum);
  }
  std::string html = "<table class=bars>";
  for (const auto& [part, bytes] : parts) {
    html += "<tr><th>" + Escape(part) + "</th><td><div class=bar style='width:" +
            Format("%.1f", 400.0 * static_cast<double>(bytes) / static_cast<double>(largest)) + "px'></div> " +
            BytesText(bytes) + "</td></tr>";
  }
  return html + "</table>";
}

/// Steps of a run to the right, bytes of the arena downwards; a buffer is a box.
std::string ArenaPicture(const ordered_json& plan, double arena_bytes) {
  unsigned long long last_step = 1;
  for (const auto& buffer : plan) last_step = std::max(last_step, buffer["last_step"].get<unsigned long long>());
  const double width = 960.0 / static_cast<double>(last_step + 1);
  const double height = 420.0 / arena_bytes;
  std::string svg = "<svg viewBox='0 0 960 420' role=img aria-label='arena over the steps of a run'>";
  std::map<std::string, size_t> colours;
  for (const auto& buffer : plan) {
    const std::string name = buffer["name"].get<std::string>();
    const size_t colour = colours.emplace(name, colours.size()).first->second % std::size(kColours);
    const double first = buffer["first_step"].get<double>();
    const double steps = buffer["last_step"].get<double>() - first + 1;
    const std::string title = name + (buffer["layer"].get<int>() < 0 ? "" : " of layer " + buffer["layer"].dump()) +
                              ": " + BytesText(buffer["bytes"].get<unsigned long long>()) + " at " +
                              buffer["offset_bytes"].dump();
    svg += Format("<rect x='%.2f' y='%.2f' width='%.2f' height='%.2f' fill='%s'>", first * width,
                  buffer["offset_bytes"].get<double>() * height, steps * width,
                  std::max(buffer["bytes"].get<double>() * height, 0.5), kColours[colour]) +
           "<title>" + Escape(title) + "</title></rect>";
  }
  svg += "</svg><p class=legend>";
  for (const auto& [name, colour] : colours) {
    svg += Format("<span><i style='background:%s'></i>", kColours[colour % std::size(kColours)]) + Escape(name) +
           "</span> ";
  }
  return svg + "</p>";
}

/// A stage, with the way by which it is computed where there was a choice.
std::string NameOf(const ordered_json& step) {
  std::string name = TextOf(step["name"]);
  if (!step.contains("choice")) return name;
  return name + " by " + TextOf(step["choice"]["way"]) + ": " + TextOf(step["choice"]["why"]);
}

std::string StepTable(const ordered_json& steps) {
  std::string html =
      "<table class=tensors><tr><th>stage</th><th>layer</th><th>rows computed</th><th>of</th>"
      "<th>multiply-adds</th><th>with every row</th><th>steps</th></tr>";
  for (const auto& step : steps) {
    html += "<tr><td>" + NameOf(step) + "</td><td>" + (step["layer"] == -1 ? "" : TextOf(step["layer"])) + "</td>";
    for (const char* key : {"rows", "rows_present", "macs", "macs_dense"}) {
      html += "<td class=number>" + TextOf(step[key]) + "</td>";
    }
    html += "<td>" + TextOf(step["first_step"]) + "-" + TextOf(step["last_step"]) + "</td></tr>";
  }
  return html + "</table>";
}

std::string TensorTable(const ordered_json& tensors) {
  std::string html = "<table class=tensors><tr><th>name</th><th>type</th><th>shape</th><th>bytes</th></tr>";
  for (const auto& tensor : tensors) {
    html += "<tr><td>" + TextOf(tensor["name"]) + "</td><td>" + TextOf(tensor["type"]) + "</td><td>" +
            TextOf(tensor["shape"]) + "</td><td class=number>" + TextOf(tensor["bytes"]) + "</td></tr>";
  }
  return html + "</table>";
}

constexpr const char* kStyle = R"(
body { font: 15px/1.5 system-ui, sans-serif; max-width: 980px; margin: 2em auto; padding: 0 1em; color: #222; }
h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin-top: 2em; border-bottom: 1px solid #ddd; }
th { text-align: left; font-weight: 500; color: #666; padding-right: 1.5em; vertical-align: top; white-space: nowrap; }
.columns { display: flex; gap: 2em; align-items: flex-start; }
.stack { width: 260px; } .box { border: 1px solid #bbb; padding: 2px 10px; margin: 2px 0; border-radius: 3px; }
.attention { background: #f9dfc6; } .linear, .circulant, .toeplitz { background: #d6e4f2; }
.fourier, .hartley { background: #e4dcf0; } .experts { background: #d9ecd3; }
.bar { display: inline-block; height: 11px; background: #4c78a8; } .bars td { white-space: nowrap; }
svg { width: 100%; border: 1px solid #ccc; background: #fafafa; } rect { stroke: #fff; stroke-width: .5; }
.legend span { margin-right: 1.2em; white-space: nowrap; }
.legend i { display: inline-block; width: 11px; height: 11px; margin-right: 5px; }
.tensors { font-size: 13px; border-collapse: collapse; } .tensors td, .tensors th { padding: 1px 14px 1px 0; }
.number { text-align: right; }
)";

}  // namespace

std::string InspectionHtml(const ordered_json& report) {
  const ordered_json& card = report["card"];
  const std::string title = TextOf(card["name"]).empty() ? TextOf(report["model"]) : TextOf(card["name"]);
  std::string html = "<!doctype html><html lang=en><meta charset=utf-8><title>" + title + "</title><style>";
  html += kStyle;
  html += "</style><h1>" + title + "</h1>";
  html +=
      Table(card, {"description", "licence", "language", "training_data", "accuracy", "tool_version", "source_sha256"});
  html += "<h2>Model</h2><div class=columns>";
  html += Table(report,
                {"model", "weight_type", "task", "num_classes", "temperature", "padding", "routing_group", "vocab_size",
                 "max_seq_len", "d_emb", "d_model", "d_ff", "num_heads", "isa", "backend", "verified"});
  html += Table(report["experts"], {"num_experts", "expert_d_ff", "capacity_factor", "min_expert_capacity", "routing",
                                    "num_selected_experts", "batch_prioritized_routing", "router_type",
                                    "max_group_size", "reference_group_order"});
  html += LayersPicture(report["layers"]) + "</div>";
  html += "<h2>Parameters: " + BytesText(report["weights_bytes"].get<unsigned long long>()) + " of " +
          BytesText(report["file_bytes"].get<unsigned long long>()) + " in the file</h2>";
  html += SizesPicture(report["tensors"]);
  html += "<h2>A text of " + TextOf(report["length"]) + " tokens</h2>" + StepTable(report["steps"]);
  html += "<h2>Arena: " + BytesText(report["arena_bytes"].get<unsigned long long>()) +
          "</h2><p>Steps of a run to the right, bytes downwards; point at a box for its name.</p>";
  html += ArenaPicture(report["plan"], report["arena_bytes"].get<double>());
  html += "<h2>Tensors</h2>" + TensorTable(report["tensors"]);
  return html + "</html>\n";
}

}  // namespace smx::tools
