#include "tokenizer/segmenter.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>

#include "compile_sentencepiece.h"
#include "support/count.h"
#include "support/sentencepiece_bytes.h"
#include "support/tokenizer_builder.h"
#include "tokenizer/tokenize_text.h"

using smx::testing::BuiltTokenizer;
using smx::testing::Tokens;
using smx::tests::LongText;
using smx::tests::NumModels;
using smx::tools::SentencePiece;

namespace {

using Offsets = std::vector<std::pair<uint32_t, uint32_t>>;

BuiltTokenizer Unigram(const std::vector<SentencePiece>& pieces, const std::string& spec = "") {
  return BuiltTokenizer(smx::tools::CompileSentencePiece(
      "test", smx::testing::SentencePieceBytes(1, pieces, smx::testing::PlainReading(), spec)));
}

Tokens TokensOf(const BuiltTokenizer& tokenizer, const std::string& text) {
  return tokenizer.Tokenize(text, {}, {}, text.size() + 8);
}

/// The best pieces of an ASCII text by the whole table, as SentencePiece has it.
std::vector<int32_t> BestIds(const std::vector<SentencePiece>& pieces, const std::string& text) {
  std::map<std::string, int32_t> ids;
  size_t longest = 0;
  for (size_t i = 0; i < pieces.size(); ++i) {
    ids[pieces[i].text] = static_cast<int32_t>(i) + 1;
    longest = std::max(longest, pieces[i].text.size());
  }
  struct Best {
    float score = 0;
    size_t begin = SIZE_MAX;
    int32_t id = 0;
  };
  std::vector<Best> best(text.size() + 1);
  for (size_t begin = 0; begin < text.size(); ++begin) {
    for (size_t end = begin + 1; end <= std::min(text.size(), begin + longest); ++end) {
      const auto found = ids.find(text.substr(begin, end - begin));
      if (found == ids.end()) continue;
      const float score = best[begin].score + pieces[static_cast<size_t>(found->second) - 1].score;
      if (best[end].begin == SIZE_MAX || score > best[end].score) best[end] = {score, begin, found->second};
    }
  }
  std::vector<int32_t> result;
  for (size_t end = text.size(); end > 0; end = best[end].begin) result.push_back(best[end].id);
  std::reverse(result.begin(), result.end());
  return result;
}

/// Steps for a text of `n` bytes.
uint64_t StepsOf(const BuiltTokenizer& tokenizer, const std::string& text) {
  std::vector<uint8_t> scratch(smx::Segmenter::ScratchBytes(tokenizer.view()));
  smx::TokenWriter writer({}, 0, 0, 0);
  smx::Segmenter segmenter(smx::TextReader(tokenizer.view(), text, 0), tokenizer.view(), false, scratch.data(),
                           &writer);
  segmenter.Run();
  return segmenter.steps();
}

}  // namespace

TEST_CASE("segmenter: the highest sum of scores wins, of equal ones the piece that begins first") {
  CHECK(Unigram({{"a", -1}, {"b", -1}, {"ab", -1.5f}, {"bc", -3}, {"c", -1}}).Pieces("abc") == "ab c");
  CHECK(Unigram({{"a", -1}, {"b", -1}, {"ab", -2.5f}}).Pieces("ab") == "a b");
  CHECK(Unigram({{"a", -1}, {"aa", -1}}).Pieces("aaa") == "a aa");  // up to 3: from 1 with "aa" before from 2 with "a"
}

TEST_CASE("segmenter: unknown code points in a row are one token, 10 below the lowest score each") {
  const BuiltTokenizer tokenizer = Unigram({{"a", -1}, {"b", -2}});
  const Tokens tokens = TokensOf(tokenizer, "a\u00e9\u4e2db\u00e9");
  CHECK(tokens.ids == std::vector<int32_t>{1, 0, 2, 0});
  CHECK(tokens.offsets == Offsets{{0, 1}, {1, 6}, {6, 7}, {7, 9}});
  CHECK(tokenizer.view().segmentation.unk_score == -12);
}

TEST_CASE("segmenter: control, unused and unknown pieces are not found in a text") {
  const BuiltTokenizer tokenizer = Unigram(
      {{"<", -1}, {"s", -1}, {">", -1}, {"<s>", 0, SentencePiece::kControl}, {"ss", 0, SentencePiece::kUnused}});
  CHECK(tokenizer.Pieces("<s>ss") == "< s > s s");
  CHECK(tokenizer.Pieces("<unk>") == "< <unk> >");
}

TEST_CASE("segmenter: with byte fallback an unknown code point is its bytes, each of which covers it") {
  std::vector<SentencePiece> pieces = {{"a", -1}};
  for (const std::string& name : smx::testing::BytePieceNames()) pieces.push_back({name, 0, SentencePiece::kByte});
  const Tokens tokens = TokensOf(Unigram(pieces, smx::testing::ProtobufNumber(35, 1)), "a\u00e9");
  CHECK(tokens.ids == std::vector<int32_t>{1, 2 + 0xc3, 2 + 0xa9});
  CHECK(tokens.offsets == Offsets{{0, 1}, {1, 3}, {1, 3}});
}

