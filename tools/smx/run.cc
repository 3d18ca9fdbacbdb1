#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>

#include <nlohmann/json.hpp>

#include "commands.h"
#include "engine.h"
#include "output_file.h"
#include "program.h"
#include "progress.h"
#include "safetensors.h"
#include "weights_flags.h"

namespace smx::tools {
namespace {

struct RunFlags {
  std::string model, input, output;
  bool layers = false;
  bool reference = false;
  bool json = false;
  size_t threads = 1;
  WeightsFlags weights;
};

/// [batch, length] token and type ids, row-major.
struct Ids {
  size_t batch, length;
  std::vector<int32_t> token_ids, type_ids;
};

Ids ReadIds(const std::string& path) {
  const ArrayMap arrays = ReadSafetensors(path);
  const auto find = [&](const char* name) {
    const auto found = arrays.find(name);
    return found == arrays.end() ? nullptr : &found->second;
  };
  const Array* token_ids = find("input_ids");
  if (token_ids == nullptr) throw Error(ExitCode::kBadInput, path + ": array input_ids is missing");
  const std::vector<size_t>& shape = token_ids->shape;
  if (shape.size() != 2 || shape[0] == 0 || shape[1] == 0) {
    throw Error(ExitCode::kBadInput, path + ": array input_ids: must have two axes, [batch, length], neither 0");
  }
  const Array* type_ids = find("type_ids");
  if (type_ids == nullptr) throw Error(ExitCode::kBadInput, path + ": array type_ids is missing; zeros will do");
  if (type_ids->shape != shape) {
    throw Error(ExitCode::kBadInput, path + ": array type_ids: must have the shape of input_ids");
  }
  return {shape[0], shape[1], ToInt32(path + ": input_ids", *token_ids), ToInt32(path + ": type_ids", *type_ids)};
}

/// Slots of one layer's experts, as one run of the Encoder reported them.
struct Routing {
  size_t first_group, groups, tokens, experts, capacity;
  std::vector<float> weights;    // [groups, experts, capacity]
  std::vector<int32_t> indices;  // the same: which token of the group, -1 for none
};

/// Where tokens choose: what each of a layer's tokens chose. Of pads that a masked model never sees -1, with weight 0.
struct Choices {
  std::vector<size_t> shape;     // [groups, tokens, num_selected_experts]
  std::vector<int32_t> indices;  // the same, then 2: the expert, and the place in its queue
  std::vector<float> weights;    // the probability, 0 where the expert refused
};

/// Puts what the Encoder shows into arrays under the golden files' names and shapes. One text after the other, or a
/// whole batch at once; pads that a masked model never sees stay 0.
class Recorder {
 public:
  Recorder(const Ids& ids, bool is_batch) : ids_(ids), is_batch_(is_batch) {}

  Observer observer() {
    return {[](void* self, const Observation& seen) { static_cast<Recorder*>(self)->See(seen); }, this};
  }
  void SetText(size_t text) { text_ = text; }
  void AddTo(ArrayMap* out);

 private:
  void See(const Observation& seen);
  void KeepRows(const std::string& name, const Observation& seen);
  void KeepRouting(const std::string& layer, const Observation& seen);
  void KeepChoices(const std::string& layer, const Observation& seen);
  void Expand(const std::string& layer, const std::vector<Routing>& routings, ArrayMap* out) const;

