#include <memory>
#include <optional>

#include <nlohmann/json.hpp>

#include "answer_texts.h"
#include "commands.h"
#include "engine.h"
#include "program.h"
#include "smx/mask_filler.h"
#include "utf8.h"
#include "weights_flags.h"
#include "window_flags.h"

namespace smx::tools {
namespace {

using nlohmann::ordered_json;

struct FillFlags {
  std::string model;
  TextSource texts;
  size_t top = 5;
  std::optional<size_t> threads;
  WeightsFlags weights;
  bool json = false;
};

class Fill {
 public:
  explicit Fill(const FillFlags& flags) : flags_(flags), model_(flags.weights.Load(flags.model)) {
    options_.top = flags.top;
  }

  TextAnswerer MakeAnswerer(const Options& options, EngineNotes notes) const {
    const ModelInfo& info = model_.info();
    const auto session = std::make_shared<Session>(Session{{model_, options, flags_.model, notes}, {}});
    if (flags_.top > info.vocab_size) {
      throw Error(ExitCode::kUsage, "--top " + std::to_string(flags_.top) + ": the model has " +
                                        std::to_string(info.vocab_size) + " tokens");
    }
    session->candidates.resize(info.max_seq_len * flags_.top);
    return [this, session](const InputText& input, TextOutput* output) { Answer(input, session.get(), output); };
  }

 private:
  struct Session {
    WithArena<MaskFiller> filler;
    std::vector<MaskCandidate> candidates;
  };

  void Answer(const InputText& input, Session* session, TextOutput* output) const {
    FillResult result = {};
    const std::vector<MaskCandidate>& candidates = session->candidates;
    session->filler.Check(
        session->filler->Fill(input.text, input.pair(), options_, Span<MaskCandidate>(session->candidates), &result));
    SayHowRead(input, result.tokens, &output->words);
    if (result.num_masks == 0) AppendF(&output->words, "%s: no mask in it, such as [MASK]\n", input.place.c_str());
    output->answer += flags_.json ? JsonLine(input, candidates, result) : Lines(input, candidates, result.num_masks);
  }

  std::string PieceOf(const MaskCandidate& candidate) const {
    const Result<Tokenizer> tokenizer = Tokenizer::Create(model_);
    return std::string(tokenizer->Piece(candidate.token_id));
  }

  std::string Lines(const InputText& input, const std::vector<MaskCandidate>& candidates, size_t num_masks) const {
    std::string lines;
    for (size_t mask = 0; mask < num_masks; ++mask) {
      for (size_t i = 0; i < flags_.top; ++i) {
        const MaskCandidate& candidate = candidates[mask * flags_.top + i];
        AppendF(&lines, "%s\t%.4f\t", Printable(PieceOf(candidate)).c_str(),
                static_cast<double>(candidate.probability));
      }
      lines += Printable(input.text) + '\n';
    }
    return lines;
  }

  std::string JsonLine(const InputText& input, const std::vector<MaskCandidate>& candidates,
                       const FillResult& result) const {
    ordered_json line = JsonOf(input);
    line["masks"] = ordered_json::array();
    for (size_t mask = 0; mask < result.num_masks; ++mask) {
      ordered_json tokens = ordered_json::array();
      for (size_t i = 0; i < flags_.top; ++i) {
        const MaskCandidate& candidate = candidates[mask * flags_.top + i];
        tokens.push_back({{"token", ReplaceInvalidUtf8(PieceOf(candidate))},
                          {"id", candidate.token_id},
                          {"probability", candidate.probability}});
      }
      line["masks"].push_back(std::move(tokens));
    }
    line["tokens"] = result.tokens.num_tokens;
    line["truncated"] = result.tokens.truncated();
    return line.dump() + '\n';
  }

  const FillFlags& flags_;
  const Model model_;
  FillOptions options_;
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
  AddThreadsFlag(command, &flags->threads);
  flags->weights.AddFlags(command);
  command->add_flag("--json", flags->json, "One JSON object per text");
  command->footer(
      "Prints one line per mask: token <TAB> probability <TAB> [more pairs] <TAB> text. A mask is the special token\n"
      "[MASK], or <mask> of a vocabulary without it.\n"
      "Examples:\n"
      "  smx fill bert.smx \"Paris is the [MASK] of France.\"\n"
      "  smx fill bert.smx --input texts.txt --top 3 --json");
  command->callback([flags] {
    const Fill fill(*flags);
    AnswerTexts(flags->texts, {"fill", flags->threads},
                [&](const Options& options, EngineNotes notes) { return fill.MakeAnswerer(options, notes); });
  });
}

}  // namespace smx::tools
