#ifndef SMX_TESTS_SUPPORT_TINY_SESSION_H_
#define SMX_TESTS_SUPPORT_TINY_SESSION_H_

#include <cstring>

#include "engine.h"
#include "model_writer.h"
#include "smx/classifier.h"
#include "support/tiny_models.h"

namespace smx::tests {

/// Where a session's model comes from, and how it runs.
struct TinySource {
  const tools::AlignedBytes* file;
  const char* path;  // or null: from memory
  Options options;
  const char* weights_cache_path = nullptr;
};

/// What a session computed. Plain, so that it can be filled without the heap and shared between processes.
struct TinyResult {
  float logits[3];
  bool used_fast_products;

  bool operator==(const TinyResult& other) const {
    return std::memcmp(logits, other.logits, sizeof(logits)) == 0 && used_fast_products == other.used_fast_products;
  }
};

/// Everything a caller does that needs the heap: load, plan, create, run; then everything is gone again. The caller of
/// this gives the arena, and needs no heap either. For the tiny models, whose classes are three.
inline Status RunTinySession(const TinySource& source, Span<uint8_t> arena, TinyResult* result) {
  *result = {};
  const Span<const uint8_t> bytes = {source.file->data(), source.file->size()};
  LoadOptions load_options;
  load_options.log = source.options.log;
  load_options.weights_cache_path = source.weights_cache_path;
  SMX_ASSIGN_OR_RETURN(const Model model, source.path == nullptr ? Model::FromMemory(bytes, load_options)
                                                                 : Model::Load(source.path, load_options));
  if (model.info().task == Task::kTokenLabels) {
    SMX_ASSIGN_OR_RETURN(const size_t needed, TokenLabeler::ArenaBytes(model, source.options));
    SMX_ASSIGN_OR_RETURN(TokenLabeler labeler, TokenLabeler::Create(model, source.options, arena.subspan(0, needed)));
    result->used_fast_products = std::strcmp(labeler.report().backend, "reference") != 0;
    TokenLabel labels[8];
    TokenizeResult tokens;
    SMX_TRY(labeler.Label("ab c! aab", {}, {}, labels, &tokens));
    for (size_t i = 0; i < 3; ++i) result->logits[i] = labels[i].probability;
    return Status::kOk;
  }
  if (model.info().has_tokenizer) {
    SMX_ASSIGN_OR_RETURN(const size_t needed, Classifier::ArenaBytes(model, source.options));
    SMX_ASSIGN_OR_RETURN(Classifier classifier, Classifier::Create(model, source.options, arena.subspan(0, needed)));
    result->used_fast_products = std::strcmp(classifier.report().backend, "reference") != 0;
    Prediction prediction;
    return classifier.Classify("ab c! aab", {}, {}, result->logits, &prediction);
  }
  SMX_ASSIGN_OR_RETURN(const size_t needed, Encoder::ArenaBytes(model, source.options));
  SMX_ASSIGN_OR_RETURN(Encoder encoder, Encoder::Create(model, source.options, arena.subspan(0, needed)));
  result->used_fast_products = std::strcmp(encoder.report().backend, "reference") != 0;
  int32_t ids[] = {2, 5, 7, 9, 3, 0, 0, 0};
  return encoder.Run(ids, {}, {{}, {}, result->logits});
}

}  // namespace smx::tests

#endif  // SMX_TESTS_SUPPORT_TINY_SESSION_H_
