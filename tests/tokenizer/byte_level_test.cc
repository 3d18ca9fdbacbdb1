#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <random>
#include <regex>
#include <string>

#include "support/count.h"
#include "support/tokenizer_builder.h"
#include "tokenizer/segmenter.h"
#include "tokenizer/text_reader.h"
#include "tokenizer/utf8.h"

using smx::testing::BuiltTokenizer;
using smx::testing::Tokens;

namespace {

/// The first 3,000 merges of GPT-2.
const BuiltTokenizer& Genuine() {
  static const BuiltTokenizer tokenizer(
      smx::tools::CompileTokenizer(std::string(SMX_TESTS_DIR) + "/tokenizer/data/byte_bpe_small_tokenizer.json", {}));
  return tokenizer;
}

/// The words of a text with '|' between them, each as the bytes of the text that it came from.
std::string Words(std::string_view text) {
  std::string words;
  smx::TextReader reader(Genuine().view(), text, 0);
  for (smx::ReadCodePoint next; reader.Next(&next);) {
    if (next.begins_word && !words.empty()) words += '|';
    words += text.substr(next.source.begin, next.source.end - next.source.begin);
  }
  return words;
}

/// GPT-2's pattern for ASCII.
std::string WordsByPattern(const std::string& text) {
  static const std::regex pattern("'s|'t|'re|'ve|'m|'ll|'d| ?[A-Za-z]+| ?[0-9]+| ?[^\\sA-Za-z0-9]+|\\s+(?!\\S)|\\s+");
  std::string words;
  for (std::sregex_iterator word(text.begin(), text.end(), pattern); word != std::sregex_iterator(); ++word) {
    words += (words.empty() ? "" : "|") + word->str();
  }
  return words;
}

uint64_t StepsOf(const std::string& text) {
  std::vector<uint8_t> scratch(smx::Segmenter::ScratchBytes(Genuine().view()));
  smx::TokenWriter writer({}, 0, 0, 0);
  smx::Segmenter segmenter(smx::TextReader(Genuine().view(), text, 0), Genuine().view(), false, scratch.data(),
                           &writer);
  segmenter.Run();
  return segmenter.steps();
}

}  // namespace

TEST_CASE("byte level: words are letters, numbers or other characters, each with one space in front") {
  CHECK(Words("Hello, world 12abc!") == "Hello|,| world| 12|abc|!");
  CHECK(Words("\u00e9t\u00e9 \u4e2d\u6587 \u00bd\u0663x") == "\u00e9t\u00e9| \u4e2d\u6587| \u00bd\u0663|x");
  CHECK(Words("a\u0301") == "a|\u0301");  // a mark is no letter
}

TEST_CASE("byte level: the last of several spaces goes to what follows, if it is U+0020") {
  CHECK(Words("a   b") == "a|  | b");
  CHECK(Words("a \n b") == "a| \n| b");
  CHECK(Words("a \n\nb") == "a| \n|\n|b");
  CHECK(Words("a\u00a0b") == "a|\u00a0|b");
  CHECK(Words("a  ") == "a|  ");
  CHECK(Words("  ") == "  ");
}

TEST_CASE("byte level: contractions are words where a word begins, in small letters only") {
  CHECK(Words("I'll we've can't") == "I|'ll| we|'ve| can|'t");
  CHECK(Words("I'LL x'sy") == "I|'|LL| x|'s|y");
  CHECK(Words(" 's") == " '|s");
  CHECK(Words("!'s 1'd're") == "!'|s| 1|'d|'re");
  CHECK(Words("'r") == "'|r");
  CHECK(Words("'l") == "'|l");
}

TEST_CASE("byte level: random ASCII texts are cut as GPT-2's pattern cuts them") {
  std::mt19937 random(11);
  constexpr std::string_view kAlphabet = "  \n\t'''smtdrevlLL09!-";
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (size_t length = random() % 24; length > 0; --length) text += kAlphabet[random() % kAlphabet.size()];
    CAPTURE(text);
    CHECK(Words(text) == WordsByPattern(text));
  }
}

