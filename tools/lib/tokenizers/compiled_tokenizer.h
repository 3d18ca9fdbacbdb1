#ifndef SMX_TOOLS_LIB_TOKENIZERS_COMPILED_TOKENIZER_H_
#define SMX_TOOLS_LIB_TOKENIZERS_COMPILED_TOKENIZER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schema/model_generated.h"

namespace smx::tools {

/// schema::CodePointClasses.
struct CompiledClasses {
  std::vector<uint16_t> block_index;
  std::vector<uint8_t> blocks;
};

/// schema::Reading.
struct CompiledReading {
  schema::ReadingRule rule = schema::ReadingRule_SENTENCEPIECE;
  std::vector<uint32_t> charsmap;
  std::vector<uint8_t> charsmap_texts;
  bool add_dummy_prefix = false;
  bool remove_extra_whitespaces = false;
  CompiledClasses classes;
  bool joins_quotes = false;
};

/// schema::Segmentation.
struct CompiledSegmentation {
  uint32_t unk_id = 0;
  std::vector<uint8_t> prefix_filter;
  std::vector<uint32_t> byte_ids;
  std::vector<float> scores;
  double unk_score = 0;
  bool float_sums = false;
  std::vector<uint32_t> ranks;
  std::vector<uint16_t> left_bytes;
  std::vector<double> double_scores;
};

/// Everything that schema::Tokenizer needs, and the model's pad_id.
struct CompiledTokenizer {
  schema::TokenizerKind kind = schema::TokenizerKind_WORDPIECE;
  std::vector<uint8_t> pieces;
  std::vector<uint32_t> piece_offsets;
  std::vector<uint32_t> hash_index;
  uint32_t cls_id = 0;
  uint32_t sep_id = 0;
  bool adds_cls = true;
  bool adds_sep = true;
  uint8_t pair_type_id = 1;
  uint32_t unk_id = 0;
  uint32_t pad_id = 0;
  bool clean_text = true;
  bool handle_chinese_chars = true;
  bool strip_accents = true;
  bool lowercase = true;
  std::vector<std::pair<uint32_t, std::string>> special_tokens;
  std::vector<uint16_t> block_index;
  std::vector<uint16_t> blocks;
  std::vector<uint32_t> sequences;
  bool decompose_hangul = false;
  std::string unicode_version;
  uint32_t max_chars_per_word = 100;
  std::string continuing_prefix = "##";
  CompiledReading reading;            // all kinds but WORDPIECE
  CompiledSegmentation segmentation;  // the same

  size_t num_pieces() const { return piece_offsets.size() - 1; }
};

/// The parts that all kinds of file lead to: pieces, which the caller has checked, and their hash index.
CompiledTokenizer AssemblePieces(const std::vector<std::string>& pieces);

/// Adds what all kinds but WORDPIECE have; Error(kUnsupported) naming `path` for a piece that is too long.
void AssembleSegmentation(const std::string& path, const std::vector<std::string>& pieces,
                          CompiledTokenizer* tokenizer);

/// A precompiled character map: the bytes of its double array in 4 bytes, the double array, texts. Error(kBadInput)
/// that begins with `place` when it is shorter than it says.
void AddCharsMap(const std::string& place, std::string_view bytes, CompiledReading* reading);

flatbuffers::Offset<schema::Tokenizer> WriteTokenizer(flatbuffers::FlatBufferBuilder& builder,
                                                      const CompiledTokenizer& tokenizer);

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_TOKENIZERS_COMPILED_TOKENIZER_H_