  const Ids& ids_;
  const bool is_batch_;
  size_t text_ = 0;
  std::map<std::string, std::pair<std::vector<size_t>, std::vector<float>>> rows_;
  std::map<std::string, std::vector<Routing>> routings_;
  std::map<std::string, Choices> choices_;
};

void Recorder::See(const Observation& seen) {
  const std::string name = seen.name;
  if (name == "pooled_output" || name == "logits") return;  // written with and without --layers
  if (name == "ff_activation") return;                      // not in golden files
  if (seen.layer < 0) return KeepRows(name, seen);
  const std::string layer = "layer_" + std::to_string(seen.layer);
  if (name == "combine_weights") return KeepRouting(layer, seen);
  if (name == "dispatch_indices") return KeepChoices(layer, seen);
  KeepRows(name == "output" ? layer : layer + "/" + name, seen);
}

/// seen.shape is [texts or groups, rows, cols].
void Recorder::KeepRows(const std::string& name, const Observation& seen) {
  const size_t cols = seen.shape[2];
  auto& [shape, values] = rows_[name];
  if (values.empty()) {
    shape = is_batch_ ? std::vector<size_t>(seen.shape.begin(), seen.shape.end())
                      : std::vector<size_t>{ids_.batch, ids_.length, cols};
    values.resize(shape[0] * shape[1] * shape[2]);
  }
  std::copy_n(seen.values, seen.shape[0] * seen.shape[1] * cols, values.data() + text_ * ids_.length * cols);
}

void Recorder::KeepRouting(const std::string& layer, const Observation& seen) {
  Routing routing = {};
  routing.first_group = text_;
  routing.groups = seen.shape[0];
  routing.experts = seen.shape[1];
  routing.capacity = seen.shape[2];
  routing.tokens = is_batch_ ? ids_.batch * ids_.length / routing.groups : ids_.length;
  const size_t slots = routing.groups * routing.experts * routing.capacity;
  routing.weights.assign(seen.values, seen.values + slots);
  routing.indices.assign(seen.indices, seen.indices + slots);
  routings_[layer].push_back(std::move(routing));
}

/// seen.shape is [groups, tokens, num_selected_experts, 2]; probabilities and places of the same run were seen before.
void Recorder::KeepChoices(const std::string& layer, const Observation& seen) {
  const Routing& routing = routings_.at(layer).back();
  const std::vector<float>& probs = rows_.at(layer + "/router_probs").second;
  const size_t k = seen.shape[2];
  Choices& choices = choices_[layer];
  if (choices.shape.empty()) {
    choices.shape = {is_batch_ ? routing.groups : ids_.batch, routing.tokens, k};
    choices.weights.resize(ids_.batch * ids_.length * k);
    choices.indices.assign(2 * choices.weights.size(), -1);
  }
  const size_t first = text_ * ids_.length * k;
  for (size_t i = 0; i < seen.shape[0] * seen.shape[1] * k; ++i) {
    const size_t expert = static_cast<size_t>(seen.indices[2 * i]);
    const size_t place = static_cast<size_t>(seen.indices[2 * i + 1]);
    std::copy_n(seen.indices + 2 * i, 2, choices.indices.data() + 2 * (first + i));
    if (place < routing.capacity) choices.weights[first + i] = probs[(first + i) / k * routing.experts + expert];
  }
}

/// dispatch u8 and combine f32, [groups, tokens, experts, slots]: 1 and the weight where a slot holds a token.
void Recorder::Expand(const std::string& layer, const std::vector<Routing>& routings, ArrayMap* out) const {
  size_t groups = 0;
  size_t capacity = 0;
  for (const Routing& routing : routings) {
    groups += routing.groups;
    capacity = std::max(capacity, routing.capacity);
  }
  const std::vector<size_t> shape = {groups, routings[0].tokens, routings[0].experts, capacity};
  std::vector<uint8_t> dispatch(shape[0] * shape[1] * shape[2] * shape[3]);
  std::vector<float> combine(dispatch.size());
  for (const Routing& r : routings) {
    for (size_t slot = 0; slot < r.indices.size(); ++slot) {
      if (r.indices[slot] < 0) continue;
      const size_t group = r.first_group + slot / (r.experts * r.capacity);
      const size_t expert = slot / r.capacity % r.experts;
      const size_t token = static_cast<size_t>(r.indices[slot]);
      const size_t at = ((group * r.tokens + token) * r.experts + expert) * capacity + slot % r.capacity;
      dispatch[at] = 1;
      combine[at] = r.weights[slot];
    }
  }
  (*out)[layer + "/dispatch"] = FromUint8(dispatch, shape);
  (*out)[layer + "/combine"] = FromFloat(combine, shape);
}

void Recorder::AddTo(ArrayMap* out) {
  for (const auto& [name, array] : rows_) (*out)[name] = FromFloat(array.second, array.first);
  for (const auto& [layer, routings] : routings_) Expand(layer, routings, out);
  for (const auto& [layer, choices] : choices_) {
    std::vector<size_t> shape = choices.shape;
    (*out)[layer + "/combine_weights"] = FromFloat(choices.weights, shape);
    shape.push_back(2);
    (*out)[layer + "/dispatch_indices"] = FromInt32(choices.indices, shape);
  }
}

struct Outputs {
  std::vector<float> hidden, pooled;
  std::vector<float> logits;  // of each text, or of each of its tokens
};

std::vector<size_t> LogitsShape(const ModelInfo& info, const Ids& ids) {
  if (info.task == Task::kTokenLabels) return {ids.batch, ids.length, info.num_classes};
  return {ids.batch, info.num_classes};
}

/// How many ids the Encoder reads of a text: a masked model knows no pads, and they stand at the end.
size_t NumTokens(const Model& model, const int32_t* token_ids, size_t length) {
  if (!model.info().masked_padding) return length;
  while (length > 1 && token_ids[length - 1] == model.info().pad_id) --length;
  return length;
}

/// The logits of rows as an Encoder gives them, to their places.
struct RowLogits {
  std::vector<uint32_t> rows;
  float* logits;

