#include "normalization_table.h"

#include <map>

#include "error.h"
#include "tokenizer_format.h"
#include "unicode_rules.h"

namespace smx::tools {
namespace {

using schema::CodePointClass;
using schema::PackElement;

using Elements = std::vector<uint32_t>;

CodePointClass ClassOf(char32_t code_point) {
  if (IsWhitespace(code_point)) return CodePointClass::kSpace;
  return IsPunctuation(code_point) ? CodePointClass::kIsolated : CodePointClass::kWord;
}

/// One code point of the decomposed text: dropped as an accent or lower-cased.
void AppendElements(const NormalizationSwitches& switches, char32_t code_point, Elements* elements) {
  const uint32_t combining_class = switches.strip_accents ? CombiningClass(code_point) : 0;
  if (switches.strip_accents && IsNonspacingMark(code_point)) {
    if (combining_class == 0) elements->push_back(PackElement(0, CodePointClass::kBarrier, 0));
    return;
  }
  for (const char32_t lower : switches.lowercase ? Lowercase(code_point) : std::u32string{code_point}) {
    const CodePointClass kind = ClassOf(lower);
    if (kind != CodePointClass::kWord && combining_class != 0) {
      throw Error(ExitCode::kUnsupported, "Unicode: punctuation or space U+" + std::to_string(lower) +
                                              " with a combining class; marks cannot be sorted within words");
    }
    elements->push_back(PackElement(lower, kind, combining_class));
  }
}

/// The steps of BertNormalizer, in its order, on one code point.
Elements Normalize(const NormalizationSwitches& switches, char32_t code_point) {
  if (switches.clean_text && IsRemovedByCleanText(code_point)) return {};
  Elements elements;
  for (const char32_t part : switches.strip_accents ? Decompose(code_point) : std::u32string{code_point}) {
    AppendElements(switches, part, &elements);
  }
  // A space before and behind: the same as a word of its own, since none of them becomes more than one.
  if (switches.handle_chinese_chars && IsChineseCharacter(code_point)) {
    elements = {PackElement(schema::ElementCodePoint(elements.at(0)), CodePointClass::kIsolated, 0)};
  }
  return elements;
}

class TableBuilder {
 public:
  explicit TableBuilder(const NormalizationSwitches& switches) : switches_(switches) {}

  NormalizationTable Build() {
    std::map<std::vector<uint16_t>, uint16_t> known_blocks;
    for (uint32_t index = 0; index < schema::kNumBlockIndexes; ++index) {
      std::vector<uint16_t> block;
      for (uint32_t i = 0; i < schema::kCodePointsPerBlock; ++i) {
        block.push_back(ActionOf(index * schema::kCodePointsPerBlock + i));
      }
      const auto [known, is_new] = known_blocks.emplace(block, static_cast<uint16_t>(known_blocks.size()));
      if (is_new) table_.blocks.insert(table_.blocks.end(), block.begin(), block.end());
      table_.block_index.push_back(known->second);
    }
    table_.decompose_hangul = switches_.strip_accents;
    table_.unicode_version = "as tokenizers 0.23: categories 8, decomposition 12, lowercase 17";
    return std::move(table_);
  }

 private:
  uint16_t ActionOf(char32_t code_point) {
    if (code_point >= 0xd800 && code_point < 0xe000) return schema::kActionWord;  // never asked for
    const Elements elements = Normalize(switches_, code_point);
    if (elements.empty()) return schema::kActionDrop;
    if (elements == Elements{PackElement(code_point, CodePointClass::kWord, 0)}) return schema::kActionWord;
    if (elements == Elements{PackElement(code_point, CodePointClass::kIsolated, 0)}) return schema::kActionIsolated;
    if (elements.size() == 1 && schema::ElementClass(elements[0]) == static_cast<uint32_t>(CodePointClass::kSpace)) {
      return schema::kActionSpace;
    }
    return SequenceOf(elements);
  }

  /// Equal sequences are stored once.
  uint16_t SequenceOf(const Elements& elements) {
    const size_t begin = schema::kFirstSequence + table_.sequences.size();
    if (begin > UINT16_MAX || elements.size() > schema::kMaxSequence) {
      throw Error(ExitCode::kUnsupported, "Unicode: more replacements than the model file has room for");
    }
    const auto [known, is_new] = known_sequences_.emplace(elements, static_cast<uint16_t>(begin));
    if (is_new) {
      table_.sequences.push_back(static_cast<uint32_t>(elements.size()));
      table_.sequences.insert(table_.sequences.end(), elements.begin(), elements.end());
    }
    return known->second;
  }

  NormalizationSwitches switches_;
  NormalizationTable table_;
  std::map<Elements, uint16_t> known_sequences_;
};

}  // namespace

NormalizationTable BuildNormalizationTable(const NormalizationSwitches& switches) {
  return TableBuilder(switches).Build();
}

}  // namespace smx::tools
