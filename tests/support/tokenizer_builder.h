#ifndef SMX_TESTS_SUPPORT_TOKENIZER_BUILDER_H_
#define SMX_TESTS_SUPPORT_TOKENIZER_BUILDER_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "smx/tokenizer.h"
#include "tokenizer/vocabulary.h"
#include "tokenizer_compiler.h"

namespace smx::testing {

/// What a text became, as vectors.
struct Tokens {
  Status status = Status::kInternal;
  std::vector<int32_t> ids;
  std::vector<int32_t> type_ids;
  std::vector<std::pair<uint32_t, uint32_t>> offsets;
  size_t num_tokens_whole = 0;
};

/// A compiled tokenizer and the engine's view of it, without a model file.
class BuiltTokenizer {
 public:
  explicit BuiltTokenizer(tools::CompiledTokenizer compiled);
  BuiltTokenizer(const BuiltTokenizer&) = delete;
  BuiltTokenizer& operator=(const BuiltTokenizer&) = delete;

  /// For tests that break something; the arrays that it points at may be changed through `compiled`.
  TokenizerView& view() { return view_; }
  const TokenizerView& view() const { return view_; }
  tools::CompiledTokenizer& compiled() { return compiled_; }

  /// `pair` with null data() means none.
  Tokens Tokenize(std::string_view text, std::string_view pair = {}, const TokenizeOptions& options = {},
                  size_t capacity = 4096) const;
  /// The pieces of a text without special tokens around it, joined by spaces.
  std::string Pieces(std::string_view text) const;

 private:
  tools::CompiledTokenizer compiled_;
  std::vector<SpecialTokenView> special_tokens_;
  TokenizerView view_;
};

/// Ids 0..4 are [PAD] [UNK] [CLS] [SEP] [MASK], special ones; `pieces` follow from 5 on.
tools::CompiledTokenizer SmallVocabulary(std::vector<std::string> pieces,
                                         const tools::TokenizerSwitches& switches = {});

}  // namespace smx::testing

#endif  // SMX_TESTS_SUPPORT_TOKENIZER_BUILDER_H_
