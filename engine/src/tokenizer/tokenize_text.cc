#include "tokenizer/tokenize_text.h"

#include <algorithm>
#include <cstring>

#include "base/log.h"
#include "tokenizer/segmenter.h"
#include "tokenizer/text_reader.h"
#include "tokenizer/wordpiece.h"

namespace smx {
namespace {

constexpr uint64_t kTooManyBytes = uint64_t{1} << 32;  // offsets have 32 bits

/// How many tokens stay of a text and of its pair.
struct Kept {
  size_t text;
  size_t pair;
};

/// The longer loses its last token until both fit into `room`. Of two that stay equally long and an odd room, the one
/// that was longer keeps one more; the pair, if they were equal: as "longest_first" of the library `tokenizers` has it.
Kept KeepLongestFirst(size_t text, size_t pair, size_t room) {
  if (text <= room && pair <= room - text) return {text, pair};
  const size_t half = room / 2;
  if (text > pair) {
    const size_t kept_pair = std::min(pair, half);
    return {room - kept_pair, kept_pair};
  }
  const size_t kept_text = std::min(text, half);
  return {kept_text, room - kept_text};
}

Status CheckArguments(const TokenizerView& view, std::string_view text, std::string_view text_pair,
                      const TokenBuffers& out, const Log& log) {
  for (const std::string_view each : {text, text_pair}) {
    if (uint64_t{each.size()} >= kTooManyBytes) {
      return Fail(log, Status::kInvalidArgument, "tokenize: text of %zu bytes, must be below 2^32", each.size());
    }
  }
  for (const size_t size : {out.type_ids.size(), out.offsets.size()}) {
    if (size != 0 && size != out.token_ids.size()) {
      return Fail(log, Status::kInvalidArgument, "tokenize: buffer of %zu, must be 0 or as token_ids, %zu", size,
                  out.token_ids.size());
    }
  }
  if (out.scratch.size() < ScratchBytes(view)) {
    return Fail(log, Status::kInvalidArgument, "tokenize: scratch of %zu bytes, must be scratch_bytes() %zu",
                out.scratch.size(), ScratchBytes(view));
  }
  return Status::kOk;
}

/// Which bytes begin a special token: most bytes of a text need no further look.
class FirstBytes {
 public:
  explicit FirstBytes(Span<const SpecialTokenView> tokens) {
    for (const SpecialTokenView& token : tokens) Group(token.text[0]) |= Bit(token.text[0]);
  }
  bool Contains(char byte) { return (Group(byte) & Bit(byte)) != 0; }

 private:
  uint32_t& Group(char byte) { return bits_[static_cast<uint8_t>(byte) >> 5]; }
  static uint32_t Bit(char byte) { return 1u << (static_cast<uint8_t>(byte) & 31); }

  uint32_t bits_[8] = {};
};

/// The longest special token that `text` begins with, or null.
const SpecialTokenView* LongestSpecialToken(Span<const SpecialTokenView> tokens, std::string_view text) {
  const SpecialTokenView* longest = nullptr;
  for (const SpecialTokenView& token : tokens) {
    if (longest != nullptr && token.text.size() <= longest->text.size()) continue;
    if (token.text.size() > text.size()) continue;
    if (std::memcmp(text.data(), token.text.data(), token.text.size()) == 0) longest = &token;
  }
  return longest;
}

/// Tokens of one text without [CLS] and [SEP]: special tokens typed in it (the leftmost, then the longest) and, between
/// them, what the tokenizer makes of each stretch.
class TextTokenizer {
 public:
  TextTokenizer(const TokenizerView& view, const TokenizeOptions& options, uint8_t* scratch)
      : view_(view), parses_special_(options.parse_special_tokens), scratch_(scratch) {}

  void Run(std::string_view text, TokenWriter* writer) const;

 private:
  void AddStretch(std::string_view text, size_t begin, size_t end, TokenWriter* writer) const;

