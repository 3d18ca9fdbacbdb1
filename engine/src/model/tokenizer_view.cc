#include "model/tokenizer_view.h"

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

NormalizationView ViewNormalization(const schema::Normalization& table) {
  NormalizationView view;
  view.block_index = {table.block_index()->data(), table.block_index()->size()};
  view.blocks = {table.blocks()->data(), table.blocks()->size()};
  view.sequences = {table.sequences()->data(), table.sequences()->size()};
  view.decompose_hangul = table.decompose_hangul();
  return view;
}

}  // namespace

Status ViewTokenizer(const schema::Tokenizer& tokenizer, const Log& log, FixedArray<SpecialTokenView>* special_tokens,
                     TokenizerView* view) {
  if (tokenizer.kind() != schema::TokenizerKind_WORDPIECE) {
    const char* name = schema::EnumNameTokenizerKind(tokenizer.kind());
    return Fail(log, Status::kUnsupported, "tokenizer: kind %s (%u) is not built in this version",
                name[0] == '\0' ? "of a newer version" : name, tokenizer.kind());
  }
  if (tokenizer.wordpiece() == nullptr || tokenizer.normalization() == nullptr) {
    return Fail(log, Status::kInvalidModel, "tokenizer: kind WORDPIECE needs the tables wordpiece and normalization");
  }
  SMX_TRY(ViewSpecialTokens(tokenizer, log, special_tokens));
  view->pieces = {tokenizer.pieces()->data(), tokenizer.pieces()->size()};
  view->piece_offsets = {tokenizer.piece_offsets()->data(), tokenizer.piece_offsets()->size()};
  view->hash_index = {tokenizer.hash_index()->data(), tokenizer.hash_index()->size()};
  view->cls_id = tokenizer.cls_id();
  view->sep_id = tokenizer.sep_id();
  view->unk_id = tokenizer.wordpiece()->unk_id();
  view->max_chars_per_word = tokenizer.wordpiece()->max_chars_per_word();
  view->continuing_prefix = TextOf(tokenizer.wordpiece()->continuing_prefix());
  view->special_tokens = {special_tokens->data(), special_tokens->size()};
  view->normalization = ViewNormalization(*tokenizer.normalization());
  view->longest_piece_bytes = LongestPiece(view->piece_offsets);
  return Status::kOk;
}

}  // namespace smx
