#include "tokenizer/bpe.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <string>

#include "bpe_merges.h"
#include "compile_sentencepiece.h"
#include "error.h"
#include "support/sentencepiece_bytes.h"
#include "support/tokenizer_builder.h"

using smx::testing::BuiltTokenizer;
using smx::tools::SentencePiece;

namespace {

BuiltTokenizer Bpe(const std::vector<SentencePiece>& pieces) {
  return BuiltTokenizer(smx::tools::CompileSentencePiece(
      "test", smx::testing::SentencePieceBytes(2, pieces, smx::testing::PlainReading())));
}

/// Merges the pair of the highest score, of equals the leftmost, as long as two neighbours make a piece.
std::string MergeAll(const std::map<std::string, float>& scores, const std::string& text) {
  constexpr float kNone = -HUGE_VALF;
  std::vector<std::string> symbols;
  for (const char letter : text) symbols.emplace_back(1, letter);
  std::vector<float> pairs(symbols.size(), kNone);  // the score of what a symbol makes with the next
  const auto see = [&](size_t i) {
    const bool is_last = i + 1 == symbols.size();
    const auto found = is_last ? scores.end() : scores.find(symbols[i] + symbols[i + 1]);
    pairs[i] = found == scores.end() ? kNone : found->second;
  };
  for (size_t i = 0; i < symbols.size(); ++i) see(i);
  while (true) {
    const auto best = std::max_element(pairs.begin(), pairs.end());
    if (best == pairs.end() || *best == kNone) break;
    const std::ptrdiff_t at = best - pairs.begin();
    symbols[static_cast<size_t>(at)] += symbols[static_cast<size_t>(at) + 1];
    symbols.erase(symbols.begin() + at + 1);
    pairs.erase(pairs.begin() + at + 1);
    see(static_cast<size_t>(at));
    if (at > 0) see(static_cast<size_t>(at) - 1);
  }
  std::string joined;
  for (const std::string& symbol : symbols) joined += (joined.empty() ? "" : " ") + symbol;
  return joined;
}

/// Pieces as training would add them: each joins two that are there; some have the score of the one before.
std::vector<SentencePiece> RandomPieces(std::mt19937* random) {
  std::vector<SentencePiece> pieces = {{"a", -1000}, {"b", -1000}, {"c", -1000}};
  std::map<std::string, bool> known;
  float score = 0;
  for (size_t i = 0; i < 25; ++i) {
    const std::string text = pieces[(*random)() % pieces.size()].text + pieces[(*random)() % pieces.size()].text;
    if ((*random)() % 4 != 0) score -= 1;
    if (text.size() <= 12 && known.emplace(text, true).second) pieces.push_back({text, score});
  }
  return pieces;
}

}  // namespace

TEST_CASE("bpe: the highest score merges first, of equals the leftmost") {
  CHECK(Bpe({{"a"}, {"b"}, {"ab", -1}, {"ba", -2}}).Pieces("bab") == "b ab");
  CHECK(Bpe({{"a"}, {"b"}, {"ab", -2}, {"ba", -1}}).Pieces("bab") == "ba b");
  CHECK(Bpe({{"a"}, {"aa", -1}}).Pieces("aaaaa") == "aa aa a");
  CHECK(Bpe({{"a"}, {"aa", -1}, {"aaa", -1}}).Pieces("aaaaa") == "aaa aa");
  CHECK(Bpe({{"a"}, {"aa", -1}, {"aaa", -2}}).Pieces("aaaaa") == "aa aaa");
}

TEST_CASE("bpe: a piece may have parts that are none, and one that no merge makes is not found") {
  CHECK(Bpe({{"a"}, {"xy", -1}, {"axy", -2}}).Pieces("axyx") == "axy <unk>");
  CHECK(Bpe({{"a"}, {"b"}, {"c"}, {"abc", -1}}).Pieces("abc") == "a b c");
}

TEST_CASE("bpe: random vocabularies and texts give what merging gives") {
  std::mt19937 random(77);
  size_t num_tried = 0;
  for (int round = 0; round < 400; ++round) {
    CAPTURE(round);
    const std::vector<SentencePiece> pieces = RandomPieces(&random);
    std::map<std::string, float> scores;
    for (const SentencePiece& piece : pieces) scores[piece.text] = piece.score;
    std::string text;
    for (size_t length = random() % 60; length > 0; --length) text += "abc"[random() % (round % 3 + 1)];
    try {
      const BuiltTokenizer tokenizer = Bpe(pieces);
      CAPTURE(text);
      CHECK(tokenizer.Pieces(text) == MergeAll(scores, text));
      ++num_tried;
    } catch (const smx::tools::Error& error) {  // a piece that two merges make may have ranks that fall
      CHECK(std::string(error.what()).find("lower rank") != std::string::npos);
    }
  }
  CHECK(num_tried > 100);
}

TEST_CASE("bpe: words of many blocks are cut as by merging") {
  const std::vector<SentencePiece> pieces = {{"a"}, {"b"}, {"aa", -1}, {"aaa", -2}, {"ab", -3}, {"aab", -4}};
  std::map<std::string, float> scores;
  for (const SentencePiece& piece : pieces) scores[piece.text] = piece.score;
  const BuiltTokenizer tokenizer = Bpe(pieces);
  std::mt19937 random(5);
  for (const size_t size : {9000, 12001}) {
    std::string text;
    while (text.size() < size) text += random() % 9 == 0 ? 'b' : 'a';
    std::string joined;
    for (const int32_t id : tokenizer.Tokenize(text, {}, {}, size).ids) {
      joined += (joined.empty() ? "" : " ") + std::string(tokenizer.view().Piece(static_cast<uint32_t>(id)));
    }
    CHECK(joined == MergeAll(scores, text));
  }
}

TEST_CASE("bpe merges: the last merge of a piece, and none of what is no result of merging") {
  const auto rank = [](std::string_view left, std::string_view right) -> std::optional<uint32_t> {
    if (left == "a" && right == "b") return 0;
    if (left == "ab" && right == "c") return 1;
    return std::nullopt;
  };
  const smx::tools::LastMerges merges = smx::tools::FindLastMerges("test", {"a", "ab", "abc", "bc"}, rank);
  CHECK(merges.ranks == std::vector<uint32_t>{smx::schema::kNeverMerged, 0, 1, smx::schema::kNeverMerged});
  CHECK(merges.left_bytes == std::vector<uint16_t>{0, 1, 2, 0});
}
