#include "tokenizer/tokenize_text.h"

#include <algorithm>

#include "base/log.h"
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

Status CheckArguments(std::string_view text, std::string_view text_pair, const TokenBuffers& out, const Log& log) {
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
  return Status::kOk;
}

}  // namespace

// NOLINTNEXTLINE(readability-function-size): as Tokenizer::Tokenize, and what that knows
Status TokenizeText(const TokenizerView& view, std::string_view text, std::string_view text_pair,
                    const TokenizeOptions& options, const TokenBuffers& out, const Log& log, TokenizeResult* result) {
  SMX_TRY(CheckArguments(text, text_pair, out, log));
  const bool has_pair = text_pair.data() != nullptr;
  const size_t per_special = options.add_special_tokens ? 1 : 0;
  const size_t num_special = per_special * (has_pair ? 3 : 2);
  const size_t capacity = out.token_ids.size();
  if (capacity < num_special) {
    return Fail(log, Status::kInvalidArgument, "tokenize: room for %zu tokens, the special ones alone are %zu",
                capacity, num_special);
  }
  const size_t room = capacity - num_special;
  const bool parse = options.parse_special_tokens;

  TokenWriter text_writer(out, per_special, room, 0);
  TokenizeWords(view, text, parse, &text_writer);
  // The pair is counted before it is written: its length decides where it begins.
  TokenWriter pair_counter(out, 0, 0, 1);
  if (has_pair) TokenizeWords(view, text_pair, parse, &pair_counter);
  const Kept kept = KeepLongestFirst(text_writer.num_tokens(), pair_counter.num_tokens(), room);
  const size_t first_sep = per_special + kept.text;
  const size_t pair_begin = first_sep + per_special;
  if (has_pair) {
    TokenWriter pair_writer(out, pair_begin, kept.pair, 1);
    TokenizeWords(view, text_pair, parse, &pair_writer);
  }

  if (options.add_special_tokens) {
    TokenWriter(out, 0, 1, 0).Add(view.cls_id, {0, 0});
    TokenWriter(out, first_sep, 1, 0).Add(view.sep_id, {0, 0});
    if (has_pair) TokenWriter(out, pair_begin + kept.pair, 1, 1).Add(view.sep_id, {0, 0});
  }
  result->num_tokens = num_special + kept.text + kept.pair;
  result->num_tokens_whole = num_special + text_writer.num_tokens() + pair_counter.num_tokens();
  return Status::kOk;
}

}  // namespace smx