  TokenLogits tokens() {
    const auto keep = [](void* context, size_t index, Span<const float> row) {
      const RowLogits& self = *static_cast<const RowLogits*>(context);
      std::copy(row.begin(), row.end(), self.logits + self.rows[index] * row.size());
    };
    return {{rows.data(), rows.size()}, keep, this};
  }
};

/// Of token labels: every row but pads, whose logits stay 0.
RowLogits RowsWithLabels(const ModelInfo& info, Span<const int32_t> token_ids, float* logits) {
  RowLogits result = {{}, logits};
  for (size_t i = 0; info.task == Task::kTokenLabels && i < token_ids.size(); ++i) {
    if (info.masked_padding || token_ids[i] != info.pad_id) result.rows.push_back(static_cast<uint32_t>(i));
  }
  return result;
}

void RunTexts(const Model& model, const Ids& ids, const std::string& input, WithArena<Encoder>* encoder,
              Recorder* recorder, Outputs* out) {
  const size_t texts = model.info().batch_routing_group ? 1 : ids.batch;
  const size_t batch = ids.batch / texts;
  const size_t d = model.info().d_model;
  const size_t pooled = out->pooled.size() / ids.batch;  // 0 of a model without a pooler
  const size_t logits = out->logits.size() / ids.batch;
  const size_t text_logits = model.info().num_text_classes;
  ProgressBar progress("run");
  for (size_t i = 0; i < texts; ++i) {
    const int32_t* token_ids = ids.token_ids.data() + i * ids.length;
    const int32_t* type_ids = ids.type_ids.data() + i * ids.length;
    const size_t n = batch == 1 ? NumTokens(model, token_ids, ids.length) : ids.length;
    RowLogits labels = RowsWithLabels(model.info(), {token_ids, batch * n}, out->logits.data() + i * logits);
    recorder->SetText(i);
    const Status status = (*encoder)->Run({token_ids, batch * n}, {type_ids, batch * n},
                                          {{out->hidden.data() + i * ids.length * d, batch * n * d},
                                           {out->pooled.data() + i * pooled, batch * pooled},
                                           {out->logits.data() + i * logits, batch * text_logits},
                                           {},
                                           {},
                                           labels.tokens()});
    encoder->Check(status, input + ": input_ids and type_ids of text " + std::to_string(i));
    progress.Update(i + 1, texts);
  }
}

void PrintJson(const RunFlags& flags, const Ids& ids, const char* backend, const ArrayMap& arrays) {
  nlohmann::ordered_json report = {{"output", flags.output}, {"batch", ids.batch}, {"length", ids.length},
                                   {"backend", backend},     {"isa", IsaName()},   {"arrays", nullptr}};
  for (const auto& [name, array] : arrays) report["arrays"][name] = array.shape;
  std::printf("%s\n", report.dump().c_str());
}

void Run(const RunFlags& flags) {
  if (flags.json && flags.output == "-") {
    throw Error(ExitCode::kUsage, "--json and --output - would both write to stdout");
  }
  CheckNotSameFile(flags.output, flags.input);
  CheckNotSameFile(flags.output, flags.model);
  const Model model = flags.weights.Load(flags.model);
  const Ids ids = ReadIds(flags.input);
  const size_t d = model.info().d_model;
  const std::vector<size_t> logits_shape = LogitsShape(model.info(), ids);

  Recorder recorder(ids, model.info().batch_routing_group);
  Options options;
  options.num_threads = flags.threads;
  options.backend = flags.reference ? BackendChoice::kReference : BackendChoice::kBest;
  if (model.info().batch_routing_group) options.batch_size = ids.batch;
  if (flags.layers) {
    options.observer = recorder.observer();
    options.skip_dead_rows = false;
  }
  WithArena<Encoder> encoder(model, options, flags.model);
  Outputs out = {
      std::vector<float>(ids.batch * ids.length * d), std::vector<float>(model.info().has_pooler ? ids.batch * d : 0),
      std::vector<float>(logits_shape[0] * logits_shape[1] * (logits_shape.size() == 3 ? logits_shape[2] : 1))};
  RunTexts(model, ids, flags.input, &encoder, &recorder, &out);

  ArrayMap arrays;
  recorder.AddTo(&arrays);
  arrays["sequence_output"] = FromFloat(out.hidden, {ids.batch, ids.length, d});
  if (model.info().has_pooler) arrays["pooled_output"] = FromFloat(out.pooled, {ids.batch, d});
  if (!out.logits.empty()) arrays["logits"] = FromFloat(out.logits, logits_shape);
  WriteWhole(flags.output, SerializeSafetensors(arrays));
  if (flags.json) PrintJson(flags, ids, encoder->report().backend, arrays);
}

}  // namespace

void AddRun(CLI::App* app) {
  const auto flags = std::make_shared<RunFlags>();
  CLI::App* command = app->add_subcommand("run", "Encode token ids of a safetensors file");
  command->add_option("model", flags->model, "Model file, .smx")->required();
  command->add_option("--input", flags->input, "safetensors with input_ids and type_ids, [batch, length] int32")
      ->required();
  command->add_option("--output", flags->output, "safetensors to write; - is stdout")->required();
  command->add_flag("--layers", flags->layers, "Write what every layer computed, too");
  command->add_flag("--reference", flags->reference, "Compute by the reference kernels, to compare with");
  command->add_option("--threads", flags->threads)->check(CountFlag(1, 64))->capture_default_str();
  flags->weights.AddFlags(command);
  command->add_flag("--json", flags->json, "Print what was written as a JSON object");
  command->footer(
      "Writes sequence_output, and of a model that has them pooled_output and logits, of token labels\n"
      "[batch, length, labels] with 0 in pads; with --layers embedding_output, layer_{i},\n"
      "layer_{i}/router_probs, /dispatch, /combine and the sublayers; where tokens choose experts\n"
      "/dispatch_indices and /combine_weights, too. A model that routes over batches\n"
      "runs the whole input as one batch, all others text by text.\n"
      "Example:\n"
      "  smx run model.smx --input io.safetensors --output out.safetensors --layers");
  command->callback([flags] { Run(*flags); });
}

}  // namespace smx::tools
