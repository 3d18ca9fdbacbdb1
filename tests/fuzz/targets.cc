#include "fuzz/targets.h"

#include <cstdio>
#include <cstdlib>

namespace smx::fuzz {

void Require(bool is_kept, const char* promise) {
  if (is_kept) return;
  std::fprintf(stderr, "a promise was broken: %s\n", promise);
  std::abort();
}

const std::vector<Target>& Targets() {
  static const std::vector<Target> targets = {
      {"fuzz_model_load", LoadModel, nullptr},
      {"fuzz_model_run", RunModel, nullptr},
      {"fuzz_wordpiece_text", TokenizeText, PrepareAllNormalizations},
      {"fuzz_wordpiece_vocabulary", TokenizeWithVocabulary, PrepareNormalizations},
      {"fuzz_tokenizer_json", ReadTokenizerJson, PrepareNormalizations},
      {"fuzz_sentencepiece", ReadSentencePiece, nullptr},
      {"fuzz_safetensors", ReadSafetensors, nullptr},
      {"fuzz_flax", ReadFlax, nullptr},
      {"fuzz_weights_cache", MapWeightsCache, nullptr}};
  return targets;
}

}  // namespace smx::fuzz
