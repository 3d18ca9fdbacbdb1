#ifndef SMX_TOOLS_SMX_ANSWER_TEXTS_H_
#define SMX_TOOLS_SMX_ANSWER_TEXTS_H_

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "engine.h"
#include "smx/options.h"
#include "text_source.h"

namespace smx::tools {

/// --threads of a subcommand that answers texts.
void AddThreadsFlag(CLI::App* command, std::optional<size_t>* threads);

/// What is printed about one text: words about how it was read, to stderr, then its answer, to stdout.
struct TextOutput {
  std::string words;
  std::string answer;
};

/// Adds to what is printed about a text. Called by one thread at a time.
using TextAnswerer = std::function<void(const InputText& input, TextOutput* output)>;

/// Makes one that has an object of the engine of its own, with these options. May be called on any thread.
using MakeTextAnswerer = std::function<TextAnswerer(const Options& options, EngineNotes notes)>;

/// How the texts of a subcommand are answered.
struct AnswerOptions {
  std::string name;               // of the subcommand
  std::optional<size_t> threads;  // --threads
};

/// Prints what is to be said about each text, in order, as soon as it is known, and flushes it before waiting for
/// anything. Texts that can be read without waiting are spread over the threads, all processors unless --threads says
/// otherwise, each with an answerer of its own; a bounded number of texts, and of their bytes, is on the way. A text
/// that comes alone, from a person who types or in a single argument, is answered by one thread, or by --threads
/// threads together. What an answerer or the reader throws is thrown here, behind the output of the texts before.
/// Error(kCannotWrite) when stdout takes no more. A progress bar shows when stdout goes elsewhere than stderr's
/// terminal.
void AnswerTexts(const TextSource& texts, const AnswerOptions& options, const MakeTextAnswerer& make);

}  // namespace smx::tools

#endif  // SMX_TOOLS_SMX_ANSWER_TEXTS_H_
