#include "support/models.h"

#include <filesystem>

#include "safetensors.h"

namespace smx::tests {

const std::vector<std::string>& GoldenCases() {
  static const std::vector<std::string> cases = {"linear",
                                                 "bert",
                                                 "bert_shorter_than_max",
                                                 "sparse_mixer",
                                                 "min_capacity",
                                                 "short_text",
                                                 "fast_sparse_mixer",
                                                 "capacity_half_even",
                                                 "regression",
                                                 "layout_mixed",
                                                 "layout_bottom",
                                                 "batch_routing",
                                                 "ties_experts_choose",
                                                 "ties_tokens_choose",
                                                 "tokens_choose_mask",
                                                 "tokens_choose_mask_no_bpr",
                                                 "tokens_choose_scatter",
                                                 "tokens_choose_scatter_top2",
                                                 "tokens_choose_top2",
                                                 "multi_group",
                                                 "c_net",
                                                 "t_net",
                                                 "odd_c_net",
                                                 "odd_t_net",
                                                 "layout_top_middle",
                                                 "f_net",
                                                 "h_net",
                                                 "odd_f_net",
                                                 "odd_h_net"};
  return cases;
}

const std::vector<std::string>& GoldenFftCases() {
  static const std::vector<std::string> cases = {"c_net_fft", "t_net_fft", "f_net_fft", "h_net_fft"};
  return cases;
}

std::string GoldenFolder(const std::string& name) { return std::string(SMX_TESTS_DIR) + "/golden/cases/" + name; }

std::string GoldenParams(const std::string& name) {
  return GoldenFolder(name.substr(0, name.find("_fft"))) + "/params.safetensors";
}

std::string GoldenIo(const std::string& name) {
  const std::string with_experts = GoldenFolder(name) + "/io_router_f32.safetensors";
  return std::filesystem::exists(with_experts) ? with_experts : GoldenFolder(name) + "/io.safetensors";
}

std::string ShippedFolder() { return std::string(SMX_TESTS_DIR) + "/../examples/models/banking77"; }

tools::ModelContent ReadModelFolder(const std::string& folder, const std::string& checkpoint,
                                    const tools::ConfigFlags& flags) {
  tools::ModelContent content;
  content.config = tools::ReadModelConfig(folder + "/config.json", flags);
  const std::string path = folder + "/" + checkpoint;
  content.checkpoint = tools::ReadCheckpoint(path, tools::ReadSafetensors(path), content.config);
  content.source_sha256.assign(32, 0);
  if (content.config.tokenizer) {
    content.tokenizer =
        tools::CompileTokenizer(folder + "/" + content.config.tokenizer->file, content.config.tokenizer->switches);
  }
  return content;
}

MemoryModel::MemoryModel(const tools::ModelContent& content, tools::WeightsType type, LoadOptions options)
    : bytes_(tools::SerializeModel(content, type)) {
  tools::EngineErrors errors;
  options.log = errors.log();
  Result<Model> model = Model::FromMemory({bytes_.data(), bytes_.size()}, options);
  errors.Check(model.status(), "model in memory");
  model_ = std::make_unique<Model>(std::move(model.value()));
}

}  // namespace smx::tests
