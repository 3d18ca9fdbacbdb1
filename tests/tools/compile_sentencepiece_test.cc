#include "compile_sentencepiece.h"

#include <doctest/doctest.h>

#include <functional>
#include <limits>
#include <string>

#include "error.h"
#include "support/sentencepiece_bytes.h"

using smx::testing::ProtobufBytes;
using smx::testing::ProtobufFloat;
using smx::testing::ProtobufNumber;
using smx::testing::SentencePieceBytes;
using smx::tools::CompileSentencePiece;
using smx::tools::ExitCode;
using smx::tools::SentencePiece;

namespace {

void CheckFails(const std::string& content, ExitCode code, const std::string& words) {
  try {
    CompileSentencePiece("x.model", content);
    FAIL("no error: " << words);
  } catch (const smx::tools::Error& error) {
    CAPTURE(error.what());
    CHECK(error.code() == code);
    CHECK(std::string(error.what()).find("x.model: ") == 0);
    CHECK(std::string(error.what()).find(words) != std::string::npos);
  }
}

void CheckUnsupported(const std::string& content, const std::string& words) {
  CheckFails(content, ExitCode::kUnsupported, words);
}

void CheckBad(const std::string& content, const std::string& words) { CheckFails(content, ExitCode::kBadInput, words); }

const std::vector<SentencePiece> kPieces = {{"a", -1}, {"b", -2.5f}};

}  // namespace

TEST_CASE("sentencepiece model: pieces, scores and switches are read") {
  const auto compiled = CompileSentencePiece("x.model", SentencePieceBytes(1, kPieces));
  CHECK(compiled.kind == smx::schema::TokenizerKind_UNIGRAM);
  CHECK(std::string(compiled.pieces.begin(), compiled.pieces.end()) == "<unk>ab");
  CHECK(compiled.segmentation.scores[2] == -2.5f);
  CHECK(compiled.segmentation.unk_score == -12.5);
  CHECK(compiled.segmentation.float_sums);
  CHECK(compiled.reading.add_dummy_prefix);
  CHECK(compiled.reading.remove_extra_whitespaces);
  CHECK_FALSE(compiled.adds_cls);
  CHECK_FALSE(compiled.adds_sep);
  const auto plain = CompileSentencePiece("x.model", SentencePieceBytes(2, kPieces, smx::testing::PlainReading()));
  CHECK(plain.kind == smx::schema::TokenizerKind_BPE);
  CHECK_FALSE(plain.reading.add_dummy_prefix);
  CHECK_FALSE(plain.reading.remove_extra_whitespaces);
}

TEST_CASE("sentencepiece model: control pieces [CLS] and [SEP] surround a text, typed ones do not count") {
  const int control = SentencePiece::kControl;
  const auto compiled =
      CompileSentencePiece("x.model", SentencePieceBytes(1, {{"[CLS]", 0, control}, {"[SEP]", 0, control}, {"a", -1}}));
  CHECK(compiled.adds_cls);
  CHECK(compiled.cls_id == 1);
  CHECK(compiled.sep_id == 2);
  CHECK(compiled.special_tokens.empty());
  CHECK_FALSE(CompileSentencePiece("x.model", SentencePieceBytes(1, {{"[CLS]"}, {"[SEP]", 0, control}})).adds_cls);
}

TEST_CASE("sentencepiece model: what is not implemented is refused by name") {
  CheckUnsupported(SentencePieceBytes(3, kPieces), "model_type 3");
  CheckUnsupported(SentencePieceBytes(1, kPieces, "", ProtobufNumber(24, 1)), "treat_whitespace_as_suffix");
  CheckUnsupported(SentencePieceBytes(1, kPieces, ProtobufNumber(5, 0)), "escape_whitespaces false");
  CheckUnsupported(SentencePieceBytes(1, {{"x", 0, SentencePiece::kUserDefined}}), "\"x\": type USER_DEFINED");
  CheckUnsupported(SentencePieceBytes(2, {{"xy", 0, SentencePiece::kUnused}}), "UNUSED in BPE");
  CheckUnsupported(SentencePieceBytes(2, {{"x", 0, SentencePiece::kControl}}), "one code point that is not NORMAL");
  CheckUnsupported(SentencePieceBytes(2, {{"a"}, {"b"}, {"c"}, {"ab", -2}, {"abc", -1}}), "\"abc\" has a lower rank");
  CheckUnsupported(SentencePieceBytes(1, {{std::string(512, 'x')}}), "512 bytes; only 511");
}

TEST_CASE("sentencepiece model: one that contradicts itself is refused") {
  CheckBad(SentencePieceBytes(1, {{"x", 0, 7}}), "type 7");
  CheckBad(SentencePieceBytes(1, {{"x"}, {"x"}}), "piece 2 \"x\": a piece must not occur twice");
  CheckBad(SentencePieceBytes(1, {{"y", 0, SentencePiece::kUnknown}}), "2 pieces of type UNKNOWN");
  CheckBad(SentencePieceBytes(1, {{""}}), "not empty");
  CheckBad(SentencePieceBytes(1, {{"\xff"}}), "must be UTF-8");
  CheckBad(SentencePieceBytes(1, {{"x", std::numeric_limits<float>::infinity()}}), "score must be finite");
  CheckBad(SentencePieceBytes(1, kPieces, "", ProtobufNumber(35, 1)), "without a piece <0x00>");
  CheckBad(SentencePieceBytes(1, kPieces, ProtobufBytes(2, "abc")), "precompiled_charsmap: 3 bytes");
  CheckBad(SentencePieceBytes(1, kPieces, ProtobufBytes(2, std::string("\4\0\0\0abcd", 8))), "precompiled_charsmap");
  CheckBad(SentencePieceBytes(1, kPieces, ProtobufBytes(2, std::string("\3\0\0\0abcd", 8))), "precompiled_charsmap");
  CheckBad(SentencePieceBytes(1, kPieces, ProtobufBytes(2, std::string("\0\0\0\0abcd", 8))), "its double array has 0;");
}

TEST_CASE("sentencepiece model: a broken protobuf is refused, whatever it holds") {
  CheckBad("", "no pieces");
  CheckBad(ProtobufNumber(1, 5), "field 1 has wire type 0, must have 2");
  CheckBad(ProtobufBytes(1, ProtobufBytes(1, "a") + ProtobufNumber(2, 1)), "field 2 has wire type 0, must have 5");
  CheckBad(ProtobufBytes(2, ProtobufFloat(3, 1)), "field 3 has wire type 5, must have 0");
  CheckBad(std::string("\x0a\x05") + "abc", "field 1 of 5 bytes, 3 are left");
  CheckBad("\x0b", "wire type 3");
  CheckBad(std::string(11, '\xff'), "more than 10 bytes");
  CheckBad("\x08", "of 1 bytes, 0 are left");
  const std::string whole = SentencePieceBytes(1, kPieces, ProtobufNumber(99, 1) + ProtobufFloat(98, 1));
  CHECK(CompileSentencePiece("x.model", whole).num_pieces() == 3);
}
