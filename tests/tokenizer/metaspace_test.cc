// Texts read as the library `tokenizers` reads them for T5 and ALBERT.

#include <doctest/doctest.h>

#include <array>
#include <random>
#include <string>
#include <vector>

#include "support/count.h"
#include "support/tokenizer_builder.h"
#include "support/unigram_json.h"
#include "tokenizer/segmenter.h"
#include "tokenizer/text_reader.h"
#include "tokenizer/utf8.h"

using smx::testing::BuiltTokenizer;

namespace {

BuiltTokenizer Build(bool with_steps) {
  const std::string model = std::string(SMX_TESTS_DIR) + "/tokenizer/data/spm_test_unigram_1000.model";
  return BuiltTokenizer(smx::testing::CompileJson(smx::testing::UnigramJsonOf(model, with_steps)));
}

/// NFKC by a character map, as T5 has one.
const BuiltTokenizer& Mapped() {
  static const BuiltTokenizer tokenizer = Build(false);
  return tokenizer;
}

/// NFKD, StripAccents and Lowercase first, as for ALBERT.
const BuiltTokenizer& Stripped() {
  static const BuiltTokenizer tokenizer = Build(true);
  return tokenizer;
}

const BuiltTokenizer& Plain() {
  static const BuiltTokenizer tokenizer(smx::testing::CompileJson(smx::testing::TinyUnigramJson()));
  return tokenizer;
}

/// The words of a text with '|' between them; U+2581 is '_'.
std::string Words(const BuiltTokenizer& tokenizer, std::string_view text) {
  std::string words;
  smx::TextReader reader(tokenizer.view(), text, 0);
  for (smx::ReadCodePoint next; reader.Next(&next);) {
    if (next.begins_word && !words.empty()) words += '|';
    words += smx::IsSpaceSymbol(next) ? std::string("_") : std::string(next.bytes, next.num_bytes);
  }
  return words;
}

/// Whether each of `kinds` begins a cluster.
std::string Breaks(const std::vector<uint8_t>& kinds) {
  smx::ClusterBreaks breaks;
  std::string found;
  for (const uint8_t kind : kinds) found += breaks.BeginsWith(kind) ? '|' : '-';
  return found;
}

uint64_t StepsOf(const BuiltTokenizer& tokenizer, const std::string& text) {
  std::vector<uint8_t> scratch(smx::Segmenter::ScratchBytes(tokenizer.view()));
  smx::TokenWriter writer({}, 0, 0, 0);
  smx::Segmenter segmenter(smx::TextReader(tokenizer.view(), text, 0), tokenizer.view(), false, scratch.data(),
                           &writer);
  segmenter.Run();
  return segmenter.steps();
}

}  // namespace

TEST_CASE("metaspace: words end at white space, and each begins with one U+2581") {
  CHECK(Words(Plain(), "  a  b\n") == "_a|_b");
  CHECK(Words(Plain(), "a\u3000b\u0085c\u200bd") == "_a|_b|_c\u200bd");
  CHECK(Words(Plain(), "\u2581a \u2581\u2581b c\u2581") == "_a|_|_b|_c|_");
  CHECK(Words(Plain(), " \t ").empty());
  CHECK(Words(Plain(), "").empty());
  CHECK(Words(Mapped(), "a\u00a0\u0301b") == "_a|_b");  // a cluster that becomes a space
}

TEST_CASE("metaspace: of a short cluster the shortest key counts for the whole, of a long one each code point") {
  CHECK(Words(Mapped(), "e\u0301") == "_\u00e9");
  CHECK(Words(Mapped(), "e\u0301\u0301") == "_\u00e9");                     // 5 bytes: the second mark is lost
  CHECK(Words(Mapped(), "e\u0301\u0301\u0301") == "_e\u0301\u0301\u0301");  // 7 bytes: nothing is composed
  CHECK(Words(Mapped(), "\ufb01\u0301x") == "_fix");                        // 5 bytes
  CHECK(Words(Mapped(), "\ufb01\u20dd") == "_fi\u20dd");                    // 6 bytes
  CHECK(Words(Mapped(), "x\u0301") == "_x\u0301");                          // no key
  CHECK(Words(Mapped(), std::string_view("a\0b", 3)) == std::string("_a\0b", 4));
}

