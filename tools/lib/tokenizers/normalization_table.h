#ifndef SMX_TOOLS_LIB_TOKENIZERS_NORMALIZATION_TABLE_H_
#define SMX_TOOLS_LIB_TOKENIZERS_NORMALIZATION_TABLE_H_

#include <cstdint>
#include <string>
#include <vector>

namespace smx::tools {

/// The arrays of schema::Normalization; their meaning is in engine/src/tokenizer/normalize.h.
struct NormalizationTable {
  std::vector<uint16_t> block_index;
  std::vector<uint16_t> blocks;
  std::vector<uint32_t> sequences;
  bool decompose_hangul = false;
  std::string unicode_version;
};

struct NormalizationSwitches {
  bool clean_text;
  bool handle_chinese_chars;
  bool strip_accents;
  bool lowercase;
};

/// BertNormalizer followed by BertPreTokenizer of Hugging Face's `tokenizers`, as one action per code point. Made
/// once for the same switches, as there are a million code points.
const NormalizationTable& BertNormalization(NormalizationSwitches switches);

/// NFKD, StripAccents and, if so, Lowercase of the same. All that NFKD would put in order is stripped, so it is one
/// action per code point, too, and once more changes nothing. Made once.
const NormalizationTable& StrippedNfkd(bool lowercase);

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_TOKENIZERS_NORMALIZATION_TABLE_H_
