#include "answer_texts.h"

#include <cstdio>
#include <memory>
#include <utility>

#include <unistd.h>

#include "error.h"
#include "ordered_work.h"
#include "program.h"
#include "progress.h"
#include "utf8.h"

namespace smx::tools {
namespace {

void AppendUtf8Warning(const InputText& input, std::string* words) {
  const size_t at = FirstInvalidUtf8(input.text);
  if (at == input.text.size()) return;
  AppendF(words, "%s: byte %zu is 0x%02x, not UTF-8; read as U+FFFD\n", input.place.c_str(), at + 1,
          static_cast<unsigned char>(input.text[at]));
}

void Answer(const TextAnswerer& answerer, const InputText& input, TextOutput* output) {
  AppendUtf8Warning(input, &output->words);
  answerer(input, output);
}

Options EngineOptions(size_t num_threads) {
  Options options;
  options.num_threads = num_threads;
  return options;
}

class Answering {
 public:
  Answering(const TextSource& texts, const AnswerOptions& options, const MakeTextAnswerer& make)
      : make_(make),
        num_together_(options.threads.value_or(1)),
        own_(options.threads.value_or(NumProcessors()),
             [this](EngineNotes notes) { return make_(EngineOptions(1), notes); }),
        reader_(texts.Open()),
        progress_(options.name, isatty(STDOUT_FILENO) == 0 && !reader_->IsTerminal()),
        work_(own_.size(), [this](size_t thread, Item* item) { Answer(own_[thread], item->input, &item->output); }) {}

  void Run() {
    for (Item item; Take(&item.input); item = {}) {
      const bool is_alone = work_.size() == 0 && (own_.size() == 1 || reader_->Look() != Ahead::kSomething);
      if (is_alone) {
        AnswerAlone(item.input);
      } else {
        const size_t bytes = item.input.text.size() + item.input.text_pair.size();
        work_.Give(std::move(item), bytes);
      }
    }
    PrintAll();
  }

 private:
  struct Item {
    InputText input;
    TextOutput output;
  };

  /// The next text, after what can be printed until then. Waits for it only when every text before has been answered,
  /// as a program would that takes them one by one.
  bool Take(InputText* input) {
    while (work_.size() != 0 && (work_.IsFull() || reader_->Look() != Ahead::kSomething)) PrintOldest();
    if (reader_->Look() == Ahead::kNothingYet) std::fflush(stdout);
    try {
      return reader_->Next(input);
    } catch (...) {
      PrintAll();
      throw;
    }
  }

  const TextAnswerer& Together() {
    if (num_together_ == 1) return own_[0];
    if (!together_) together_ = make_(EngineOptions(num_together_), EngineNotes::kDropped);
    return together_;
  }

  void AnswerAlone(const InputText& input) {
    std::fflush(stdout);
    TextOutput output;
    try {
      Answer(Together(), input, &output);
    } catch (...) {
      Print(output);
      throw;
    }
    Print(output);
  }

  void PrintOldest() {
    if (!work_.IsOldestDone()) std::fflush(stdout);
    Item item;
    try {
      work_.Take(&item);
    } catch (...) {
      Print(item.output);
      throw;
    }
    Print(item.output);
  }

  void PrintAll() {
    while (work_.size() != 0) PrintOldest();
  }

  void Print(const TextOutput& output) {
    if (!output.words.empty()) {
      progress_.Clear();
      std::fwrite(output.words.data(), 1, output.words.size(), stderr);
    }
    std::fwrite(output.answer.data(), 1, output.answer.size(), stdout);
    if (std::ferror(stdout) != 0) throw Error(ExitCode::kCannotWrite, "stdout: cannot write");
    progress_.UpdateShare(++num_printed_, reader_->share());
  }

  const MakeTextAnswerer& make_;
  const size_t num_together_;
  OnePerThread<TextAnswerer> own_;  // the first is at hand for a text that comes alone, too
  TextAnswerer together_;
  std::unique_ptr<TextReader> reader_;
  ProgressBar progress_;
  size_t num_printed_ = 0;
  OrderedWork<Item> work_;  // goes first: its threads use what is above
};

}  // namespace

void AddThreadsFlag(CLI::App* command, std::optional<size_t>* threads) {
  command
      ->add_option("--threads", *threads,
                   "Threads, each with texts of its own; they work together on a text that comes alone. All processors "
                   "unless given, 1 for a text that comes alone")
      ->check(CountFlag(1, 64));
}

void AnswerTexts(const TextSource& texts, const AnswerOptions& options, const MakeTextAnswerer& make) {
  Answering(texts, options, make).Run();
}

}  // namespace smx::tools
