#include "model/tokenizer_view.h"

#include <type_traits>

#include "base/log.h"

namespace smx {
namespace {

std::string_view TextOf(const flatbuffers::String* text) {
  return text == nullptr ? std::string_view("") : std::string_view(text->c_str(), text->size());
}

Status ViewSpecialTokens(const schema::Tokenizer& tokenizer, const Log& log, FixedArray<SpecialTokenView>* out) {
  const auto* tokens = tokenizer.special_tokens();
  const uint32_t count = tokens == nullptr ? 0 : tokens->size();
  if (out->Allocate(count) != Status::kOk) {
    return Fail(log, Status::kOutOfMemory, "tokenizer: no memory for %u special tokens", count);
  }
  for (uint32_t i = 0; i < count; ++i) {
    (*out)[i] = {tokens->Get(i)->id(), TextOf(tokens->Get(i)->text())};
  }
  return Status::kOk;
}

template <typename T>
auto ViewVector(const T* vector) {
  using Value = std::remove_reference_t<decltype(*vector->data())>;
  return vector == nullptr ? Span<Value>() : Span<Value>(vector->data(), vector->size());
}

NormalizationView ViewNormalization(const schema::Normalization& table) {
  NormalizationView view;
  view.block_index = ViewVector(table.block_index());
  view.blocks = ViewVector(table.blocks());
  view.sequences = ViewVector(table.sequences());
  view.decompose_hangul = table.decompose_hangul();
  return view;
}

void ViewWordPiece(const schema::Tokenizer& tokenizer, TokenizerView* view) {
  view->unk_id = tokenizer.wordpiece()->unk_id();
  view->max_chars_per_word = tokenizer.wordpiece()->max_chars_per_word();
  view->continuing_prefix = TextOf(tokenizer.wordpiece()->continuing_prefix());
}

ReadingView ViewReading(const schema::Reading& table) {
  ReadingView view;
  view.charsmap = {ViewVector(table.charsmap()), ViewVector(table.charsmap_texts())};
  view.add_dummy_prefix = table.add_dummy_prefix();
  view.remove_extra_whitespaces = table.remove_extra_whitespaces();
  view.joins_quotes = table.joins_quotes();
  if (table.rule() == schema::ReadingRule_BYTE_LEVEL) view.rule = ReadingRule::kByteLevel;
  if (table.rule() == schema::ReadingRule_METASPACE) view.rule = ReadingRule::kMetaspace;
  if (table.classes() != nullptr) {
    view.classes = {ViewVector(table.classes()->block_index()), ViewVector(table.classes()->blocks())};
  }
  return view;
}

SegmentationView ViewSegmentation(const schema::Segmentation& table) {
  SegmentationView view;
  view.unk_id = table.unk_id();
  view.prefix_filter = ViewVector(table.prefix_filter());
  view.byte_ids = ViewVector(table.byte_ids());
  view.scores = ViewVector(table.scores());
  view.unk_score = table.unk_score();
  view.float_sums = table.float_sums();
  view.ranks = ViewVector(table.ranks());
  view.left_bytes = ViewVector(table.left_bytes());
  view.double_scores = ViewVector(table.double_scores());
  return view;
}

/// The tables that the kind needs are there, and this version knows what they ask for.
Status CheckTables(const schema::Tokenizer& tokenizer, const Log& log, TokenizerKind* kind) {
  const char* name = schema::EnumNameTokenizerKind(tokenizer.kind());
  switch (tokenizer.kind()) {
    case schema::TokenizerKind_WORDPIECE:
      *kind = TokenizerKind::kWordPiece;
      if (tokenizer.wordpiece() != nullptr && tokenizer.normalization() != nullptr) return Status::kOk;
      return Fail(log, Status::kInvalidModel, "tokenizer: kind %s needs the tables wordpiece and normalization", name);
    case schema::TokenizerKind_UNIGRAM:
      *kind = TokenizerKind::kUnigram;
      break;
    case schema::TokenizerKind_BPE:
    case schema::TokenizerKind_BYTE_BPE:
      *kind = TokenizerKind::kBpe;
      break;
    default:
      return Fail(log, Status::kUnsupported, "tokenizer: kind %s (%u) is not built in this version",
                  name[0] == '\0' ? "of a newer version" : name, tokenizer.kind());
  }
  if (tokenizer.reading() == nullptr || tokenizer.segmentation() == nullptr) {
    return Fail(log, Status::kInvalidModel, "tokenizer: kind %s needs the tables reading and segmentation", name);
  }
  const bool is_byte_level = tokenizer.kind() == schema::TokenizerKind_BYTE_BPE;
  const auto rule = is_byte_level ? schema::ReadingRule_BYTE_LEVEL : schema::ReadingRule_SENTENCEPIECE;
  const bool is_metaspace =
      tokenizer.kind() == schema::TokenizerKind_UNIGRAM && tokenizer.reading()->rule() == schema::ReadingRule_METASPACE;
  if (is_metaspace || tokenizer.reading()->rule() == rule) return Status::kOk;
  return Fail(log, Status::kUnsupported, "tokenizer: reading rule %u for kind %s is not built in this version",
              tokenizer.reading()->rule(), name);
}

}  // namespace

Status ViewTokenizer(const schema::Tokenizer& tokenizer, const Log& log, FixedArray<SpecialTokenView>* special_tokens,
                     TokenizerView* view) {
  SMX_TRY(CheckTables(tokenizer, log, &view->kind));
  SMX_TRY(ViewSpecialTokens(tokenizer, log, special_tokens));
  view->pieces = ViewVector(tokenizer.pieces());
  view->piece_offsets = ViewVector(tokenizer.piece_offsets());
  view->hash_index = ViewVector(tokenizer.hash_index());
  view->cls_id = tokenizer.cls_id();
  view->sep_id = tokenizer.sep_id();
  view->adds_cls = tokenizer.adds_cls();
  view->adds_sep = tokenizer.adds_sep();
  view->pair_type_id = tokenizer.pair_type_id();
  view->special_tokens = {special_tokens->data(), special_tokens->size()};
  view->longest_piece_bytes = LongestPiece(view->piece_offsets);
  if (tokenizer.normalization() != nullptr) view->normalization = ViewNormalization(*tokenizer.normalization());
  if (view->kind == TokenizerKind::kWordPiece) {
    ViewWordPiece(tokenizer, view);
  } else {
    view->reading = ViewReading(*tokenizer.reading());
    view->segmentation = ViewSegmentation(*tokenizer.segmentation());
  }
  return Status::kOk;
}

}  // namespace smx