TEST_CASE("segmenter: texts of many blocks are cut as by the whole table") {
  std::mt19937 random(6);
  for (size_t round = 0; round < NumModels(60); ++round) {
    CAPTURE(round);
    std::vector<SentencePiece> pieces;
    std::map<std::string, bool> known;
    for (const char letter : {'a', 'b', 'c'})
      pieces.push_back({std::string(1, letter), -2.0f - 0.25f * static_cast<float>(random() % 9)});
    for (int i = 0; i < 12; ++i) {
      std::string text;
      for (size_t length = 2 + random() % 7; length > 0; --length) text += "abc"[random() % (round % 3 + 1)];
      if (known.emplace(text, true).second)
        pieces.push_back({text, -3.0f - 0.125f * static_cast<float>(random() % 64)});
    }
    std::string text;
    const size_t size = round % 4 == 0 ? LongText(100000) : 12000;
    while (text.size() < size) text += "abc"[random() % (round % 3 + 1)];
    CHECK(TokensOf(Unigram(pieces), text).ids == BestIds(pieces, text));
  }
}

TEST_CASE("segmenter: a first piece that hangs on whether a million letters are even or odd") {
  // Only pairs and, once, three: which it is shows at the end, and all that can be the best stay apart up to there.
  const BuiltTokenizer tokenizer = Unigram({{"a", -100}, {"aa", -2}, {"baaa", -1}, {"b", -1}});
  const size_t even = LongText(1000000) / 2 * 2;
  for (const size_t letters : {even - 1, even, even + 1}) {
    const Tokens tokens = TokensOf(tokenizer, "b" + std::string(letters, 'a'));
    CHECK(tokens.ids.size() == (letters % 2 == 0 ? letters / 2 + 1 : (letters - 3) / 2 + 1));
    CHECK(tokens.ids.front() == (letters % 2 == 0 ? 4 : 3));
    CHECK(std::all_of(tokens.ids.begin() + 1, tokens.ids.end(), [](int32_t id) { return id == 2; }));
    CHECK(tokens.offsets.back().second == letters + 1);
  }
}

TEST_CASE("segmenter: steps grow with the text, and by its logarithm where its front hangs on its end") {
  const BuiltTokenizer easy = Unigram({{"a", -1}, {"b", -1}, {"ab", -1.5f}, {"ba", -1.25f}});
  const BuiltTokenizer hard = Unigram({{"a", -100}, {"aa", -2}});
  std::mt19937 random(1);
  std::string text;
  const size_t longest = LongText(size_t{1} << 22);
  while (text.size() < longest) text += "ab"[random() % 2];
  const uint64_t per_byte = StepsOf(easy, text.substr(0, 1000)) / 1000 + 1;
  for (const size_t n : {longest / 64, longest / 4, longest}) {
    CAPTURE(n);
    CHECK(StepsOf(easy, text.substr(0, n)) <= 2 * per_byte * n);
    CHECK(StepsOf(hard, std::string(n, 'a')) <= 2 * per_byte * n * 4);
  }
}

TEST_CASE("segmenter: works in the memory that it asks for, at any alignment") {
  const BuiltTokenizer tokenizer = Unigram({{"a", -100}, {"aa", -2}, {"b", -1}});
  const std::string text = std::string(70001, 'a') + "b" + std::string(70000, 'a');
  const size_t bytes = smx::Segmenter::ScratchBytes(tokenizer.view());
  CHECK(bytes < 60000);
  for (size_t skip = 0; skip < 8; ++skip) {
    std::vector<uint8_t> scratch(skip + bytes + 16, 0xee);
    std::vector<int32_t> ids(text.size());
    smx::TokenBuffers out = {ids, {}, {}};
    smx::TokenWriter writer(out, 0, ids.size(), 0);
    smx::Segmenter(smx::TextReader(tokenizer.view(), text, 0), tokenizer.view(), false, scratch.data() + skip, &writer)
        .Run();
    CHECK(writer.num_tokens() == 70002);
    CHECK(std::count(scratch.begin(), scratch.begin() + static_cast<std::ptrdiff_t>(skip), 0xee) ==
          static_cast<std::ptrdiff_t>(skip));
    CHECK(std::count(scratch.end() - 16, scratch.end(), 0xee) == 16);
  }
}

TEST_CASE("segmenter: too little scratch is refused") {
  const BuiltTokenizer tokenizer = Unigram({{"a", -1}});
  std::vector<uint8_t> scratch(smx::ScratchBytes(tokenizer.view()) - 1);
  std::vector<int32_t> ids(4);
  smx::TokenizeResult result = {};
  CHECK(smx::TokenizeText(tokenizer.view(), "a", {}, {}, {ids, {}, {}, scratch}, {}, &result) ==
        smx::Status::kInvalidArgument);
}
