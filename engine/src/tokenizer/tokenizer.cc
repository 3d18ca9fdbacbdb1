#include "smx/tokenizer.h"

#include "base/log.h"
#include "model/model_data.h"
#include "tokenizer/tokenize_text.h"

namespace smx {

Result<Tokenizer> Tokenizer::Create(const Model& model, const Log& log) {
  const internal::ModelData& data = model.data();
  if (data.tokenizer() == nullptr) {
    return Fail(log, Status::kUnsupported, "tokenizer: the model has none");
  }
  return Tokenizer(data, log);
}

Status Tokenizer::Tokenize(std::string_view text, std::string_view text_pair, const TokenizeOptions& options,
                           const TokenBuffers& out, TokenizeResult* result) const {
  return TokenizeText(*model_->tokenizer(), text, text_pair, options, out, log_, result);
}

std::string_view Tokenizer::Piece(int32_t id) const {
  if (id < 0 || static_cast<size_t>(id) >= vocab_size()) return {};
  return model_->tokenizer()->Piece(static_cast<uint32_t>(id));
}

size_t Tokenizer::vocab_size() const { return model_->tokenizer()->num_pieces(); }

size_t Tokenizer::scratch_bytes() const { return ScratchBytes(*model_->tokenizer()); }

}  // namespace smx
