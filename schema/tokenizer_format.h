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
inline constexpr uint32_t kMaxSequence = 18;
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

// --- Reading.classes for BYTE_LEVEL.
enum ByteLevelClass : uint8_t { kByteLevelOther = 0, kByteLevelLetter, kByteLevelNumber, kByteLevelSpace };

// --- Reading.classes for METASPACE: how a code point joins others in a grapheme cluster (Unicode, annex 29; Extend is
// split by the property InCB), and a bit for White_Space.
enum ClusterClass : uint8_t {
  kClusterOther = 0,
  kClusterCarriageReturn,
  kClusterLineFeed,
  kClusterControl,
  kClusterExtend,
  kClusterConjunctExtend,
  kClusterLinker,
  kClusterJoiner,  // U+200D
  kClusterSpacingMark,
  kClusterPrepend,
  kClusterRegionalIndicator,
  kClusterLeadingConsonant,
  kClusterVowel,
  kClusterTrailingConsonant,
  kClusterSyllable,       // without a trailing consonant
  kClusterWholeSyllable,  // with one
  kClusterPictograph,
  kClusterConsonant,  // Indic
  kClusterWhitespaceBit = 128,
};
/// A cluster of fewer bytes is looked up in the character map as a whole.
inline constexpr uint32_t kLongClusterBytes = 6;

/// The code point that stands for a byte in pieces of GPT-2's kind: itself if it is visible in Latin-1, else one of
/// those from U+0100 on, in order.
inline constexpr uint32_t VisibleCodePoint(uint8_t byte) {
  if (byte <= 0x20) return 0x100u + byte;
  if (byte < 0x7f || (byte > 0xa0 && byte != 0xad)) return byte;
  return byte == 0xad ? 0x143 : 0x121u + (byte - 0x7fu);
}

// --- Segmentation.prefix_filter: a bit per hash, so that a search for longer pieces ends early. A bit too many costs
// time, one too few hides a piece.
inline uint32_t FilterByte(uint32_t hash, size_t num_bytes) { return hash >> 3 & static_cast<uint32_t>(num_bytes - 1); }
inline uint8_t FilterBit(uint32_t hash) { return static_cast<uint8_t>(1u << (hash & 7)); }

// --- Segmentation: the longest piece that this version finds, in bytes, and the rank of what no merge makes.
inline constexpr uint32_t kMaxPieceBytes = 511;
inline constexpr uint32_t kNeverMerged = 0xffffffff;

// --- Reading.charsmap: units of a double array as the library Darts-clone writes it, which SentencePiece uses. From
// node n a byte b leads to m = n ^ offset(n) ^ b if label(m) is b; n has a value, in node n ^ offset(n), if bit 8 is
// set. The root is 0. A key has at most kMaxKeyBytes, a replacement at most kMaxMappedBytes.
inline constexpr uint32_t kMaxKeyBytes = 64;
inline constexpr uint32_t kMaxMappedBytes = 255;
inline constexpr uint32_t UnitLabel(uint32_t unit) { return unit & 0x800000ff; }  // bit 31: a value, no label
inline constexpr uint32_t UnitOffset(uint32_t unit) { return (unit >> 10) << ((unit & 0x200) >> 6); }
inline constexpr bool UnitHasValue(uint32_t unit) { return (unit & 0x100) != 0; }
inline constexpr uint32_t UnitValue(uint32_t unit) { return unit & 0x7fffffff; }

}  // namespace smx::schema

#endif  // SMX_SCHEMA_TOKENIZER_FORMAT_H_
