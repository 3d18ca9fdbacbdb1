#ifndef SMX_TOOLS_SMX_TOKEN_SPANS_H_
#define SMX_TOOLS_SMX_TOKEN_SPANS_H_

#include <string>
#include <vector>

#include "smx/classifier.h"
#include "text_source.h"

namespace smx::tools {

/// Bytes [begin, end) of a text, or of the second text of a pair, with their label.
struct LabelledSpan {
  std::string label;
  double probability;
  size_t begin, end;
  bool of_pair;
};

/// The tokens that cover something, in order. `labels` are the names of the classes, `tokens` those of `input`.
std::vector<LabelledSpan> TokenSpans(Span<const TokenLabel> tokens, const std::vector<std::string>& labels);

/// Words, each with the label and the probability of its first token, without the spaces around it. A token continues a
/// word of WordPiece when its piece begins with ##, a word of another tokenizer when no space is between.
std::vector<LabelledSpan> WordSpans(const Model& model, const InputText& input, Span<const TokenLabel> tokens,
                                    const std::vector<std::string>& labels);

/// Words that tags make one: B-X or I-X, and the I-X that follow it, are X with the mean of their probabilities; words
/// of O are left out; a word of another label stays as it is.
std::vector<LabelledSpan> EntitySpans(const std::vector<LabelledSpan>& words);

}  // namespace smx::tools

#endif  // SMX_TOOLS_SMX_TOKEN_SPANS_H_
