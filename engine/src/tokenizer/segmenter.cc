#include "tokenizer/segmenter.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "tokenizer/utf8.h"

namespace smx {
namespace {

constexpr size_t kBlockBytes = 4096;  // nodes are kept for so many positions and a little more
constexpr size_t kMaxCuts = 64;
constexpr size_t kWindowRings = 4;
constexpr uint64_t kNoLimit = UINT64_MAX;
// SentencePiece 0.2.3 begins sums in float anew beyond this.
constexpr double kLargestFloatSum = 100000;
// A plan leaves at least kMaxCuts / 2 targets between two others that are twice as far apart or more; so there are
// never more levels than these, of text that 64 bits can count.
constexpr size_t kMaxTargets = 12 * (kMaxCuts + 1);

/// Sizes of the arrays in scratch, all of them powers of two or bounded by Load: no sum can overflow.
struct Layout {
  explicit Layout(const TokenizerView& view) : longest(std::max<size_t>(view.longest_piece_bytes, 4)) {
    while (ring_size <= longest) ring_size *= 2;
  }
  size_t BlockNodes() const { return kBlockBytes + 3 * ring_size; }

  size_t longest;  // a code point that is no piece has up to 4 bytes
  size_t ring_size = 8;
};

/// Gives `count` values of the memory at `*next` and moves it behind them.
template <typename T>
T* Take(uint8_t** next, size_t count) {
  T* values = reinterpret_cast<T*>(*next);
  *next += count * sizeof(T);
  return values;
}

}  // namespace

size_t Segmenter::ScratchBytes(const TokenizerView& view) {
  const Layout layout(view);
  return alignof(Node) - 1 + layout.ring_size * (sizeof(Node) + kWindowRings + 1) +
         (kMaxCuts + kMaxTargets) * sizeof(uint64_t) + layout.BlockNodes() * (sizeof(double) + sizeof(uint16_t)) +
         kMaxCuts * (layout.longest + 1) * sizeof(uint16_t);
}

Segmenter::Segmenter(const TextReader& reader, const TokenizerView& view, bool avoids_special, uint8_t* scratch,
                     TokenWriter* writer)
    : view_(view),
      avoids_special_(avoids_special),
      writer_(writer),
      base_{reader, {}, false},
      ahead_(base_),
      longest_(Layout(view).longest),
      ring_size_(Layout(view).ring_size),
      block_nodes_(Layout(view).BlockNodes()) {
  uint8_t* next = scratch + (alignof(Node) - reinterpret_cast<uintptr_t>(scratch) % alignof(Node)) % alignof(Node);
  nodes_ = Take<Node>(&next, ring_size_);
  cuts_ = Take<uint64_t>(&next, kMaxCuts);
  targets_ = Take<uint64_t>(&next, kMaxTargets);
  scores_ = Take<double>(&next, block_nodes_);
  lengths_ = Take<uint16_t>(&next, block_nodes_);
  labels_ = Take<uint16_t>(&next, kMaxCuts * (longest_ + 1));
  window_ = Take<char>(&next, kWindowRings * ring_size_);
  last_text_ = Take<char>(&next, ring_size_);
}

void Segmenter::Run() {
  base_.Advance();
  while (base_.has_next) {
    base_.next.begins_word = false;
    SegmentWord();
  }
}

void Segmenter::SegmentWord() {
  base_position_ = 0;
  base_score_ = 0;
  last_ = {0, schema::kFreeSlot};
  last_is_unknown_ = false;
  while (base_.InWord()) {
    Restart();
    StepTo(kBlockBytes + base_position_);
    if (AtEnd()) {
      Commit(position_);
      return;
    }
    const uint64_t common = CommonBoundary();
    if (common - base_position_ >= kBlockBytes / 2) {
      Commit(common);
    } else {
      Plan(kNoLimit);
      CommitTargets();
    }
  }
}

/// Steps begin at the base again. The piece before it is in the window, too: BPE looks at it.
void Segmenter::Restart() {
  ahead_ = base_;
  position_ = window_end_ = base_position_;
  window_begin_ = base_position_ - last_.num_bytes;
  std::memcpy(window_, last_text_, last_.num_bytes);
  std::fill_n(nodes_, ring_size_, Node{0, schema::kFreeSlot, 0, 0});
  NodeAt(position_) = {base_score_, last_.id, static_cast<uint16_t>(last_.num_bytes), 0};
  KeepNode();
}

/// Keeps what is final of the node at position_, if it belongs to the block.
void Segmenter::KeepNode() {
  const uint64_t index = position_ - base_position_;
  if (index >= block_nodes_) return;
  lengths_[index] = NodeAt(position_).length;
  scores_[index] = NodeAt(position_).score;
}

/// The window reaches as far as a piece from position_ on may, or to the end of the word; and behind as far as one may.
void Segmenter::Fill() {
  while (window_end_ - position_ < longest_ && ahead_.InWord()) {
    if (window_end_ - window_begin_ + sizeof(ahead_.next.bytes) > kWindowRings * ring_size_) {
      const size_t kept = static_cast<size_t>(window_end_ - position_) + longest_;
      std::memmove(window_, TextAt(window_end_ - kept), kept);
      window_begin_ = window_end_ - kept;
    }
    std::memcpy(window_ + (window_end_ - window_begin_), ahead_.next.bytes, ahead_.next.num_bytes);
    window_end_ += ahead_.next.num_bytes;
    ahead_.Advance();
  }
}

bool Segmenter::AtEnd() {
  Fill();
  return position_ == window_end_;
}

/// Goes on to the first code point not below `limit`, or to the end of the word.
void Segmenter::StepTo(uint64_t limit) {
  while (position_ < limit && !AtEnd()) Step();
}

/// Takes the score of the node at position_, if it has grown too large, off all that can still be the best.
void Segmenter::LimitFloatSums() {
  const double score = NodeAt(position_).score;
  if (!view_.segmentation.float_sums || std::abs(score) <= kLargestFloatSum) return;
  for (uint64_t position = position_; position <= position_ + longest_; ++position) {
    NodeAt(position).score = static_cast<float>(NodeAt(position).score - score);
  }
}

/// Offers every piece from position_ on as the last one up to its end, then goes on by one code point.
void Segmenter::Step() {
  LimitFloatSums();
  const char* text = TextAt(position_);
  const size_t first_bytes = Utf8Bytes(text[0]);
  const size_t limit = std::min<size_t>(longest_, static_cast<size_t>(window_end_ - position_));
  const Span<const uint8_t> filter = view_.segmentation.prefix_filter;
  uint32_t hash = schema::kHashStart;
  bool finds_first = false;
  bool may_go_on = true;
  for (size_t begin = 0, end = first_bytes; may_go_on && end <= limit;) {
    ++steps_;
    hash = schema::ContinueHash(hash, text + begin, end - begin);
    const uint32_t id = FindPiece(view_, hash, "", {text, end});
    if (IsPiece(id, end, first_bytes)) {
      finds_first = finds_first || begin == 0;
      Offer(end, id, begin == 0);
    }
    may_go_on = end < limit && (filter[schema::FilterByte(hash, filter.size())] & schema::FilterBit(hash)) != 0;
    begin = end;
    if (may_go_on) end += Utf8Bytes(text[end]);
  }
  if (!finds_first) Offer(first_bytes, schema::kFreeSlot, true);
  NodeAt(position_).length = 0;
  position_ += first_bytes;
  KeepNode();
}

/// Whether `id`, found for so many bytes from the text, is a piece that a text may become.
bool Segmenter::IsPiece(uint32_t id, size_t num_bytes, size_t first_bytes) const {
  if (id == schema::kFreeSlot) return false;
  const SegmentationView& rules = view_.segmentation;
  if (view_.kind == TokenizerKind::kBpe) return num_bytes == first_bytes || rules.left_bytes[id] != 0;
  if (std::isinf(rules.Score(id))) return false;
  if (!avoids_special_) return true;
  return std::none_of(view_.special_tokens.begin(), view_.special_tokens.end(),
                      [id](const SpecialTokenView& token) { return token.id == id; });
}

double Segmenter::Sum(double score, uint32_t id) const {
  const SegmentationView& rules = view_.segmentation;
  if (view_.kind == TokenizerKind::kBpe) return 0;
  return score + (id == schema::kFreeSlot ? rules.unk_score : rules.Score(id));
}

/// A piece from position_ on, of so many bytes, may be the last one up to its end; `is_first`: it is one code point.
void Segmenter::Offer(size_t num_bytes, uint32_t id, bool is_first) {
  const Node& node = NodeAt(position_);
  Node& end = NodeAt(position_ + num_bytes);
  double sum = Sum(node.score, id);
  if (view_.kind == TokenizerKind::kBpe) {
    // One sequence of tokens is right; that which ends with a code point, looked at last, if no other was.
    if (end.length != 0) return;
    const bool begins_word = node.length == 0;
    if (!is_first && !begins_word &&
        !StayApart(view_, TextAt(position_), {node.length, node.id}, {num_bytes, id}, &steps_)) {
      return;
    }
  } else {
    if (view_.segmentation.float_sums) sum = static_cast<float>(sum);
    if (end.length != 0 && sum <= end.score) return;  // the first of equals stays
  }
  end = {sum, id, static_cast<uint16_t>(num_bytes), node.label};
}

uint64_t Segmenter::PreviousBoundary(uint64_t position) {
  return position - (position > position_ ? NodeAt(position).length : lengths_[position - base_position_]);
}

/// The last boundary that all have in common which can still be the best.
uint64_t Segmenter::CommonBoundary() {
  uint64_t common = position_;
  for (uint64_t other = position_ + 1; other <= position_ + longest_; ++other) {
    if (NodeAt(other).length == 0) continue;
    for (uint64_t boundary = other; boundary != common;) {
      if (boundary > common) {
        boundary = PreviousBoundary(boundary);
      } else {
        common = PreviousBoundary(common);
      }
    }
  }
  return common;
}

/// Goes on from position_ until the best pieces up to there are known to have one boundary in common, or up to the end
/// of the word or `limit`, a boundary of the best. Then their first boundaries behind each cut on the way are targets.
void Segmenter::Plan(uint64_t limit) {
  num_cuts_ = 0;
  cut_spacing_ = kBlockBytes;
  uint16_t label = 0;
  do {
    Cut();
    StepTo(std::min(limit, position_ + cut_spacing_));
    label = NodeAt(position_).label;
    if (position_ != limit && AtEnd()) targets_[num_targets_++] = position_;
  } while (position_ != limit && !AtEnd() && !LabelsAgree(&label));
  while (num_cuts_ > 0) {
    --num_cuts_;
    targets_[num_targets_++] = cuts_[num_cuts_] + label;
    label = labels_[num_cuts_ * (longest_ + 1) + label];
  }
}

bool Segmenter::LabelsAgree(uint16_t* label) {
  for (uint64_t position = position_; position <= position_ + longest_; ++position) {
    const Node& node = NodeAt(position);
    if (node.length != 0 && node.label != *label) return false;
  }
  return true;
}

/// Keeps the labels of the nodes from here on, which say where their best pieces crossed the last cut, and begins new
/// ones.
void Segmenter::Cut() {
  if (num_cuts_ == kMaxCuts) HalveCuts();
  uint16_t* labels = labels_ + num_cuts_ * (longest_ + 1);
  for (size_t i = 0; i <= longest_; ++i) {
    Node& node = NodeAt(position_ + i);
    labels[i] = node.label;
    node.label = static_cast<uint16_t>(i);
  }
  cuts_[num_cuts_++] = position_;
}

/// Forgets every other cut; from there on they are twice as far apart.
void Segmenter::HalveCuts() {
  num_cuts_ = kMaxCuts / 2;
  cut_spacing_ *= 2;
  for (size_t cut = 0; cut < num_cuts_; ++cut) {
    const uint16_t* first = labels_ + 2 * cut * (longest_ + 1);
    const uint16_t* second = first + (longest_ + 1);
    uint16_t* both = labels_ + cut * (longest_ + 1);
    // In place: `both` is `first` for cut 0 only, whose labels are all 0, or lies before it.
    for (size_t i = 0; i <= longest_; ++i) both[i] = cut == 0 ? 0 : first[second[i]];
    cuts_[cut] = cuts_[2 * cut + 1];
  }
}

void Segmenter::CommitTargets() {
  while (num_targets_ > 0) {
    const uint64_t target = targets_[num_targets_ - 1];
    Restart();
    if (target - base_position_ < kBlockBytes + 2 * ring_size_) {
      StepTo(target);
      Commit(target);
      --num_targets_;
    } else {
      StepTo(base_position_ + kBlockBytes);
      Plan(target);
    }
  }
}

/// Writes the tokens from the base up to `target`, a boundary of the best pieces, which is the base then.
void Segmenter::Commit(uint64_t target) {
  // From lengths of last pieces to lengths of next ones.
  uint16_t next_length = 0;
  for (uint64_t position = target; position > base_position_;) {
    const uint16_t length = lengths_[position - base_position_];
    lengths_[position - base_position_] = next_length;
    next_length = length;
    position -= length;
  }
  lengths_[0] = next_length;
  const uint64_t begin = base_position_;
  base_score_ = scores_[target - begin];
  while (base_position_ < target) {
    const size_t num_bytes = lengths_[base_position_ - begin];
    const TokenOffset source = TakePiece(num_bytes);
    AddToken(Utf8Bytes(last_text_[0]), source);
    base_position_ += num_bytes;
  }
}

/// Reads the piece behind the base into last_text_.
TokenOffset Segmenter::TakePiece(size_t num_bytes) {
  TokenOffset source = base_.next.source;
  for (last_.num_bytes = 0; last_.num_bytes < num_bytes; base_.Advance()) {
    std::memcpy(last_text_ + last_.num_bytes, base_.next.bytes, base_.next.num_bytes);
    last_.num_bytes += base_.next.num_bytes;
    source.end = base_.next.source.end;
  }
  return source;
}

/// Adds what last_text_ holds; several unknown code points in a row are one token, unless their bytes are.
void Segmenter::AddToken(size_t first_bytes, TokenOffset source) {
  const SegmentationView& rules = view_.segmentation;
  last_.id = FindPiece(view_, {last_text_, last_.num_bytes});
  if (!IsPiece(last_.id, last_.num_bytes, first_bytes)) last_.id = schema::kFreeSlot;
  const bool is_unknown = last_.id == schema::kFreeSlot || last_.id == rules.unk_id;
  if (!is_unknown) {
    writer_->Add(last_.id, source);
  } else if (!rules.byte_ids.empty()) {
    for (size_t i = 0; i < last_.num_bytes; ++i) {
      writer_->Add(rules.byte_ids[static_cast<uint8_t>(last_text_[i])], source);
    }
  } else if (last_is_unknown_) {
    writer_->ExtendLast(source.end);
  } else {
    writer_->Add(rules.unk_id, source);
  }
  last_is_unknown_ = is_unknown;
}

}  // namespace smx
