#include "tokenizer/text_reader.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "compile_sentencepiece.h"
#include "support/sentencepiece_bytes.h"
#include "support/tokenizer_builder.h"
#include "tokenizer_compiler.h"

using smx::testing::BuiltTokenizer;

namespace {

/// Code points as read, and where they came from.
struct Read {
  std::string text;
  std::vector<std::pair<uint32_t, uint32_t>> sources;
};

Read ReadAll(const smx::TokenizerView& view, std::string_view text) {
  Read read;
  smx::TextReader reader(view, text, 100);
  for (smx::ReadCodePoint next; reader.Next(&next);) {
    read.text.append(next.bytes, next.num_bytes);
    read.sources.emplace_back(next.source.begin - 100, next.source.end - 100);
  }
  return read;
}

std::string ReadText(const BuiltTokenizer& tokenizer, std::string_view text) {
  return ReadAll(tokenizer.view(), text).text;
}

/// NFKC by the map of a genuine model, U+2581 in front, extra spaces removed.
const BuiltTokenizer& Nfkc() {
  static const BuiltTokenizer tokenizer(
      smx::tools::CompileTokenizer(std::string(SMX_TESTS_DIR) + "/tokenizer/data/spm_test_unigram_1000.model", {}));
  return tokenizer;
}

const BuiltTokenizer& Plain() {
  static const BuiltTokenizer tokenizer(smx::tools::CompileSentencePiece(
      "test", smx::testing::SentencePieceBytes(1, {{"a"}}, smx::testing::PlainReading())));
  return tokenizer;
}

}  // namespace

TEST_CASE("text reader: the longest key is replaced, spaces are U+2581 and one is put in front") {
  CHECK(ReadText(Nfkc(), "a b") == "\u2581a\u2581b");
  CHECK(ReadText(Nfkc(), "\ufb01e\u0301\u0301") == "\u2581fi\u00e9\u0301");
  CHECK(ReadText(Nfkc(), "\u3000\u00bd") == "\u25811\u20442");
  CHECK(ReadText(Plain(), " \ufb01  ") == "\u2581\ufb01\u2581\u2581");
}

TEST_CASE(
    "text reader: spaces at both ends and behind another go, typed U+2581 at the end too, as SentencePiece does") {
  CHECK(ReadText(Nfkc(), "  a  \u00a0 b ") == "\u2581a\u2581b");
  CHECK(ReadText(Nfkc(), "a \u2581\u2581 ") == "\u2581a");
  CHECK(ReadText(Nfkc(), "a\u2581\u2581 b") == "\u2581a\u2581\u2581\u2581b");
  CHECK(ReadText(Nfkc(), "\u2581").empty());
  CHECK(ReadText(Nfkc(), " \u3000 ").empty());
  CHECK(ReadText(Nfkc(), "").empty());
  CHECK(ReadText(Nfkc(), "\u00a8a") == "\u2581\u0308a");  // becomes a space and a mark; the space is at the beginning
}

TEST_CASE("text reader: each byte that is no UTF-8 is U+FFFD, and NUL is a character") {
  CHECK(ReadText(Plain(), "\xe2\x82z\xff") == "\ufffd\ufffdz\ufffd");
  CHECK(ReadText(Plain(), std::string_view("a\0b", 3)) == std::string("a\0b", 3));
  CHECK(ReadText(Nfkc(), "\xed\xa0\x80") == "\u2581\ufffd\ufffd\ufffd");
}

TEST_CASE("text reader: sources are bytes of the original text, none for what is put in front") {
  using Sources = std::vector<std::pair<uint32_t, uint32_t>>;
  CHECK(ReadAll(Nfkc().view(), " \ufb01 e\u0301").sources == Sources{{1, 1}, {1, 4}, {1, 4}, {4, 5}, {5, 8}});
}

TEST_CASE("text reader: many long runs of spaces are looked through once each") {
  std::string text;
  for (int i = 0; i < 2000; ++i) text += std::string(500, ' ') + "\u3000\u2581\u2581a";
  const std::string read = ReadText(Nfkc(), text);
  CHECK(read.size() == 2000 * (3 * 3 + 1));
}

TEST_CASE("text reader: a copy goes on from where the original is") {
  smx::TextReader reader(Nfkc().view(), "\ufb01 \ufb01", 0);
  smx::ReadCodePoint next;
  for (int i = 0; i < 2; ++i) REQUIRE(reader.Next(&next));
  smx::TextReader copy = reader;
  std::string first, second;
  while (reader.Next(&next)) first.append(next.bytes, next.num_bytes);
  while (copy.Next(&next)) second.append(next.bytes, next.num_bytes);
  CHECK(first == "i\u2581fi");
  CHECK(second == first);
}
