#include "model/tokenizer_view.h"

#include <doctest/doctest.h>

#include <string>

#include "support/tokenizer_builder.h"
#include "support/unigram_json.h"
#include "tokenizer/check.h"

using smx::Status;
using smx::testing::SmallVocabulary;

namespace {

/// Finishes a buffer that holds a Tokenizer as its root.
const smx::schema::Tokenizer& Finish(flatbuffers::FlatBufferBuilder* builder,
                                     flatbuffers::Offset<smx::schema::Tokenizer> root) {
  builder->Finish(root);
  return *flatbuffers::GetRoot<smx::schema::Tokenizer>(builder->GetBufferPointer());
}

struct Viewed {
  Status status = Status::kInternal;
  std::string message;
  smx::FixedArray<smx::SpecialTokenView> special_tokens;
  smx::TokenizerView view;
};

void View(const smx::schema::Tokenizer& tokenizer, Viewed* viewed) {
  const smx::Log log = {[](void* message, const char* text) { *static_cast<std::string*>(message) = text; },
                        &viewed->message};
  viewed->status = smx::ViewTokenizer(tokenizer, log, &viewed->special_tokens, &viewed->view);
}

/// The smallest tokenizer of `kind` that FlatBuffers takes.
flatbuffers::Offset<smx::schema::Tokenizer> Bare(flatbuffers::FlatBufferBuilder* builder,
                                                 smx::schema::TokenizerKind kind) {
  const std::vector<uint32_t> none;
  return smx::schema::CreateTokenizer(*builder, kind, builder->CreateVector(std::vector<uint8_t>()),
                                      builder->CreateVector(none), builder->CreateVector(none));
}

}  // namespace

TEST_CASE("tokenizer view: what the compiler writes comes back whole") {
  const smx::tools::CompiledTokenizer compiled = SmallVocabulary({"a", "##b"});
  flatbuffers::FlatBufferBuilder builder;
  Viewed viewed;
  View(Finish(&builder, smx::tools::WriteTokenizer(builder, compiled)), &viewed);
  REQUIRE(viewed.status == Status::kOk);
  CHECK(smx::CheckTokenizer(viewed.view, 7, smx::Log()) == Status::kOk);
  CHECK(viewed.view.Piece(6) == "##b");
  CHECK(viewed.view.cls_id == compiled.cls_id);
  CHECK(viewed.view.sep_id == compiled.sep_id);
  CHECK(viewed.view.unk_id == compiled.unk_id);
  CHECK(viewed.view.max_chars_per_word == 100);
  CHECK(viewed.view.continuing_prefix == "##");
  CHECK(viewed.view.longest_piece_bytes == 6);
  REQUIRE(viewed.view.special_tokens.size() == 5);
  CHECK(viewed.view.special_tokens[4].text == "[MASK]");
  CHECK(viewed.view.special_tokens[4].id == 4);
  CHECK(viewed.view.normalization.decompose_hangul);
  CHECK(viewed.view.normalization.sequences.size() == compiled.sequences.size());
}

TEST_CASE("tokenizer view: a kind that is not built is named") {
  const auto newer = static_cast<smx::schema::TokenizerKind>(smx::schema::TokenizerKind_MAX + 1);
  for (const auto kind : {smx::schema::TokenizerKind_NONE, newer}) {
    flatbuffers::FlatBufferBuilder builder;
    Viewed viewed;
    View(Finish(&builder, Bare(&builder, kind)), &viewed);
    CHECK(viewed.status == Status::kUnsupported);
    const char* name = kind == newer ? "of a newer version" : smx::schema::EnumNameTokenizerKind(kind);
    CHECK(viewed.message.find(name) != std::string::npos);
  }
}

TEST_CASE("tokenizer view: a kind without its tables is refused") {
  for (const auto kind : {smx::schema::TokenizerKind_WORDPIECE, smx::schema::TokenizerKind_UNIGRAM,
                          smx::schema::TokenizerKind_BPE, smx::schema::TokenizerKind_BYTE_BPE}) {
    flatbuffers::FlatBufferBuilder builder;
    Viewed viewed;
    View(Finish(&builder, Bare(&builder, kind)), &viewed);
    CHECK(viewed.status == Status::kInvalidModel);
    CHECK(viewed.message.find(smx::schema::EnumNameTokenizerKind(kind)) != std::string::npos);
  }
}

TEST_CASE("tokenizer view: what Metaspace reads with comes back whole, and is for Unigram only") {
  nlohmann::json root = smx::testing::TinyUnigramJson();
  const auto quote = [](const char* sign) {
    return nlohmann::json{{"type", "Replace"}, {"pattern", {{"String", sign}}}, {"content", "\""}};
  };
  root["normalizer"] = {{"type", "Sequence"},
                        {"normalizers", {quote("``"), quote("''"), {{"type", "NFKD"}}, {{"type", "StripAccents"}}}}};
  smx::tools::CompiledTokenizer compiled = smx::testing::CompileJson(root);
  for (const auto kind : {smx::schema::TokenizerKind_UNIGRAM, smx::schema::TokenizerKind_BPE}) {
    compiled.kind = kind;
    flatbuffers::FlatBufferBuilder builder;
    Viewed viewed;
    View(Finish(&builder, smx::tools::WriteTokenizer(builder, compiled)), &viewed);
    CHECK(viewed.status == (kind == smx::schema::TokenizerKind_BPE ? Status::kUnsupported : Status::kOk));
    if (viewed.status != Status::kOk) continue;
    CHECK(smx::CheckTokenizer(viewed.view, 3, smx::Log()) == Status::kOk);
    CHECK(viewed.view.reading.rule == smx::ReadingRule::kMetaspace);
    CHECK(viewed.view.reading.joins_quotes);
    CHECK(viewed.view.segmentation.Score(2) == -3.25);
    CHECK(viewed.view.normalization.decompose_hangul);
  }
}

TEST_CASE("tokenizer view: a reading rule that does not belong to the kind is refused by its number") {
  for (const auto kind : {smx::schema::TokenizerKind_UNIGRAM, smx::schema::TokenizerKind_BYTE_BPE}) {
    smx::tools::CompiledTokenizer compiled = SmallVocabulary({"a"});
    compiled.kind = kind;
    compiled.segmentation.prefix_filter = {0};
    const bool is_byte_level = kind == smx::schema::TokenizerKind_BYTE_BPE;
    compiled.reading.rule =
        is_byte_level ? smx::schema::ReadingRule_SENTENCEPIECE : smx::schema::ReadingRule_BYTE_LEVEL;
    flatbuffers::FlatBufferBuilder builder;
    Viewed viewed;
    View(Finish(&builder, smx::tools::WriteTokenizer(builder, compiled)), &viewed);
    CHECK(viewed.status == Status::kUnsupported);
    CHECK(viewed.message.find(is_byte_level ? "reading rule 0 for kind BYTE_BPE" : "reading rule 1 for kind UNIGRAM") !=
          std::string::npos);
  }
}
