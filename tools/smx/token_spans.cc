#include "token_spans.h"

#include <algorithm>
#include <string_view>

#include "smx/tokenizer.h"

namespace smx::tools {
namespace {

bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

bool CoversNothing(const TokenLabel& token) { return token.offset.begin == token.offset.end; }

/// Whether a token is the rest of a word.
class WordRule {
 public:
  explicit WordRule(const Model& model)
      : tokenizer_(Tokenizer::Create(model)),
        is_wordpiece_(std::string_view(model.info().tokenizer_kind) == "wordpiece") {}

  bool Continues(const LabelledSpan& word, const TokenLabel& token, std::string_view text) const {
    if (word.of_pair != token.of_pair || word.end != token.offset.begin) return false;
    if (is_wordpiece_) return tokenizer_->Piece(token.token_id).substr(0, 2) == "##";
    return !IsSpace(text[word.end - 1]) && !IsSpace(text[word.end]);
  }

 private:
  Result<Tokenizer> tokenizer_;
  bool is_wordpiece_;
};

/// Without spaces around it; may become empty.
void Trim(std::string_view text, LabelledSpan* span) {
  while (span->begin < span->end && IsSpace(text[span->begin])) ++span->begin;
  while (span->begin < span->end && IsSpace(text[span->end - 1])) --span->end;
}

LabelledSpan SpanOf(const TokenLabel& token, const std::vector<std::string>& labels) {
  return {labels[token.class_index], static_cast<double>(token.probability), token.offset.begin, token.offset.end,
          token.of_pair};
}

/// What a tag is of, such as PER of B-PER; empty of a label that is no such tag.
std::string TypeOf(const std::string& label) {
  const bool is_tag = label.size() > 2 && (label[0] == 'B' || label[0] == 'I') && label[1] == '-';
  return is_tag ? label.substr(2) : "";
}

}  // namespace

std::vector<LabelledSpan> TokenSpans(Span<const TokenLabel> tokens, const std::vector<std::string>& labels) {
  std::vector<LabelledSpan> spans;
  for (const TokenLabel& token : tokens) {
    if (!CoversNothing(token)) spans.push_back(SpanOf(token, labels));
  }
  return spans;
}

std::vector<LabelledSpan> WordSpans(const Model& model, const InputText& input, Span<const TokenLabel> tokens,
                                    const std::vector<std::string>& labels) {
  const WordRule rule(model);
  std::vector<LabelledSpan> words;
  for (const TokenLabel& token : tokens) {
    if (CoversNothing(token)) continue;
    const std::string& text = token.of_pair ? input.text_pair : input.text;
    if (!words.empty() && rule.Continues(words.back(), token, text)) {
      words.back().end = token.offset.end;
    } else {
      words.push_back(SpanOf(token, labels));
    }
  }
  for (LabelledSpan& word : words) Trim(word.of_pair ? input.text_pair : input.text, &word);
  words.erase(std::remove_if(words.begin(), words.end(), [](const LabelledSpan& w) { return w.begin == w.end; }),
              words.end());
  return words;
}

std::vector<LabelledSpan> EntitySpans(const std::vector<LabelledSpan>& words) {
  std::vector<LabelledSpan> spans;
  size_t num_words = 0;  // of the last span, while it may go on; else 0
  for (const LabelledSpan& word : words) {
    const std::string type = TypeOf(word.label);
    const bool goes_on = num_words > 0 && word.label[0] == 'I' && type == spans.back().label && !type.empty() &&
                         word.of_pair == spans.back().of_pair;
    if (goes_on) {
      LabelledSpan& span = spans.back();
      span.end = word.end;
      span.probability += (word.probability - span.probability) / static_cast<double>(++num_words);
      continue;
    }
    num_words = type.empty() ? 0 : 1;
    if (word.label == "O") continue;
    spans.push_back(word);
    if (!type.empty()) spans.back().label = type;
  }
  return spans;
}

}  // namespace smx::tools
