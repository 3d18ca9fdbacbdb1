#include "bpe_merges.h"

#include "error.h"
#include "tokenizer_format.h"

namespace smx::tools {
namespace {

/// A part of a piece, and the rank of the merge that made it; a code point has none.
struct Symbol {
  std::string_view text;
  std::optional<uint32_t> rank;
};

std::vector<Symbol> CodePoints(std::string_view piece) {
  std::vector<Symbol> symbols;
  for (size_t begin = 0, end = 1; begin < piece.size(); begin = end++) {
    while (end < piece.size() && (static_cast<uint8_t>(piece[end]) & 0xc0) == 0x80) ++end;
    symbols.push_back({piece.substr(begin, end - begin), std::nullopt});
  }
  return symbols;
}

/// Of a piece that became one by merging.
struct LastMerge {
  uint32_t rank;
  size_t left_bytes;
  bool is_after_its_parts;  // or of the same rank
};

std::optional<LastMerge> MergeAll(std::string_view piece, const MergeRank& rank) {
  std::vector<Symbol> symbols = CodePoints(piece);
  std::optional<LastMerge> last;
  while (symbols.size() > 1) {
    std::optional<uint32_t> best;
    size_t best_at = 0;
    for (size_t i = 0; i + 1 < symbols.size(); ++i) {
      const std::optional<uint32_t> found = rank(symbols[i].text, symbols[i + 1].text);
      if (!found || (best && *found >= *best)) continue;
      best = found;
      best_at = i;
    }
    if (!best) return std::nullopt;
    Symbol& left = symbols[best_at];
    const Symbol right = symbols[best_at + 1];
    last = {*best, left.text.size(), left.rank <= best && right.rank <= best};
    left = {std::string_view(left.text.data(), left.text.size() + right.text.size()), best};
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best_at) + 1);
  }
  return last;
}

}  // namespace

LastMerges FindLastMerges(const std::string& path, const std::vector<std::string>& pieces, const MergeRank& rank) {
  LastMerges merges;
  for (const std::string& piece : pieces) {
    const std::optional<LastMerge> last = MergeAll(piece, rank);
    if (last && !last->is_after_its_parts) {
      throw Error(
          ExitCode::kUnsupported,
          path + ": piece \"" + piece + "\" has a lower rank than one of its parts; only the opposite is implemented");
    }
    merges.ranks.push_back(last ? last->rank : schema::kNeverMerged);
    merges.left_bytes.push_back(static_cast<uint16_t>(last ? last->left_bytes : 0));
  }
  return merges;
}

}  // namespace smx::tools
