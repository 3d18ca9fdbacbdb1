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
  static const std::vector<Target> targets = {{"fuzz_model_load", LoadModel},
                                              {"fuzz_model_run", RunModel},
                                              {"fuzz_wordpiece_text", TokenizeText},
                                              {"fuzz_wordpiece_vocabulary", TokenizeWithVocabulary},
                                              {"fuzz_tokenizer_json", ReadTokenizerJson},
                                              {"fuzz_safetensors", ReadSafetensors}};
  return targets;
}

}  // namespace smx::fuzz