TEST_CASE("byte level: each byte is one code point, that of no piece twice") {
  std::array<bool, 0x144> known = {};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    const uint32_t visible = smx::schema::VisibleCodePoint(static_cast<uint8_t>(byte));
    REQUIRE(visible < known.size());
    CHECK_FALSE(known[visible]);
    known[visible] = true;
  }
  CHECK(smx::schema::VisibleCodePoint(' ') == 0x120);
  CHECK(smx::schema::VisibleCodePoint('a') == 'a');
  CHECK(smx::schema::VisibleCodePoint(0xad) == 0x143);
}

TEST_CASE("byte level: all code points are letters, numbers, spaces or others as tokenizers 0.23.3 has them") {
  // Printed by tests/tokenizer/data/make_pieces.py.
  std::array<size_t, 4> counts = {};
  uint32_t fnv = 2166136261;
  for (uint32_t code_point = 0; code_point < smx::kNumCodePoints; ++code_point) {
    const bool is_surrogate = code_point >= 0xd800 && code_point < 0xe000;
    const uint8_t kind = is_surrogate ? uint8_t{0} : Genuine().view().reading.classes.ClassOf(code_point);
    ++counts.at(kind);
    fnv = (fnv ^ kind) * 16777619u;
  }
  CHECK(counts == std::array<size_t, 4>{971148, 141028, 1911, 25});
  CHECK(fnv == 1586894832);
}

TEST_CASE("byte level: offsets are the very bytes of each piece, one after the other") {
  const std::string text = " I'll be \u4e2d\u6587 \U0001f600\u00a0 caf\u00e9\n\n<|endoftext|>end ";
  const Tokens tokens = Genuine().Tokenize(text);
  uint32_t end = 0;
  for (size_t i = 0; i < tokens.ids.size(); ++i) {
    CHECK(tokens.offsets[i].first == end);
    end = tokens.offsets[i].second;
    std::string visible;
    for (const char byte : text.substr(tokens.offsets[i].first, end - tokens.offsets[i].first)) {
      char bytes[4];
      visible.append(bytes, smx::EncodeUtf8(smx::schema::VisibleCodePoint(static_cast<uint8_t>(byte)), bytes));
    }
    const std::string_view piece = Genuine().view().Piece(static_cast<uint32_t>(tokens.ids[i]));
    CHECK((piece == visible || piece == "<|endoftext|>"));
  }
  CHECK(end == text.size());
}

TEST_CASE("byte level: what is no UTF-8 is the three bytes of U+FFFD, each of which covers it") {
  using Offsets = std::vector<std::pair<uint32_t, uint32_t>>;
  const Tokens tokens = Genuine().Tokenize("a\xe2\x82z");
  CHECK(tokens.ids == Genuine().Tokenize("a\ufffdz").ids);
  REQUIRE(tokens.offsets.size() >= 3);
  CHECK(tokens.offsets.front() == Offsets::value_type{0, 1});
  CHECK(std::all_of(tokens.offsets.begin() + 1, tokens.offsets.end() - 1, [](const auto& offset) {
    return offset == Offsets::value_type{1, 3};
  }));
  CHECK(tokens.offsets.back() == Offsets::value_type{3, 4});
}

TEST_CASE("byte level: a special token typed in a text is one unless it is to be plain") {
  smx::TokenizeOptions plain;
  plain.parse_special_tokens = false;
  CHECK(Genuine().Tokenize("<|endoftext|>").ids == std::vector<int32_t>{3256});
  const Tokens tokens = Genuine().Tokenize("<|endoftext|>", {}, plain);
  CHECK(tokens.ids.size() > 3);
  CHECK(std::count(tokens.ids.begin(), tokens.ids.end(), 3256) == 0);
}

TEST_CASE("byte level: steps grow with the text, whether a million characters are one word or spaces") {
  std::mt19937 random(3);
  std::string letters;
  const size_t longest = smx::tests::LongText(size_t{1} << 20);
  while (letters.size() < longest) letters += static_cast<char>('a' + random() % 26);
  const uint64_t per_byte = StepsOf(letters.substr(0, 1000)) / 1000 + 1;
  for (const size_t n : {longest / 16, longest}) {
    CAPTURE(n);
    CHECK(StepsOf(letters.substr(0, n)) <= 2 * per_byte * n);
    for (const char* repeated : {" ", "a", "=", "'s", "1 "}) {
      CAPTURE(repeated);
      std::string text;
      while (text.size() < n) text += repeated;
      CHECK(StepsOf(text) <= 8 * per_byte * n);
    }
  }
}
