#include "window_flags.h"

#include "program.h"

namespace smx::tools {

void WindowFlags::AddFlags(CLI::App* command, const std::string& what) {
  CLI::Option* const windows =
      command
          ->add_option("--windows", pooling_,
                       "Read a text that is longer than the model reads in windows, and pool their " + what)
          ->check(CLI::IsMember({"mean", "max"}));
  command->add_option("--overlap", overlap_, "How many tokens a window shares with the one before")
      ->check(CountFlag(0, 1000000))
      ->needs(windows)
      ->capture_default_str();
}

WindowOptions WindowFlags::options() const {
  return {!pooling_.empty(), overlap_, pooling_ == "max" ? WindowPooling::kMax : WindowPooling::kMean};
}

void SayHowRead(const InputText& input, const TokenizeResult& tokens, std::string* words) {
  if (tokens.truncated()) {
    AppendF(words, "%s: %zu tokens, the model reads %zu: the rest was cut off\n", input.place.c_str(),
            tokens.num_tokens_whole, tokens.num_tokens);
  }
  if (tokens.num_windows > 1) {
    AppendF(words, "%s: %zu tokens, read in %zu windows\n", input.place.c_str(), tokens.num_tokens, tokens.num_windows);
  }
}

}  // namespace smx::tools
