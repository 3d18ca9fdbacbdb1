#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/log.h"
#include "tokenizer/check.h"
#include "tokenizer/utf8.h"

namespace smx {
namespace {

// Sums of so many scores as a text has bytes stay finite, in float too; genuine ones are logarithms of probabilities.
constexpr double kLargestScore = 1e6;
constexpr size_t kNumBytes = 256;

/// A replacement begins at texts[begin], texts ending with a zero byte: it is UTF-8 of no more than kMaxMappedBytes.
bool IsReplacement(Span<const uint8_t> texts, size_t begin) {
  if (begin >= texts.size()) return false;
  const char* text = reinterpret_cast<const char*>(texts.data()) + begin;
  const size_t limit = std::min<size_t>(texts.size() - begin, schema::kMaxMappedBytes + 1);
  const void* end = std::memchr(text, 0, limit);
  return end != nullptr && IsUtf8({text, static_cast<size_t>(static_cast<const char*>(end) - text)});
}

/// From no unit a byte leads behind the end, and what a unit says is a value is one.
Status CheckCharsMap(const CharsMapView& map, const Log& log) {
  const size_t num_units = map.units.size();
  if (num_units % kNumBytes != 0 || num_units > (size_t{1} << 29)) {
    return Fail(log, Status::kInvalidModel, "tokenizer: charsmap of %zu units, must be a multiple of %zu", num_units,
                kNumBytes);
  }
  if (num_units != 0 && (map.texts.empty() || map.texts[map.texts.size() - 1] != 0)) {
    return Fail(log, Status::kInvalidModel, "tokenizer: charsmap_texts of %zu bytes, must end with 0",
                map.texts.size());
  }
  for (size_t i = 0; i < num_units; ++i) {
    const uint32_t unit = map.units[i];
    const bool is_root = i == 0;
    if (schema::UnitLabel(unit) > 0xff && !is_root) continue;  // a value; looked at below
    // The units that bytes lead to fill the 256 around that of byte 0.
    const size_t next = i ^ schema::UnitOffset(unit);
    if (next >= num_units) {
      return Fail(log, Status::kInvalidModel, "tokenizer: charsmap unit %zu leads to %zu of %zu", i, next, num_units);
    }
    if (!schema::UnitHasValue(unit)) continue;
    const uint32_t value = schema::UnitValue(map.units[next]);
    if (!IsReplacement(map.texts, value)) {
      return Fail(log, Status::kInvalidModel,
                  "tokenizer: charsmap unit %zu has value %u, must begin up to %u bytes of UTF-8 and 0", i, value,
                  schema::kMaxMappedBytes);
    }
  }
  return Status::kOk;
}

Status CheckClasses(const ClassesView& view, const Log& log) {
  if (view.block_index.size() != schema::kNumBlockIndexes || view.blocks.size() % schema::kCodePointsPerBlock != 0) {
    return Fail(log, Status::kInvalidModel,
                "tokenizer: classes: block_index [%zu], blocks [%zu], must be [%u], [n * %u]", view.block_index.size(),
                view.blocks.size(), schema::kNumBlockIndexes, schema::kCodePointsPerBlock);
  }
  const size_t num_blocks = view.blocks.size() / schema::kCodePointsPerBlock;
  for (const uint16_t block : view.block_index) {
    if (block < num_blocks) continue;
    return Fail(log, Status::kInvalidModel, "tokenizer: classes: block_index names block %u of %zu", block, num_blocks);
  }
  return Status::kOk;
}

Status CheckScores(const TokenizerView& view, const Log& log) {
  const SegmentationView& rules = view.segmentation;
  const bool has_both = !rules.scores.empty() && !rules.double_scores.empty();
  if (rules.num_scores() != view.num_pieces() || has_both) {
    return Fail(log, Status::kInvalidModel,
                "tokenizer: %zu scores and %zu double_scores, must be as pieces, %zu, and none of the other",
                rules.scores.size(), rules.double_scores.size(), view.num_pieces());
  }
  for (size_t id = 0; id < view.num_pieces(); ++id) {
    const double score = rules.Score(id);
    const bool is_never = std::isinf(score) && score < 0;
    if (is_never || std::abs(score) <= kLargestScore) continue;
    return Fail(log, Status::kInvalidModel, "tokenizer: score %g of piece %zu, must be -infinity or within %g", score,
                id, kLargestScore);
  }
  if (std::abs(rules.unk_score) <= kLargestScore) return Status::kOk;
  return Fail(log, Status::kInvalidModel, "tokenizer: unk_score %g, must be within %g", rules.unk_score, kLargestScore);
}

/// What is left of a merge is shorter than the piece: undoing merges ends.
Status CheckMerges(const TokenizerView& view, const Log& log) {
  const SegmentationView& rules = view.segmentation;
  for (const size_t size : {rules.ranks.size(), rules.left_bytes.size()}) {
    if (size == view.num_pieces()) continue;
    return Fail(log, Status::kInvalidModel, "tokenizer: %zu ranks and %zu left_bytes, must be as pieces, %zu",
                rules.ranks.size(), rules.left_bytes.size(), view.num_pieces());
  }
  for (uint32_t id = 0; id < view.num_pieces(); ++id) {
    const uint32_t left_bytes = rules.left_bytes[id];
    const std::string_view piece = view.Piece(id);
    const bool is_merged = rules.ranks[id] != schema::kNeverMerged;
    const bool is_sound =
        is_merged ? left_bytes != 0 && left_bytes < piece.size() && IsUtf8({piece.data(), left_bytes}) && IsUtf8(piece)
                  : left_bytes == 0;
    if (is_sound) continue;
    return Fail(
        log, Status::kInvalidModel,
        "tokenizer: piece %u of %zu bytes: rank %u and left_bytes %u, must be none or cut it between code points", id,
        piece.size(), rules.ranks[id], left_bytes);
  }
  return Status::kOk;
}

Status CheckByteIds(const TokenizerView& view, const Log& log) {
  const Span<const uint32_t> ids = view.segmentation.byte_ids;
  if (!ids.empty() && ids.size() != kNumBytes) {
    return Fail(log, Status::kInvalidModel, "tokenizer: %zu byte_ids, must be none or %zu", ids.size(), kNumBytes);
  }
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < view.num_pieces()) continue;
    return Fail(log, Status::kInvalidModel, "tokenizer: byte_ids[%zu] is %u, must be below %zu", i, ids[i],
                view.num_pieces());
  }
  return Status::kOk;
}

}  // namespace

Status CheckReading(const ReadingView& view, const Log& log) {
  SMX_TRY(CheckCharsMap(view.charsmap, log));
  return view.rule == ReadingRule::kSentencePiece ? Status::kOk : CheckClasses(view.classes, log);
}

Status CheckSegmentation(const TokenizerView& view, const Log& log) {
  if (view.longest_piece_bytes > schema::kMaxPieceBytes) {
    return Fail(log, Status::kUnsupported, "tokenizer: a piece of %zu bytes, this version has room for %u",
                view.longest_piece_bytes, schema::kMaxPieceBytes);
  }
  const size_t filter_bytes = view.segmentation.prefix_filter.size();
  if (filter_bytes == 0 || (filter_bytes & (filter_bytes - 1)) != 0) {
    return Fail(log, Status::kInvalidModel, "tokenizer: prefix_filter of %zu bytes, must be a power of two",
                filter_bytes);
  }
  SMX_TRY(CheckByteIds(view, log));
  return view.kind == TokenizerKind::kUnigram ? CheckScores(view, log) : CheckMerges(view, log);
}

}  // namespace smx
