#include "code_point_classes.h"

#include <array>
#include <map>

#include "tokenizer_format.h"

namespace smx::tools {

CompiledClasses BuildCodePointClasses(const std::function<uint8_t(char32_t)>& class_of) {
  using Block = std::array<uint8_t, schema::kCodePointsPerBlock>;
  CompiledClasses classes;
  std::map<Block, uint16_t> known_blocks;
  for (uint32_t index = 0; index < schema::kNumBlockIndexes; ++index) {
    Block block;
    for (uint32_t i = 0; i < schema::kCodePointsPerBlock; ++i) {
      block[i] = class_of(index * schema::kCodePointsPerBlock + i);
    }
    const auto [known, is_new] = known_blocks.emplace(block, static_cast<uint16_t>(known_blocks.size()));
    if (is_new) classes.blocks.insert(classes.blocks.end(), block.begin(), block.end());
    classes.block_index.push_back(known->second);
  }
  return classes;
}

}  // namespace smx::tools
