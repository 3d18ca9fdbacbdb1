#ifndef SMX_SCHEMA_TOKENIZER_FORMAT_H_
#define SMX_SCHEMA_TOKENIZER_FORMAT_H_

#include <cstddef>
#include <cstdint>

namespace smx::schema {

// What the numbers inside of table Tokenizer mean; engine/src/tokenizer/normalize.h says how they work together.

// --- hash_index: FNV-1a of 32 bits over a piece's bytes, then the next slot, around the end, until the piece or a
// free slot. A reader refuses a table with a run of used slots beyond kMaxUsedRun: a text would pay for it.
inline constexpr uint32_t kFreeSlot = 0xffffffff;
inline constexpr uint32_t kMaxUsedRun = 512;
inline constexpr uint32_t kHashStart = 2166136261u;

inline uint32_t ContinueHash(uint32_t hash, const char* bytes, size_t num_bytes) {
  for (size_t i = 0; i < num_bytes; ++i) hash = (hash ^ static_cast<uint8_t>(bytes[i])) * 16777619u;
  return hash;
}

// --- Normalization.blocks: an action, or kFirstSequence + index into sequences.
inline constexpr uint32_t kCodePointsPerBlock = 128;
inline constexpr uint32_t kNumBlockIndexes = 0x110000 / kCodePointsPerBlock;
enum Action : uint16_t {
  kActionWord = 0,  // itself, part of a word
  kActionIsolated,  // itself, a word of its own: punctuation, CJK ideographs
  kActionSpace,     // ends a word
  kActionDrop,      // as if it were not there
  kFirstSequence = 8,
};

// --- Normalization.sequences: a count 1..kMaxSequence, then so many elements: code point, class, combining class.
inline constexpr uint32_t kMaxSequence = 8;
enum class CodePointClass : uint8_t {
  kWord = 0,
  kIsolated,
  kSpace,
  kBarrier,  // a dropped mark of combining class 0: no mark moves across it
};

inline constexpr uint32_t PackElement(uint32_t code_point, CodePointClass kind, uint32_t combining_class) {
  return code_point | static_cast<uint32_t>(kind) << 21 | combining_class << 24;
}
inline constexpr uint32_t ElementCodePoint(uint32_t element) { return element & 0x1fffff; }
inline constexpr uint32_t ElementClass(uint32_t element) { return element >> 21 & 7; }
inline constexpr uint8_t ElementCombiningClass(uint32_t element) { return static_cast<uint8_t>(element >> 24); }

}  // namespace smx::schema

#endif  // SMX_SCHEMA_TOKENIZER_FORMAT_H_
