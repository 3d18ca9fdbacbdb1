#include <cstdio>
#include <memory>

#include <nlohmann/json.hpp>

#include "commands.h"
#include "engine.h"
#include "program.h"
#include "smx/mask_filler.h"
#include "utf8.h"
#include "window_flags.h"

namespace smx::tools {
namespace {

using nlohmann::ordered_json;

struct FillFlags {
  std::string model;
  TextSource texts;
  size_t top = 5;
  size_t threads = 1;
  bool json = false;
};

class Fill {
 public:
  explicit Fill(const FillFlags& flags)
      : flags_(flags), model_(LoadModel(flags.model)), filler_(model_, EngineOptions(flags), flags.model) {
    const ModelInfo& info = model_.info();
    if (flags.top > info.vocab_size) {
      throw Error(ExitCode::kUsage, "--top " + std::to_string(flags.top) + ": the model has " +
                                        std::to_string(info.vocab_size) + " tokens");
    }
    options_.top = flags.top;
    candidates_.resize(info.max_seq_len * flags.top);
  }

  void Print(const InputText& input) {
    FillResult result = {};
    const std::string_view pair = input.has_pair ? std::string_view{input.text_pair} : std::string_view();
    filler_.Check(filler_->Fill(input.text, pair, options_, {candidates_.data(), candidates_.size()}, &result));
    SayHowRead(input, result.tokens);
    if (result.num_masks == 0) std::fprintf(stderr, "%s: no mask in it, such as [MASK]\n", input.place.c_str());
    if (flags_.json) {
      PrintJson(input, result);
    } else {
      PrintLines(input, result.num_masks);
    }
  }

 private:
  static Options EngineOptions(const FillFlags& flags) {
    Options options;
    options.num_threads = flags.threads;
    return options;
  }

  std::string PieceOf(const MaskCandidate& candidate) const {
    const Result<Tokenizer> tokenizer = Tokenizer::Create(model_);
    return std::string(tokenizer->Piece(candidate.token_id));
  }

  void PrintLines(const InputText& input, size_t num_masks) const {
    for (size_t mask = 0; mask < num_masks; ++mask) {
      for (size_t i = 0; i < flags_.top; ++i) {
        const MaskCandidate& candidate = candidates_[mask * flags_.top + i];
        std::printf("%s\t%.4f\t", Printable(PieceOf(candidate)).c_str(), static_cast<double>(candidate.probability));
      }
      const std::string text = Printable(input.text);
      std::fwrite(text.data(), 1, text.size(), stdout);
      std::putchar('\n');
    }
  }

  void PrintJson(const InputText& input, const FillResult& result) const {
    ordered_json line = {{"text", ReplaceInvalidUtf8(input.text)}};
    if (input.has_pair) line["text_pair"] = ReplaceInvalidUtf8(input.text_pair);
    line["masks"] = ordered_json::array();
    for (size_t mask = 0; mask < result.num_masks; ++mask) {
      ordered_json tokens = ordered_json::array();
      for (size_t i = 0; i < flags_.top; ++i) {
        const MaskCandidate& candidate = candidates_[mask * flags_.top + i];
        tokens.push_back({{"token", ReplaceInvalidUtf8(PieceOf(candidate))},
                          {"id", candidate.token_id},
                          {"probability", candidate.probability}});
      }
      line["masks"].push_back(std::move(tokens));
    }
    line["tokens"] = result.tokens.num_tokens;
    line["truncated"] = result.tokens.truncated();
    std::printf("%s\n", line.dump().c_str());
  }

  const FillFlags& flags_;
  const Model model_;
  WithArena<MaskFiller> filler_;
  FillOptions options_;
  std::vector<MaskCandidate> candidates_;
};

}  // namespace

void AddFill(CLI::App* app) {
  const auto flags = std::make_shared<FillFlags>();
  CLI::App* command = app->add_subcommand("fill", "Fill the masks of texts");
  command->add_option("model", flags->model, "Model file, .smx, of masked tokens")->required();
  flags->texts.AddFlags(command);
  command->add_option("--top", flags->top, "How many tokens to print for each mask, best first")
      ->check(CountFlag(1, 1000000))
      ->capture_default_str();
  command->add_option("--threads", flags->threads)->check(CountFlag(1, 64))->capture_default_str();
  command->add_flag("--json", flags->json, "One JSON object per text");
  command->footer(
      "Prints one line per mask: token <TAB> probability <TAB> [more pairs] <TAB> text. A mask is the special token\n"
      "[MASK], or <mask> of a vocabulary without it.\n"
      "Examples:\n"
      "  smx fill bert.smx \"Paris is the [MASK] of France.\"\n"
      "  smx fill bert.smx --input texts.txt --top 3 --json");
  command->callback([flags] {
    Fill fill(*flags);
    flags->texts.ForEach([&](const InputText& input) { fill.Print(input); });
  });
}

}  // namespace smx::tools
