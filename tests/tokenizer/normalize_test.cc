#include "tokenizer/normalize.h"

#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <vector>

#include "normalization_table.h"
#include "tokenizer/utf8.h"

namespace {

using smx::CodePointClass;

/// Code points of a normalized text; " " for a space, "|x|" for an isolated x, "/" for a barrier.
std::string Normalize(const smx::tools::NormalizationTable& table, std::string_view text) {
  const smx::NormalizationView view = {table.block_index, table.blocks, table.sequences, table.decompose_hangul};
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const smx::DecodedCodePoint decoded = smx::DecodeUtf8(text.data() + i, text.size() - i);
    i += decoded.num_bytes;
    smx::NormalizedCodePoint normalized[smx::schema::kMaxSequence];
    const size_t count = smx::NormalizeCodePoint(view, decoded.code_point, normalized);
    for (size_t j = 0; j < count; ++j) {
      char utf8[4];
      const std::string character(utf8, smx::EncodeUtf8(normalized[j].code_point, utf8));
      const CodePointClass kind = normalized[j].kind;
      if (kind == CodePointClass::kWord) out += character;
      if (kind == CodePointClass::kIsolated) out += "|" + character + "|";
      if (kind == CodePointClass::kSpace) out += " ";
      if (kind == CodePointClass::kBarrier) out += "/";
    }
  }
  return out;
}

const smx::tools::NormalizationTable& Uncased() { return smx::tools::BertNormalization({true, true, true, true}); }

const smx::tools::NormalizationTable& Untouched() {
  return smx::tools::BertNormalization({false, false, false, false});
}

}  // namespace

TEST_CASE("normalize: letters lose accents and case, with the switches of BERT") {
  CHECK(Normalize(Uncased(), "Caf\u00c9") == "cafe");
  CHECK(Normalize(Uncased(), "cafe\u0301") == "cafe");
  CHECK(Normalize(Uncased(), "\u0130\u01c5\u1e9e") == "i\u01c6\u00df");
  CHECK(Normalize(Uncased(), "\u03a3\u0391\u03a3") == "\u03c3\u03b1\u03c3");  // no final sigma: no context
}

TEST_CASE("normalize: without strip_accents a capital I with dot is two code points in lower case") {
  const auto& table = smx::tools::BertNormalization({true, true, false, true});
  CHECK(Normalize(table, "\u0130") == "i\u0307");
}

TEST_CASE("normalize: all kinds of space are one, controls and U+FFFD go with clean_text") {
  CHECK(Normalize(Uncased(), std::string_view("a\0b\x7f\t\u00a0\u3000\u200b\ufffd\u2028", 19)) == "ab    ");
  CHECK(Normalize(Untouched(), std::string_view("a\0b\u200b", 6)) == std::string("a\0b\u200b", 6));
  CHECK(Normalize(Untouched(), "\t\u00a0\u3000") == "   ");
}

TEST_CASE("normalize: punctuation and Chinese characters stand alone, Japanese kana do not") {
  CHECK(Normalize(Uncased(), "a$b\u3002") == "a|$|b|\u3002|");
  CHECK(Normalize(Uncased(), "\u4e2d\u304b") == "|\u4e2d|\u304b");
  CHECK(Normalize(Uncased(), "\uf900") == "|\u8c48|");  // a compatibility ideograph, decomposed
  CHECK(Normalize(Untouched(), "\u4e2d!") == "\u4e2d|!|");
}

TEST_CASE("normalize: a sign that decomposes into punctuation is split") {
  CHECK(Normalize(Uncased(), "a\u2260b") == "a|=|b");
  CHECK(Normalize(Uncased(), "\u037e") == "|;|");
}

TEST_CASE("normalize: Hangul is decomposed with accents only") {
  CHECK(Normalize(Uncased(), "\uac00\uac01\ud7a3") == "\u1100\u1161\u1100\u1161\u11a8\u1112\u1175\u11c2");
  CHECK(Normalize(Untouched(), "\uac01") == "\uac01");
}

TEST_CASE("normalize: a dropped mark of combining class 0 leaves a barrier, others nothing") {
  CHECK(Normalize(Uncased(), "a\u0941\u0301b") == "a/b");
}

TEST_CASE("normalize: UTF-8 of every scalar value survives a round trip, and is invalid when cut") {
  size_t num_wrong = 0;
  for (uint32_t code_point = 0; code_point < smx::kNumCodePoints; ++code_point) {
    if (code_point >= 0xd800 && code_point < 0xe000) continue;
    char utf8[4];
    const uint32_t num_bytes = smx::EncodeUtf8(code_point, utf8);
    const smx::DecodedCodePoint decoded = smx::DecodeUtf8(utf8, num_bytes);
    num_wrong += !decoded.valid || decoded.code_point != code_point || decoded.num_bytes != num_bytes;
    for (uint32_t cut = 1; cut < num_bytes; ++cut) num_wrong += smx::DecodeUtf8(utf8, cut).num_bytes != cut;
  }
  CHECK(num_wrong == 0);
}

TEST_CASE("normalize: a broken byte sequence is one U+FFFD per maximal subpart") {
  struct Case {
    std::string bytes;
    std::vector<uint32_t> lengths;
  };
  const std::vector<Case> cases = {
      {"\xff", {1}},
      {"\x80\xbf", {1, 1}},
      {"\xc0\xaf", {1, 1}},         // overlong
      {"\xe0\x9f\xbf", {1, 1, 1}},  // overlong
      {"\xe2\x82", {2}},            // cut short
      {"\xe2\x82\x41", {2, 1}},
      {"\xed\xa0\x80", {1, 1, 1}},         // surrogate
      {"\xf0\x8f\xbf\xbf", {1, 1, 1, 1}},  // overlong
      {"\xf0\x90\x80", {3}},
      {"\xf4\x90\x80\x80", {1, 1, 1, 1}},  // above U+10FFFF
      {"\xf5\x80", {1, 1}},
      {"\xf1\x80\x80\xe1\x80\xc2", {3, 2, 1}},
  };
  for (const Case& each : cases) {
    std::vector<uint32_t> lengths;
    for (size_t i = 0; i < each.bytes.size(); i += lengths.back()) {
      lengths.push_back(smx::DecodeUtf8(each.bytes.data() + i, each.bytes.size() - i).num_bytes);
    }
    CHECK(lengths == each.lengths);
  }
}
