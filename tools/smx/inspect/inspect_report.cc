#include "inspect/inspect_report.h"

#include "engine.h"
#include "smx/encoder.h"
#include "utf8.h"

namespace smx::tools {
namespace {

using nlohmann::ordered_json;

ordered_json CardOf(const Model& model) {
  const ModelCard card = model.card();
  return {{"name", ReplaceInvalidUtf8(card.name)},
          {"licence", ReplaceInvalidUtf8(card.licence)},
          {"language", ReplaceInvalidUtf8(card.language)},
          {"training_data", ReplaceInvalidUtf8(card.training_data)},
          {"accuracy", ReplaceInvalidUtf8(card.accuracy)},
          {"description", ReplaceInvalidUtf8(card.description)},
          {"tool_version", ReplaceInvalidUtf8(card.tool_version)},
          {"source_sha256", card.source_sha256}};
}

void AddConfig(const Model& model, ordered_json* report) {
  const ModelInfo& info = model.info();
  ordered_json& r = *report;
  r["weight_type"] = info.weight_type;
  r["task"] = TaskName(info.task);
  r["num_classes"] = info.num_classes;
  r["temperature"] = info.temperature;
  r["padding"] = info.masked_padding ? "masked" : "reference";
  r["routing_group"] = info.batch_routing_group ? "batch" : "sequence";
  r["vocab_size"] = info.vocab_size;
  r["type_vocab_size"] = info.type_vocab_size;
  r["max_seq_len"] = info.max_seq_len;
  r["d_emb"] = info.d_emb;
  r["d_model"] = info.d_model;
  r["d_ff"] = info.d_ff;
  r["num_heads"] = info.num_heads;
  r["activation"] = info.activation;
  r["layer_norm_epsilon"] = info.layer_norm_epsilon;
  r["pooler"] = info.has_pooler;
  r["experts"] = ordered_json::object();
  if (info.num_experts != 0) {
    r["experts"] = {{"num_experts", info.num_experts},
                    {"expert_d_ff", info.expert_d_ff},
                    {"capacity_factor", info.capacity_factor},
                    {"min_expert_capacity", info.min_expert_capacity},
                    {"routing", info.routing},
                    {"router_type", info.router_type}};
    if (info.num_selected_experts != 0) {
      r["experts"]["num_selected_experts"] = info.num_selected_experts;
      r["experts"]["batch_prioritized_routing"] = info.batch_prioritized_routing;
    }
    if (info.batch_routing_group) {
      r["experts"]["max_group_size"] = info.max_group_size;
      r["experts"]["reference_group_order"] = info.reference_group_order;
    }
  }
  r["layers"] = ordered_json::array();
  for (size_t i = 0; i < info.num_layers; ++i) {
    r["layers"].push_back({{"mixing", model.layer(i).mixing}, {"feed_forward", model.layer(i).feed_forward}});
  }
  r["tokenizer"] = info.has_tokenizer;
  if (info.has_tokenizer) r["tokenizer_kind"] = info.tokenizer_kind;
  r["labels"] = ordered_json::array();
  for (size_t i = 0; i < info.num_classes; ++i) r["labels"].push_back(ReplaceInvalidUtf8(model.label(i)));
}

bool IsInputScale(std::string_view name) {
  constexpr std::string_view kEnd = "/input_scale";
  return name.size() >= kEnd.size() && name.substr(name.size() - kEnd.size()) == kEnd;
}

void AddTensors(const Model& model, ordered_json* report) {
  ordered_json tensors = ordered_json::array();
  size_t num_input_scales = 0;
  for (size_t i = 0; i < model.num_tensors(); ++i) {
    const TensorInfo tensor = model.tensor(i);
    num_input_scales += IsInputScale(tensor.name) ? 1 : 0;
    tensors.push_back({{"name", ReplaceInvalidUtf8(tensor.name)},
                       {"type", tensor.type},
                       {"shape", std::vector<uint32_t>(tensor.shape.begin(), tensor.shape.end())},
                       {"bytes", tensor.bytes}});
  }
  (*report)["input_scales"] = num_input_scales;
  (*report)["tensors"] = std::move(tensors);
}

/// Runs one text of `length` tokens to see what is computed.
void RunOnce(const Model& model, size_t length, WithArena<Encoder>* encoder) {
  const std::vector<int32_t> ids = MadeUpText(model.info(), length);
  RunOutput wanted(model.info(), length);
  encoder->Check((*encoder)->Run({ids.data(), ids.size()}, {}, wanted.output()));
}

ordered_json StepsOf(const Encoder& encoder) {
  ordered_json steps = ordered_json::array();
  for (const Step& step : encoder.steps()) {
    const StageChoice& choice = step.choice;
    steps.push_back({{"name", step.name},
                     {"layer", step.layer},
                     {"first_step", step.first_step},
                     {"last_step", step.last_step},
                     {"rows", step.rows},
                     {"rows_present", step.rows_present},
                     {"macs", step.macs},
                     {"macs_dense", step.macs_dense}});
    if (choice.way == nullptr) continue;
    steps.back()["choice"] = {
        {"way", choice.way}, {"why", choice.why}, {"fft_us", choice.fft_us}, {"product_us", choice.product_us}};
  }
  return steps;
}

void AddPlan(const Model& model, const std::string& path, size_t run_length, ordered_json* report) {
  WithArena<Encoder> encoder(model, {}, path);
  if (run_length != 0) {
    RunOnce(model, run_length, &encoder);
    (*report)["length"] = run_length;
    (*report)["macs"] = encoder->report().macs;
    (*report)["macs_dense"] = encoder->report().macs_dense;
    (*report)["steps"] = StepsOf(*encoder);
  }
  (*report)["arena_bytes"] = encoder.arena_bytes();
  (*report)["arena_lower_bound_bytes"] = encoder->report().arena_lower_bound_bytes;
  (*report)["packed_bytes"] = encoder->report().packed_bytes;
  (*report)["backend"] = encoder->report().backend;
  (*report)["isa"] = IsaName();
  ordered_json plan = ordered_json::array();
  for (const PlannedBuffer& buffer : encoder->plan()) {
    plan.push_back({{"name", buffer.name},
                    {"layer", buffer.layer},
                    {"offset_bytes", buffer.offset_bytes},
                    {"bytes", buffer.bytes},
                    {"first_step", buffer.first_step},
                    {"last_step", buffer.last_step}});
  }
  (*report)["plan"] = std::move(plan);
}

}  // namespace

ordered_json InspectionOf(const Model& model, const std::string& path, const InspectOptions& options) {
  constexpr uint64_t kAutoVerifyBytes = uint64_t{64} << 20;
  const bool verified = options.verified_all || model.file_bytes() <= kAutoVerifyBytes;
  ordered_json report = {{"model", path}, {"card", CardOf(model)}};
  report["file_bytes"] = model.file_bytes();
  report["weights_bytes"] = model.weights_bytes();
  report["verified"] = verified ? "metadata and all weights, by SHA-256" : "metadata; the weights with --verify";
  AddConfig(model, &report);
  AddPlan(model, path, options.run_length, &report);
  AddTensors(model, &report);
  return report;
}

}  // namespace smx::tools