TEST_CASE("metaspace: clusters begin where Unicode's rules for extended ones say") {
  using namespace smx::schema;
  CHECK(Breaks({kClusterOther, kClusterOther, kClusterExtend, kClusterJoiner, kClusterSpacingMark}) == "||---");
  CHECK(Breaks({kClusterCarriageReturn, kClusterLineFeed, kClusterExtend, kClusterControl, kClusterLineFeed}) ==
        "|-|||");
  CHECK(Breaks({kClusterPrepend, kClusterOther, kClusterPrepend, kClusterControl}) == "|-||");
  CHECK(Breaks({kClusterLeadingConsonant, kClusterLeadingConsonant, kClusterSyllable, kClusterVowel,
                kClusterTrailingConsonant, kClusterTrailingConsonant, kClusterVowel}) == "|-----|");
  CHECK(Breaks({kClusterLeadingConsonant, kClusterWholeSyllable, kClusterTrailingConsonant, kClusterSyllable}) ==
        "|--|");
  CHECK(Breaks({kClusterRegionalIndicator, kClusterRegionalIndicator, kClusterRegionalIndicator,
                kClusterRegionalIndicator, kClusterExtend, kClusterRegionalIndicator}) == "|-|--|");
  CHECK(Breaks({kClusterPictograph, kClusterExtend, kClusterLinker, kClusterJoiner, kClusterPictograph}) == "|----");
  CHECK(Breaks({kClusterPictograph, kClusterJoiner, kClusterJoiner, kClusterPictograph, kClusterPictograph}) ==
        "|--||");
  CHECK(Breaks({kClusterOther, kClusterJoiner, kClusterPictograph, kClusterJoiner, kClusterOther}) == "|-|-|");
  CHECK(Breaks({kClusterConsonant, kClusterConjunctExtend, kClusterLinker, kClusterJoiner, kClusterConsonant,
                kClusterConsonant}) == "|----|");
  CHECK(Breaks({kClusterConsonant, kClusterLinker, kClusterExtend, kClusterConsonant}) == "|--|");
  CHECK(Breaks({kClusterLinker, kClusterConsonant, kClusterJoiner, kClusterConsonant}) == "||-|");
  CHECK(Breaks({0x7f, 0x7f}) == "||");  // no class: as others
}

TEST_CASE("metaspace: quotes of two signs are one, and code points are decomposed, stripped and in lower case") {
  CHECK(Words(Stripped(), "``A''`'```") == "_\"a\"`'\"`");
  CHECK(Words(Mapped(), "''") == "_''");
  CHECK(Words(Stripped(), "\u00c9\u0130 \ufdfa") ==
        "_ei|_\u0635\u0644\u0649|_\u0627\u0644\u0644\u0647|_\u0639\u0644\u064a\u0647|_\u0648\u0633\u0644\u0645");
  CHECK(Words(Stripped(), "\ud55c") == "_\u1112\u1161\u11ab");
  CHECK(Words(Stripped(), "\u0301").empty());
}

TEST_CASE("metaspace: what is no UTF-8 is U+FFFD per maximal subpart") {
  CHECK(Words(Plain(), "a\xe2\x82z\xff") == "_a\ufffdz\ufffd");
}

