#include "calibrate.h"

#include <algorithm>
#include <cmath>

#include "engine.h"
#include "program.h"
#include "progress.h"
#include "smx/embedder.h"

namespace smx::tools {
namespace {

/// Products that read the same input, and what the float32 model was seen to give them.
struct Site {
  std::string observed;  // Observation::name and layer of the input
  int layer;
  double input_exponent;
  InputScales target;
  std::vector<float> rows = {};      // of the text that runs
  std::vector<double> squares = {};  // [inputs], sum over all tokens of all texts
};

// How much of a channel's size moves into the kernel. Of the values that were tried on all-MiniLM-L6-v2, these had
// about the highest mean cosine over 20 sentences; see tests/golden/minilm/SOURCE.md.
constexpr double kNormExponent = 0.5, kActivationExponent = 0.3;

const Parameter& ParameterOf(const ModelContent& content, const std::string& name) {
  const std::vector<Parameter>& all = content.checkpoint.parameters;
  return *std::find_if(all.begin(), all.end(), [&](const Parameter& parameter) { return parameter.name == name; });
}

/// `kernels` are parameters of the checkpoint.
InputScales Target(const ModelContent& content, const std::string& name, const std::vector<std::string>& kernels) {
  const Parameter& kernel = ParameterOf(content, kernels[0]);
  return {{name, {kernel.shape[0]}, {}, -1, kernel.segment}, kernels};
}

std::vector<Site> FindSites(const ModelContent& content) {
  std::vector<Site> sites;
  for (size_t i = 0; i < content.config.layers.size(); ++i) {
    const LayerKinds& kinds = content.config.layers[i];
    const int layer = static_cast<int>(i);
    // What the first block reads is a layer norm's output only where no mapping comes after that.
    const bool reads_norm = i > 0 || !content.config.has_hidden_mapping;
    if (kinds.mixing == schema::MixingKind_ATTENTION && reads_norm) {
      const std::string self = "encoder/attention_" + std::to_string(i) + "/self/";
      const std::vector<std::string> kernels = {self + "query/kernel", self + "key/kernel", self + "value/kernel"};
      sites.push_back({i == 0 ? "embedding_output" : "output", layer - 1, kNormExponent,
                       Target(content, self + "input_scale", kernels)});
    }
    if (kinds.feed_forward == schema::FeedForwardKind_DENSE) {
      const std::string stage = "encoder/feed_forward_" + std::to_string(i);
      const auto target = [&](const std::string& dense) {
        return Target(content, stage + dense + "/input_scale", {stage + dense + "/kernel"});
      };
      sites.push_back({"mixing_norm", layer, kNormExponent, target("/intermediate")});
      sites.push_back({"ff_activation", layer, kActivationExponent, target("/output")});
    }
  }
  return sites;
}

void See(const Observation& seen, std::vector<Site>* sites) {
  for (Site& site : *sites) {
    if (seen.layer != site.layer || seen.name != site.observed) continue;
    site.rows.insert(site.rows.end(), seen.values, seen.values + seen.shape[1] * seen.shape[2]);
  }
}

/// The rows of the text that ran; pads come behind its tokens.
void AddRows(size_t num_tokens, Site* site) {
  const size_t inputs = site->target.scales.shape[0];
  site->squares.resize(inputs);
  for (size_t v = 0; v < num_tokens * inputs; ++v) {
    const double value = static_cast<double>(site->rows[v]);
    site->squares[v % inputs] += value * value;
  }
  site->rows.clear();
}

/// Runs the texts; returns how many tokens the sums are of.
size_t SumSquares(const Model& model, const std::vector<LabelledText>& texts, const std::string& texts_name,
                  std::vector<Site>* sites) {
  Options options;
  options.observer = {
      [](void* context, const Observation& seen) { See(seen, static_cast<std::vector<Site>*>(context)); }, sites};
  WithArena<Embedder> embedder(model, options, "calibrate");
  std::vector<float> embedding(model.info().d_model);
  ProgressBar progress("calibrate");
  size_t num_tokens = 0;
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::string_view pair = texts[i].text_pair.empty() ? std::string_view() : texts[i].text_pair;
    TokenizeResult tokens = {};
    embedder.Check(embedder->Embed(texts[i].text, pair, {}, {embedding.data(), embedding.size()}, &tokens),
                   texts_name + ": line " + std::to_string(texts[i].line));
    num_tokens += tokens.num_tokens;
    for (Site& site : *sites) AddRows(tokens.num_tokens, &site);
    progress.Update(i + 1, texts.size());
  }
  return num_tokens;
}

/// Of the rows of the kernels, [inputs, outputs] each.
std::vector<double> MeanSquares(const ModelContent& content, const std::vector<std::string>& kernels) {
  std::vector<double> squares(ParameterOf(content, kernels[0]).shape[0]);
  for (const std::string& name : kernels) {
    const Parameter& kernel = ParameterOf(content, name);
    const size_t outputs = kernel.shape[1];
    for (size_t v = 0; v < kernel.values.size(); ++v) {
      const double value = static_cast<double>(kernel.values[v]);
      squares[v / outputs] += value * value / static_cast<double>(kernels.size() * outputs);
    }
  }
  return squares;
}

double MedianOf(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

std::vector<float> ScalesOf(const Site& site, size_t num_tokens, const std::vector<double>& kernel_squares) {
  // A channel that no text moves says little of what other texts will do, and nor does a row of zeros.
  constexpr double kLeastSquare = 1e-12, kLargestScale = 64;
  std::vector<double> moved;
  for (size_t j = 0; j < kernel_squares.size(); ++j) {
    const double input = std::max(site.squares[j] / static_cast<double>(num_tokens), kLeastSquare);
    const double kernel = std::max(kernel_squares[j], kLeastSquare);
    moved.push_back(std::sqrt(std::pow(input, site.input_exponent) / std::pow(kernel, 1 - site.input_exponent)));
  }
  const double median = MedianOf(moved);
  std::vector<float> scales;
  scales.reserve(moved.size());
  for (const double s : moved) {
    scales.push_back(static_cast<float>(std::clamp(median / s, 1 / kLargestScale, kLargestScale)));
  }
  return scales;
}

}  // namespace

std::vector<InputScales> CalibrateInputScales(const ModelContent& content, const std::vector<LabelledText>& texts,
                                              const std::string& texts_name) {
  std::vector<Site> sites = FindSites(content);
  if (sites.empty()) {
    throw Error(ExitCode::kUnsupported,
                "--calibrate: the model has neither attention nor dense feed-forward behind a layer norm; experts and "
                "other mixings are not calibrated");
  }
  const AlignedBytes bytes(SerializeModel(content, WeightsType::kF32));
  EngineErrors errors;
  Result<Model> model = Model::FromMemory({bytes.data(), bytes.size()}, {VerifyWeights::kNever, errors.log()});
  errors.Check(model.status(), "calibrate");
  const size_t num_tokens = SumSquares(model.value(), texts, texts_name, &sites);
  std::vector<InputScales> result;
  for (Site& site : sites) {
    const std::vector<double> kernel_squares = MeanSquares(content, site.target.kernels);
    site.target.scales.values = ScalesOf(site, num_tokens, kernel_squares);
    result.push_back(std::move(site.target));
  }
  return result;
}

}  // namespace smx::tools
