#include "tokenizer/normalize.h"

namespace smx {
namespace {

// The Unicode Standard, chapter 3.12: syllable = leading consonant, vowel, trailing consonant or none.
constexpr uint32_t kHangulFirst = 0xac00;
constexpr uint32_t kLeadFirst = 0x1100, kVowelFirst = 0x1161, kTrailBeforeFirst = 0x11a7;
constexpr uint32_t kNumVowels = 21, kNumTrails = 28;
constexpr uint32_t kNumHangul = 19 * kNumVowels * kNumTrails;

size_t DecomposeHangul(uint32_t index, NormalizedCodePoint* out) {
  const uint32_t trail = index % kNumTrails;
  out[0] = {kLeadFirst + index / (kNumVowels * kNumTrails), CodePointClass::kWord, 0};
  out[1] = {kVowelFirst + index / kNumTrails % kNumVowels, CodePointClass::kWord, 0};
  if (trail == 0) return 2;
  out[2] = {kTrailBeforeFirst + trail, CodePointClass::kWord, 0};
  return 3;
}

}  // namespace

size_t NormalizeCodePoint(const NormalizationView& view, uint32_t code_point,
                          NormalizedCodePoint out[schema::kMaxSequence]) {
  if (view.decompose_hangul && code_point - kHangulFirst < kNumHangul) {
    return DecomposeHangul(code_point - kHangulFirst, out);
  }
  const size_t block = view.block_index[code_point / schema::kCodePointsPerBlock];
  const size_t place = schema::kCodePointsPerBlock * block + code_point % schema::kCodePointsPerBlock;
  const uint16_t action = view.blocks[place];
  switch (action) {
    case schema::kActionWord:
      out[0] = {code_point, CodePointClass::kWord, 0};
      return 1;
    case schema::kActionIsolated:
      out[0] = {code_point, CodePointClass::kIsolated, 0};
      return 1;
    case schema::kActionSpace:
      out[0] = {code_point, CodePointClass::kSpace, 0};
      return 1;
    case schema::kActionDrop:
      return 0;
    default:
      break;
  }
  const uint32_t* sequence = view.sequences.data() + (action - schema::kFirstSequence);
  for (uint32_t i = 0; i < sequence[0]; ++i) {
    const uint32_t element = sequence[1 + i];
    out[i] = {schema::ElementCodePoint(element), static_cast<CodePointClass>(schema::ElementClass(element)),
              schema::ElementCombiningClass(element)};
  }
  return sequence[0];
}

}  // namespace smx