TEST_CASE("metaspace: sources are bytes of the text, of a cluster all of it, none for what is put in front") {
  std::vector<std::pair<uint32_t, uint32_t>> sources;
  smx::TextReader reader(Stripped().view(), " \u00bd ''e\u0301", 7);
  for (smx::ReadCodePoint next; reader.Next(&next);) sources.emplace_back(next.source.begin - 7, next.source.end - 7);
  CHECK(sources == decltype(sources){{1, 1}, {1, 3}, {1, 3}, {1, 3}, {4, 4}, {4, 6}, {6, 7}});
  sources.clear();
  smx::TextReader clusters(Mapped().view(), "xe\u0301y", 0);
  for (smx::ReadCodePoint next; clusters.Next(&next);) sources.emplace_back(next.source.begin, next.source.end);
  CHECK(sources == decltype(sources){{0, 0}, {0, 1}, {1, 4}, {4, 5}});
}

TEST_CASE("metaspace: classes of all code points are those of Unicode 17, which tokenizers 0.23.3 has") {
  std::array<size_t, 18> counts = {};
  uint32_t fnv = 2166136261;
  for (uint32_t code_point = 0; code_point < smx::kNumCodePoints; ++code_point) {
    const uint8_t kind = Mapped().view().reading.classes.ClassOf(code_point);
    ++counts.at(kind & 127u);
    fnv = (fnv ^ kind) * 16777619u;
  }
  CHECK(counts ==
        std::array<size_t, 18>{1092252, 1, 1, 3893, 1, 2216, 20, 1, 381, 27, 26, 125, 100, 137, 399, 10773, 2848, 911});
  CHECK(fnv == 2592790037);
}

TEST_CASE("metaspace: every code point is decomposed and stripped as tokenizers 0.23.3 does") {
  // Printed by tests/tokenizer/data/make_pieces.py, without and with lower case.
  nlohmann::json root = smx::testing::TinyUnigramJson();
  root["normalizer"] = {{"type", "Sequence"}, {"normalizers", {{{"type", "NFKD"}}, {{"type", "StripAccents"}}}}};
  for (const uint32_t expected : {2154082634u, 2976271617u}) {
    const BuiltTokenizer tokenizer(smx::testing::CompileJson(root));
    uint32_t fnv = 2166136261;
    for (uint32_t code_point = 0; code_point < smx::kNumCodePoints; ++code_point) {
      if (code_point >= 0xd800 && code_point < 0xe000) continue;
      smx::NormalizedCodePoint out[smx::schema::kMaxSequence];
      const size_t count = smx::NormalizeCodePoint(tokenizer.view().normalization, code_point, out);
      std::string text;
      for (size_t i = 0; i < count; ++i) {
        char bytes[4];
        text.append(bytes, smx::EncodeUtf8(out[i].code_point, bytes));
      }
      for (const char byte : text + "\n") fnv = (fnv ^ static_cast<uint8_t>(byte)) * 16777619u;
    }
    CHECK(fnv == expected);
    root["normalizer"]["normalizers"].push_back({{"type", "Lowercase"}});
  }
}

TEST_CASE("metaspace: steps grow with the text, whether a million bytes are one word, marks, or spaces") {
  std::mt19937 random(3);
  std::string letters;
  const size_t longest = smx::tests::LongText(size_t{1} << 20);
  while (letters.size() < longest) letters += static_cast<char>('a' + random() % 26);
  for (const BuiltTokenizer* tokenizer : {&Mapped(), &Stripped()}) {
    const uint64_t per_byte = StepsOf(*tokenizer, letters.substr(0, 1000)) / 1000 + 1;
    for (const size_t n : {longest / 16, longest}) {
      CAPTURE(n);
      CHECK(StepsOf(*tokenizer, letters.substr(0, n)) <= 2 * per_byte * n);
      for (const char* repeated : {" ", "a", "a ", "\u0301", "\u2581", "e\u0301"}) {
        CAPTURE(repeated);
        std::string text = "a";
        while (text.size() < n) text += repeated;
        CHECK(StepsOf(*tokenizer, text + "a") <= 8 * per_byte * n);
      }
    }
  }
}
