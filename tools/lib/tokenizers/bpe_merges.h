#ifndef SMX_TOOLS_LIB_TOKENIZERS_BPE_MERGES_H_
#define SMX_TOOLS_LIB_TOKENIZERS_BPE_MERGES_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace smx::tools {

/// The rank of merging two neighbours into one piece, lowest first; nothing when they do not merge.
using MergeRank = std::function<std::optional<uint32_t>(std::string_view left, std::string_view right)>;

/// ranks and left_bytes of schema::Segmentation, [number of pieces].
struct LastMerges {
  std::vector<uint32_t> ranks;
  std::vector<uint16_t> left_bytes;
};

/// Merges the code points of each piece, the lowest rank first and of equals the leftmost, and keeps the last merge of
/// those that become one. What the engine does with it is right only if no piece has a lower rank than its parts, which
/// is so for all that were trained as BPE; Error(kUnsupported) names `path` and a piece for which it is not.
LastMerges FindLastMerges(const std::string& path, const std::vector<std::string>& pieces, const MergeRank& rank);

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_TOKENIZERS_BPE_MERGES_H_