  const TokenizerView& view_;
  bool parses_special_;
  uint8_t* scratch_;
};

void TextTokenizer::Run(std::string_view text, TokenWriter* writer) const {
  const Span<const SpecialTokenView> tokens = parses_special_ ? view_.special_tokens : Span<const SpecialTokenView>();
  FirstBytes first_bytes(tokens);
  size_t begin = 0;
  for (size_t i = 0; i < text.size();) {
    const std::string_view rest(text.data() + i, text.size() - i);
    const SpecialTokenView* token = first_bytes.Contains(rest[0]) ? LongestSpecialToken(tokens, rest) : nullptr;
    if (token == nullptr) {
      ++i;
      continue;
    }
    AddStretch(text, begin, i, writer);
    begin = i + token->text.size();
    writer->Add(token->id, {static_cast<uint32_t>(i), static_cast<uint32_t>(begin)});
    i = begin;
  }
  AddStretch(text, begin, text.size(), writer);
}

void TextTokenizer::AddStretch(std::string_view text, size_t begin, size_t end, TokenWriter* writer) const {
  const std::string_view stretch(text.data() + begin, end - begin);
  const uint32_t origin = static_cast<uint32_t>(begin);
  if (view_.kind == TokenizerKind::kWordPiece) {
    TokenizeWords(view_, stretch, origin, writer);
  } else {
    Segmenter(TextReader(view_, stretch, origin), view_, !parses_special_, scratch_, writer).Run();
  }
}

}  // namespace

size_t ScratchBytes(const TokenizerView& view) {
  return view.kind == TokenizerKind::kWordPiece ? 0 : Segmenter::ScratchBytes(view);
}

// NOLINTNEXTLINE(readability-function-size): as Tokenizer::Tokenize, and what that knows
Status TokenizeText(const TokenizerView& view, std::string_view text, std::string_view text_pair,
                    const TokenizeOptions& options, const TokenBuffers& out, const Log& log, TokenizeResult* result) {
  SMX_TRY(CheckArguments(view, text, text_pair, out, log));
  const bool has_pair = text_pair.data() != nullptr;
  const size_t num_cls = options.add_special_tokens && view.adds_cls ? 1 : 0;
  const size_t num_sep = options.add_special_tokens && view.adds_sep ? 1 : 0;  // behind each of the texts
  const size_t num_special = num_cls + num_sep * (has_pair ? 2 : 1);
  const size_t capacity = out.token_ids.size();
  if (capacity < num_special) {
    return Fail(log, Status::kInvalidArgument, "tokenize: room for %zu tokens, the special ones alone are %zu",
                capacity, num_special);
  }
  const size_t room = capacity - num_special;
  const TextTokenizer tokenizer(view, options, out.scratch.data());

  TokenWriter text_writer(out, num_cls, room, 0);
  tokenizer.Run(text, &text_writer);
  // The pair is counted before it is written: its length decides where it begins.
  const int32_t pair_type = view.pair_type_id;
  TokenWriter pair_counter(out, 0, 0, pair_type);
  if (has_pair) tokenizer.Run(text_pair, &pair_counter);
  const Kept kept = KeepLongestFirst(text_writer.num_tokens(), pair_counter.num_tokens(), room);
  const size_t first_sep = num_cls + kept.text;
  const size_t pair_begin = first_sep + num_sep;
  if (has_pair) {
    TokenWriter pair_writer(out, pair_begin, kept.pair, pair_type);
    tokenizer.Run(text_pair, &pair_writer);
  }

  if (num_cls != 0) TokenWriter(out, 0, 1, 0).Add(view.cls_id, {0, 0});
  if (num_sep != 0) TokenWriter(out, first_sep, 1, 0).Add(view.sep_id, {0, 0});
  if (num_sep != 0 && has_pair) TokenWriter(out, pair_begin + kept.pair, 1, pair_type).Add(view.sep_id, {0, 0});
  result->num_tokens = num_special + kept.text + kept.pair;
  result->num_tokens_whole = num_special + text_writer.num_tokens() + pair_counter.num_tokens();
  result->num_windows = 1;
  result->pair_begin = has_pair ? pair_begin : result->num_tokens;
  return Status::kOk;
}

namespace {

/// Reads windows, and keeps of each what the next one shares with it.
class Windows {
 public:
  Windows(const TokenizerView& view, const WindowRules& rules, const TokenBuffers& out)
      : view_(view),
        rules_(rules),
        out_(out),
        num_cls_(rules.options.add_special_tokens && view.adds_cls ? 1 : 0),
        num_sep_(rules.options.add_special_tokens && view.adds_sep ? 1 : 0) {}

  /// Tokens of a window that are not the text's.
  size_t num_special() const { return num_cls_ + num_sep_; }
  /// For tokens of the text; 0 where there is none.
  size_t room() const { return std::max(out_.token_ids.size(), num_special()) - num_special(); }
  size_t count() const { return count_; }
  Status status() const { return status_; }

  TokenWriter Writer() {
    const auto make_room = [](void* self) { return static_cast<Windows*>(self)->ReadFull(); };
    return TokenWriter(out_, num_cls_, room(), 0, {make_room, this});
  }

  /// The window that holds `num_kept` tokens of the text.
  void Read(size_t num_kept) {
    if (status_ != Status::kOk) return;
    if (num_cls_ != 0) TokenWriter(out_, 0, 1, 0).Add(view_.cls_id, {0, 0});
    if (num_sep_ != 0) TokenWriter(out_, num_cls_ + num_kept, 1, 0).Add(view_.sep_id, {0, 0});
    status_ = rules_.read(rules_.context, num_kept + num_special());
    ++count_;
  }

 private:
  size_t ReadFull() {
    Read(room());
    const size_t shared = num_cls_ + room() - rules_.overlap;
    std::copy_n(out_.token_ids.begin() + shared, rules_.overlap, out_.token_ids.begin() + num_cls_);
    return rules_.overlap;
  }

  const TokenizerView& view_;
  const WindowRules& rules_;
  const TokenBuffers& out_;
  const size_t num_cls_;
  const size_t num_sep_;
  size_t count_ = 0;
  Status status_ = Status::kOk;
};

}  // namespace

Status TokenizeWindows(const TokenizerView& view, std::string_view text, const WindowRules& rules,
                       const TokenBuffers& out, const Log& log, TokenizeResult* result) {
  SMX_TRY(CheckArguments(view, text, {}, out, log));
  Windows windows(view, rules, out);
  if (rules.overlap >= windows.room()) {
    return Fail(log, Status::kInvalidArgument, "windows: overlap of %zu tokens, must be below the %zu that one holds",
                rules.overlap, windows.room());
  }
  TokenWriter writer = windows.Writer();
  TextTokenizer(view, rules.options, out.scratch.data()).Run(text, &writer);
  windows.Read(writer.num_kept());
  SMX_TRY(windows.status());
  result->num_tokens = result->num_tokens_whole = writer.num_tokens() + windows.num_special();
  result->num_windows = windows.count();
  result->pair_begin = result->num_tokens;
  return Status::kOk;
}

}  // namespace smx
