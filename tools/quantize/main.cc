#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>

#include <nlohmann/json.hpp>

#include "calibrate.h"
#include "checkpoint.h"
#include "engine.h"
#include "evaluate.h"
#include "formats/checkpoint_files.h"
#include "formats/model_source.h"
#include "model_config.h"
#include "model_writer.h"
#include "ordered_work.h"
#include "output_file.h"
#include "program.h"
#include "progress.h"
#include "version.h"

namespace smx::tools {
namespace {

using nlohmann::ordered_json;

struct QuantizeFlags {
  std::string checkpoint, output, config, tokenizer, calibrate, evaluate;
  std::string type = "int8";
  std::optional<uint64_t> step;
  ConfigFlags overrides;
  TsvColumns columns;
  double min_accuracy = -1;
  bool json = false;
};

/// How good the float32 and the quantized model are on the same texts: accuracy, Pearson's correlation of a regression,
/// micro F1 of several labels.
struct Accuracies {
  size_t count = 0;
  double f32 = 0;
  double written = 0;  // of the type that is written
};

void RefuseUnbuilt(const QuantizeFlags& flags) {
  if (flags.type != "f32" && flags.type != "int8") {
    throw Error(ExitCode::kUnsupported, "--type " + flags.type + " is not built in this version; f32 and int8 are");
  }
}

/// Error(kBadInput) when the tokenizer may give ids that the model does not have.
CompiledTokenizer ReadTokenizer(const std::string& path, const ModelConfig& config) {
  const TokenizerSwitches switches = config.tokenizer ? config.tokenizer->switches : TokenizerSwitches();
  CompiledTokenizer tokenizer = CompileTokenizer(path, switches);
  const size_t pieces = tokenizer.piece_offsets.size() - 1;
  if (pieces != config.vocab_size) {
    throw Error(ExitCode::kBadInput, path + ": " + std::to_string(pieces) + " pieces, config.json has vocab_size " +
                                         std::to_string(config.vocab_size));
  }
  return tokenizer;
}

ModelContent ReadContent(const QuantizeFlags& flags, const CheckpointFiles& files) {
  const std::string& config_path = flags.config.empty() ? files.config : flags.config;
  ModelContent content;
  ModelSource source = ReadModelSource(files, config_path, flags.overrides);
  content.config = std::move(source.config);
  content.checkpoint = std::move(source.checkpoint);
  for (const std::string& key : content.config.unknown_keys) {
    std::fprintf(stderr, "smx-quantize: %s: key %s is not known and was ignored\n", config_path.c_str(), key.c_str());
  }
  content.source_sha256 = HashOfParameters(content.checkpoint);
  if (!flags.tokenizer.empty()) {
    content.tokenizer = ReadTokenizer(flags.tokenizer, content.config);
  } else if (content.config.tokenizer) {
    const std::filesystem::path beside = std::filesystem::path(config_path).parent_path();
    content.tokenizer = ReadTokenizer((beside / content.config.tokenizer->file).string(), content.config);
  }
  return content;
}

double AccuracyOf(const std::vector<uint8_t>& file, const char* name, const std::vector<LabelledText>& texts,
                  const QuantizeFlags& flags) {
  const AlignedBytes bytes(file);
  EngineErrors errors;
  Result<Model> model = Model::FromMemory({bytes.data(), bytes.size()}, {VerifyWeights::kAuto, errors.log()});
  errors.Check(model.status(), name);
  ProgressBar progress(std::string("evaluate ") + name);
  EvaluateOptions options;
  options.num_threads = NumProcessors();
  options.has_pairs = !flags.columns.text_pair.empty();
  options.progress = [&](size_t done, size_t total) { progress.Update(done, total); };
  if (model->info().task == Task::kRegression)
    return EvaluateRegression(model.value(), name, texts, flags.evaluate, options).pearson;
  if (model->info().task == Task::kMultiLabel)
    return EvaluateMultiLabel(model.value(), name, texts, flags.evaluate, options).micro_f1;
  return Evaluate(model.value(), name, texts, flags.evaluate, options).accuracy();
}

std::string Percent(double accuracy) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.2f %%", 100 * accuracy);
  return text;
}

/// With its name, unless it is an accuracy.
std::string ScoreText(schema::TaskKind task, double score) {
  if (task == schema::TaskKind_CLASSIFICATION) return Percent(score);
  char text[32];
  std::snprintf(text, sizeof(text), "%s %.4f", task == schema::TaskKind_REGRESSION ? "correlation" : "micro F1", score);
  return text;
}

const char* ScoreKey(schema::TaskKind task) {
  if (task == schema::TaskKind_CLASSIFICATION) return "accuracy";
  return task == schema::TaskKind_REGRESSION ? "pearson" : "micro_f1";
}

/// Also adds what was measured to the card of `content`.
Accuracies Measure(const QuantizeFlags& flags, WeightsType type, ModelContent* content) {
  Accuracies result;
  const std::vector<LabelledText> texts = ReadTsv(flags.evaluate, flags.columns);
  result.count = texts.size();
  result.f32 = AccuracyOf(SerializeModel(*content, WeightsType::kF32), "f32", texts, flags);
  result.written = result.f32;
  if (type == WeightsType::kInt8) {
    result.written = AccuracyOf(SerializeModel(*content, type), "int8", texts, flags);
  }
  std::string& card = content->config.card.accuracy;
  const auto text = [content](double score) { return ScoreText(content->config.task, score); };
  card += (card.empty() ? "" : "; ") + std::string("measured by smx-quantize: ") + flags.type + " " +
          text(result.written) + ", f32 " + text(result.f32) + " on " + std::to_string(result.count) + " texts of " +
          std::filesystem::path(flags.evaluate).filename().string();
  return result;
}

/// The engine has limits of its own, such as the largest width; what it would refuse is not written.
void CheckThatItLoads(const std::vector<uint8_t>& file, const std::string& output) {
  const AlignedBytes bytes(file);
  EngineErrors errors;
  const Result<Model> model = Model::FromMemory({bytes.data(), bytes.size()}, {VerifyWeights::kNever, errors.log()});
  errors.Check(model.status(), output + ": not written, the engine would refuse it");
}

/// What goes into the report.
struct Written {
  uint64_t checkpoint_bytes;
  size_t file_bytes;
  size_t calibration_texts;    // 0 without
  const Accuracies* measured;  // or null
};

void PrintReport(const QuantizeFlags& flags, const ModelContent& content, const Written& written) {
  const Accuracies* measured = written.measured;
  if (flags.json) {
    ordered_json report = {{"model", flags.output},
                           {"type", flags.type},
                           {"file_bytes", written.file_bytes},
                           {"checkpoint_bytes", written.checkpoint_bytes},
                           {"parameters", content.checkpoint.parameters.size()},
                           {"tokenizer", content.tokenizer.has_value()}};
    if (written.calibration_texts != 0) {
      report["calibration_texts"] = written.calibration_texts;
      report["input_scales"] = content.input_scales.size();
    }
    if (measured != nullptr) {
      const std::string key = ScoreKey(content.config.task);
      report[key] = measured->written;
      report[key + "_f32"] = measured->f32;
      report["count"] = measured->count;
    }
    std::printf("%s\n", report.dump().c_str());
    return;
  }
  // The model itself may go to stdout.
  std::FILE* const out = flags.output == "-" ? stderr : stdout;
  std::fprintf(out, "%s: %s from %s of checkpoint, %s, tokenizer %s\n", flags.output.c_str(),
               BytesText(written.file_bytes).c_str(), BytesText(written.checkpoint_bytes).c_str(), flags.type.c_str(),
               content.tokenizer ? "inside" : "none (to read text takes one: --tokenizer)");
  if (written.calibration_texts != 0) {
    std::fprintf(out, "calibrated on %zu texts: the inputs of %zu stages are scaled\n", written.calibration_texts,
                 content.input_scales.size());
  }
  if (measured == nullptr) return;
  const schema::TaskKind task = content.config.task;
  if (task != schema::TaskKind_CLASSIFICATION) {
    std::fprintf(out, "on %zu texts: f32 %s, %s %s\n", measured->count, ScoreText(task, measured->f32).c_str(),
                 flags.type.c_str(), ScoreText(task, measured->written).c_str());
    return;
  }
  std::fprintf(out, "accuracy on %zu texts: f32 %s, %s %s, loss %.2f points\n", measured->count,
               Percent(measured->f32).c_str(), flags.type.c_str(), Percent(measured->written).c_str(),
               100 * (measured->f32 - measured->written));
}

/// Gives `content` its input scales; returns how many texts they are from.
size_t Calibrate(const QuantizeFlags& flags, ModelContent* content) {
  if (!content->tokenizer) throw Error(ExitCode::kUsage, "--calibrate reads texts: give --tokenizer");
  const std::vector<LabelledText> texts = ReadTexts(flags.calibrate, flags.columns);
  content->input_scales = CalibrateInputScales(*content, texts, flags.calibrate);
  return texts.size();
}

/// Error(kUsage) when the output is one of the files that are read.
void CheckOutput(const QuantizeFlags& flags, const CheckpointFiles& files) {
  std::vector<std::string> inputs = files.files;
  inputs.insert(inputs.end(), {files.config, flags.config, flags.tokenizer, flags.overrides.labels_file,
                               flags.calibrate, flags.evaluate});
  for (const std::string& input : inputs) {
    if (!input.empty()) CheckNotSameFile(flags.output, input);
  }
}

void Quantize(const QuantizeFlags& flags) {
  RefuseUnbuilt(flags);
  if (flags.json && flags.output == "-") throw Error(ExitCode::kUsage, "--json and -o - would both write to stdout");
  if (flags.min_accuracy >= 0 && flags.evaluate.empty()) {
    throw Error(ExitCode::kUsage, "--min-accuracy needs --evaluate data.tsv");
  }
  if (!flags.calibrate.empty() && flags.type != "int8") throw Error(ExitCode::kUsage, "--calibrate is for --type int8");
  const CheckpointFiles files = FindCheckpoint(flags.checkpoint, flags.step);
  CheckOutput(flags, files);
  const WeightsType type = flags.type == "f32" ? WeightsType::kF32 : WeightsType::kInt8;
  ModelContent content = ReadContent(flags, files);
  if (flags.min_accuracy >= 0 && content.config.task != schema::TaskKind_CLASSIFICATION) {
    throw Error(
        ExitCode::kUsage,
        "--min-accuracy is for one class per text; a regression, several labels or an embedding have no accuracy");
  }
  const size_t num_calibration_texts = flags.calibrate.empty() ? 0 : Calibrate(flags, &content);
  Accuracies measured;
  if (!flags.evaluate.empty()) measured = Measure(flags, type, &content);
  if (flags.min_accuracy >= 0 && measured.written < flags.min_accuracy) {
    throw Error(ExitCode::kCheckFailed, "accuracy of " + flags.type + " is " + Percent(measured.written) + " (f32 " +
                                            Percent(measured.f32) + "), below --min-accuracy " +
                                            Percent(flags.min_accuracy) + "; nothing was written");
  }
  const std::vector<uint8_t> file = SerializeModel(content, type);
  CheckThatItLoads(file, flags.output);
  WriteWhole(flags.output, file);
  PrintReport(flags, content,
              {files.bytes(), file.size(), num_calibration_texts, flags.evaluate.empty() ? nullptr : &measured});
}

void AddFlags(CLI::App* app, QuantizeFlags* flags) {
  app->add_option(
         "checkpoint", flags->checkpoint,
         "A .safetensors file (or model.safetensors.index.json), a folder of Flax checkpoints, or the folder of "
         "a Hugging Face BERT")
      ->required();
  app->add_option("--step", flags->step, "Which step of a folder of Flax checkpoints; the newest unless given")
      ->check(CountFlag(0, 999999999999999999));
  app->add_option("-o,--output", flags->output, "Model file to write, whole or not at all; - is stdout")->required();
  app->add_option("--config", flags->config, "Configuration; config.json beside the checkpoint unless given");
  app->add_option("--tokenizer", flags->tokenizer,
                  "vocab.txt, tokenizer.json or a SentencePiece .model; else what config.json says");
  app->add_option("--labels", flags->overrides.labels_file, "Label names: one per line, or a JSON array");
  app->add_option("--type", flags->type, "Type of the weights")
      ->check(CLI::IsMember({"f32", "int8", "int8-static", "int4", "auto"}))
      ->capture_default_str();
  app->add_option(
      "--calibrate", flags->calibrate,
      "Texts, one per line, or a data.tsv, to choose scales of inputs by, for --type int8: closer to float32 where a "
      "few channels are large, as in a BERT; for attention and dense feed-forward, not for experts and other mixings");
  app->add_option("--evaluate", flags->evaluate,
                  "Measure accuracy in float32 and quantized on a data.tsv; of a regression Pearson's correlation, of "
                  "several labels micro F1");
  app->add_option("--text", flags->columns.text, "Column of the texts")->capture_default_str();
  app->add_option("--text-pair", flags->columns.text_pair, "Column of the second texts, if any");
  app->add_option("--label", flags->columns.label, "Column of the labels")->capture_default_str();
  app->add_option("--min-accuracy", flags->min_accuracy, "Write nothing and exit with 1 below this accuracy, 0..1")
      ->check(ProbabilityFlag());
  app->add_option("--padding", flags->overrides.padding)->check(CLI::IsMember({"reference", "masked"}));
  app->add_option("--routing-group", flags->overrides.routing_group)->check(CLI::IsMember({"sequence", "batch"}));
  app->add_option("--router-type", flags->overrides.router_type)->check(CLI::IsMember({"float32", "bfloat16"}));
  app->add_flag("--json", flags->json, "Report as one JSON object");
  app->footer(
      "Examples:\n"
      "  smx-quantize model.safetensors -o model.smx\n"
      "  smx-quantize all-MiniLM-L6-v2/ -o minilm.smx --calibrate texts.txt\n"
      "  smx-quantize checkpoints/ -o model.smx --step 100000 --config config.json\n"
      "  smx-quantize model.safetensors -o model.smx --evaluate test.tsv --min-accuracy 0.8\n"
      "Exit codes: 0 ok, 1 accuracy below the gate, 2 usage, 3 bad input file, 4 not supported here,\n"
      "5 could not write the output or not enough memory.");
}

}  // namespace
}  // namespace smx::tools

int main(int argc, char** argv) {
  smx::tools::EndWithoutMemory("smx-quantize");
  CLI::App app("Quantizes a trained Sparse Mixer into one model file, .smx", "smx-quantize");
  smx::tools::QuantizeFlags flags;
  app.set_version_flag("--version", "smx-quantize " SMX_VERSION);
  smx::tools::AddFlags(&app, &flags);
  app.callback([&] { smx::tools::Quantize(flags); });
  return smx::tools::RunProgram(&app, argc, argv);
}
