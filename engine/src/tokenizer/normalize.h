#ifndef SMX_TOKENIZER_NORMALIZE_H_
#define SMX_TOKENIZER_NORMALIZE_H_

#include <cstddef>
#include <cstdint>

#include "smx/span.h"
#include "tokenizer_format.h"

namespace smx {

using schema::CodePointClass;

/// Normalization and word bounds of text, baked on the host into one action per code point, for the switches that the
/// model was trained with (tools/lib/normalization_table.h). Views into the model file, proved by CheckTokenizer.
///
///   action = blocks[128 * block_index[code_point / 128] + code_point % 128]
///
/// block_index  [0x110000 / 128]     equal blocks are stored once.
/// blocks       [num_blocks * 128]   schema::Action, or kFirstSequence + where in `sequences` the replacement begins.
/// sequences    [any]                per replacement its length, then elements of code point (bits 0..20), class (bits
///                                   21..23) and canonical combining class (bits 24..31).
///
/// The combining class is 0 unless accents are stripped: only then is text decomposed (NFD), and marks in a row are
/// sorted stably by their class. Hangul syllables, 11172 of them, are decomposed by arithmetic instead of the table.
struct NormalizationView {
  Span<const uint16_t> block_index;
  Span<const uint16_t> blocks;
  Span<const uint32_t> sequences;
  bool decompose_hangul = false;
};

struct NormalizedCodePoint {
  uint32_t code_point;  // meaningless for kSpace and kBarrier
  CodePointClass kind;
  uint8_t combining_class;  // not 0 only for kWord
};

/// What `code_point`, a Unicode scalar value, becomes: 0..kMaxSequence code points, whose number it gives.
size_t NormalizeCodePoint(const NormalizationView& view, uint32_t code_point,
                          NormalizedCodePoint out[schema::kMaxSequence]);

}  // namespace smx

#endif  // SMX_TOKENIZER_NORMALIZE_H_
