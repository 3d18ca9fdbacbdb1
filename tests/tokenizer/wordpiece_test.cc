#include "tokenizer/wordpiece.h"

#include <doctest/doctest.h>

#include <string>

#include "support/tokenizer_builder.h"

using smx::testing::BuiltTokenizer;
using smx::testing::SmallVocabulary;
using smx::testing::Tokens;

namespace {

using Offsets = std::vector<std::pair<uint32_t, uint32_t>>;

Tokens WithoutSpecial(const BuiltTokenizer& tokenizer, std::string_view text) {
  smx::TokenizeOptions options;
  options.add_special_tokens = false;
  return tokenizer.Tokenize(text, {}, options);
}

}  // namespace

TEST_CASE("wordpiece: the longest piece from the left wins") {
  const BuiltTokenizer tokenizer(SmallVocabulary({"un", "una", "##aff", "##ffable", "##able", "unaffected"}));
  CHECK(tokenizer.Pieces("unaffable") == "una ##ffable");
  CHECK(tokenizer.Pieces("unaffected") == "unaffected");
}

TEST_CASE(
    "wordpiece: a word of which a part is no piece is unknown as a whole, and nothing is taken back from others") {
  const BuiltTokenizer tokenizer(SmallVocabulary({"un", "##aff"}));
  CHECK(tokenizer.Pieces("un unaff unaffx un") == "un un ##aff [UNK] un");
}

TEST_CASE("wordpiece: a typed ## is punctuation, not a piece's beginning") {
  const BuiltTokenizer tokenizer(SmallVocabulary({"a", "#", "##a", "##"}));
  CHECK(tokenizer.Pieces("a##a") == "a # # a");
}

TEST_CASE("wordpiece: a word of 100 code points is split, of 101 is unknown") {
  const BuiltTokenizer tokenizer(SmallVocabulary({"\u00e6", "##\u00e6"}));
  std::string word;
  for (int i = 0; i < 100; ++i) word += "\u00e6";
  CHECK(WithoutSpecial(tokenizer, word).ids.size() == 100);
  const Tokens too_long = WithoutSpecial(tokenizer, word + "\u00c6 \u00e6");
  CHECK(too_long.ids == std::vector<int32_t>{1, 5});
  CHECK(too_long.offsets == Offsets{{0, 202}, {203, 205}});
}

TEST_CASE("wordpiece: accents that are dropped do not count as code points of a word") {
  const BuiltTokenizer tokenizer(SmallVocabulary({"a", "##a"}));
  std::string word;
  for (int i = 0; i < 100; ++i) word += "a\u0301\u0302";
  CHECK(WithoutSpecial(tokenizer, word).ids.size() == 100);
}

TEST_CASE("wordpiece: marks in a row are sorted by combining class, over dropped ones but not over a barrier") {
  // U+1D165 has class 216, U+302E 224; neither is a nonspacing mark. U+0316 (220) is dropped, U+0941 (0) is a barrier.
  const BuiltTokenizer tokenizer(
      SmallVocabulary({"a\U0001d165\u302e", "a\u302e\U0001d165", "a\u302e", "##\U0001d165"}));
  CHECK(tokenizer.Pieces("a\u302e\U0001d165") == "a\U0001d165\u302e");
  CHECK(tokenizer.Pieces("a\u302e\u0316\U0001d165") == "a\U0001d165\u302e");
  CHECK(tokenizer.Pieces("a\u302e\u0941\U0001d165") == "a\u302e\U0001d165");
  CHECK(tokenizer.Pieces("a\u302e\u200b\U0001d165") == "a\U0001d165\u302e");  // clean_text comes first
}

TEST_CASE("wordpiece: offsets are bytes of the original text") {
  const BuiltTokenizer tokenizer(SmallVocabulary({"cafe", "##s", "!", "\u4e2d", "\u1112\u1161\u11ab"}));
  const Tokens tokens = WithoutSpecial(tokenizer, " CAF\u00c9s!\u4e2d\ud55c");
  CHECK(tokens.ids == std::vector<int32_t>{5, 6, 7, 8, 9});
  CHECK(tokens.offsets == Offsets{{1, 6}, {6, 7}, {7, 8}, {8, 11}, {11, 14}});
}

TEST_CASE("wordpiece: special tokens are found in the raw text, the longest of several, and split a word") {
  auto compiled = SmallVocabulary({"a", "b", "[", "]", "mask", "[MASK]x"});
  compiled.special_tokens.emplace_back(10, "[MASK]x");
  const BuiltTokenizer tokenizer(std::move(compiled));
  CHECK(tokenizer.Pieces("a[MASK]b") == "a [MASK] b");
  CHECK(tokenizer.Pieces("a[MASK]xb") == "a [MASK]x b");
  CHECK(tokenizer.Pieces("[mask]") == "[ mask ]");
  CHECK(tokenizer.Pieces("[MASK") == "[ mask");
  CHECK(tokenizer.Pieces("\xe2\x82[MASK]\x82") == "[MASK]");
  CHECK(WithoutSpecial(tokenizer, "a [MASK]").offsets == Offsets{{0, 1}, {2, 8}});
}

TEST_CASE("wordpiece: on request special tokens are plain text") {
  const BuiltTokenizer tokenizer(SmallVocabulary({"[", "]", "mask"}));
  smx::TokenizeOptions options;
  options.add_special_tokens = false;
  options.parse_special_tokens = false;
  CHECK(tokenizer.Tokenize("[MASK]", {}, options).ids == std::vector<int32_t>{5, 7, 6});
}

TEST_CASE("wordpiece: ten megabytes with NUL bytes and one endless word pass") {
  const BuiltTokenizer tokenizer(SmallVocabulary({"ab", "##ab"}));
  std::string text(10u << 20, 'a');
  CHECK(WithoutSpecial(tokenizer, text).ids == std::vector<int32_t>{1});
  for (size_t i = 0; i < text.size(); i += 4) text.replace(i, 4, "ab \0", 4);
  const Tokens tokens = WithoutSpecial(tokenizer, text);
  CHECK(tokens.num_tokens_whole == text.size() / 4);
  CHECK(tokens.ids.size() == 4096);
}
