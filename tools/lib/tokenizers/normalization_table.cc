#include "normalization_table.h"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <mutex>

#include "error.h"
#include "tokenizer_format.h"
#include "unicode_rules.h"

namespace smx::tools {
namespace {

using schema::CodePointClass;
using schema::PackElement;

/// What one code point becomes. Of fixed room, because there are a million of them.
class Elements {
 public:
  Elements() = default;
  explicit Elements(uint32_t only) { push_back(only); }

  void push_back(uint32_t element) {
    if (size_ == values_.size()) throw Error(ExitCode::kUnsupported, "Unicode: a replacement is too long");
    values_[size_++] = element;
  }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const uint32_t* begin() const { return values_.data(); }
  const uint32_t* end() const { return values_.data() + size_; }
  uint32_t operator[](size_t i) const { return values_[i]; }

  bool operator==(const Elements& other) const { return std::equal(begin(), end(), other.begin(), other.end()); }
  bool operator<(const Elements& other) const {
    return std::lexicographical_compare(begin(), end(), other.begin(), other.end());
  }

 private:
  std::array<uint32_t, schema::kMaxSequence> values_ = {};
  size_t size_ = 0;
};

using Block = std::array<uint16_t, schema::kCodePointsPerBlock>;

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
  if (switches.handle_chinese_chars && IsChineseCharacter(code_point) && !elements.empty()) {
    return Elements(PackElement(schema::ElementCodePoint(elements[0]), CodePointClass::kIsolated, 0));
  }
  return elements;
}

Elements StripNfkd(bool lowercase, char32_t code_point) {
  Elements elements;
  for (const char32_t part : DecomposeCompatibly(code_point)) {
    if (IsMark(part)) continue;
    for (const char32_t lower : lowercase ? Lowercase(part) : std::u32string{part}) {
      elements.push_back(PackElement(lower, CodePointClass::kWord, 0));
    }
  }
  return elements;
}

class TableBuilder {
 public:
  using Rule = std::function<Elements(char32_t)>;

  TableBuilder(Rule rule, bool decompose_hangul) : rule_(std::move(rule)) {
    table_.decompose_hangul = decompose_hangul;
  }

  NormalizationTable Build() {
    std::map<Block, uint16_t> known_blocks;
    for (uint32_t index = 0; index < schema::kNumBlockIndexes; ++index) {
      Block block;
      for (uint32_t i = 0; i < schema::kCodePointsPerBlock; ++i) {
        block[i] = ActionOf(index * schema::kCodePointsPerBlock + i);
      }
      const auto [known, is_new] = known_blocks.emplace(block, static_cast<uint16_t>(known_blocks.size()));
      if (is_new) table_.blocks.insert(table_.blocks.end(), block.begin(), block.end());
      table_.block_index.push_back(known->second);
    }
    table_.unicode_version = "as tokenizers 0.23: categories 8, decomposition 12, lowercase 17";
    return std::move(table_);
  }

 private:
  uint16_t ActionOf(char32_t code_point) {
    if (code_point >= 0xd800 && code_point < 0xe000) return schema::kActionWord;  // never asked for
    const Elements elements = rule_(code_point);
    if (elements.empty()) return schema::kActionDrop;
    if (elements == Elements(PackElement(code_point, CodePointClass::kWord, 0))) return schema::kActionWord;
    if (elements == Elements(PackElement(code_point, CodePointClass::kIsolated, 0))) return schema::kActionIsolated;
    if (elements.size() == 1 && schema::ElementClass(elements[0]) == static_cast<uint32_t>(CodePointClass::kSpace)) {
      return schema::kActionSpace;
    }
    return SequenceOf(elements);
  }

  /// Equal sequences are stored once.
  uint16_t SequenceOf(const Elements& elements) {
    const size_t begin = schema::kFirstSequence + table_.sequences.size();
    if (begin > UINT16_MAX) {
      throw Error(ExitCode::kUnsupported, "Unicode: more replacements than the model file has room for");
    }
    const auto [known, is_new] = known_sequences_.emplace(elements, static_cast<uint16_t>(begin));
    if (is_new) {
      table_.sequences.push_back(static_cast<uint32_t>(elements.size()));
      table_.sequences.insert(table_.sequences.end(), elements.begin(), elements.end());
    }
    return known->second;
  }

  Rule rule_;
  NormalizationTable table_;
  std::map<Elements, uint16_t> known_sequences_;
};

}  // namespace

const NormalizationTable& BertNormalization(NormalizationSwitches switches) {
  static std::mutex mutex;
  static std::map<std::array<bool, 4>, NormalizationTable> made;
  const std::array<bool, 4> key = {switches.clean_text, switches.handle_chinese_chars, switches.strip_accents,
                                   switches.lowercase};
  const std::lock_guard<std::mutex> lock(mutex);
  const auto known = made.find(key);
  if (known != made.end()) return known->second;
  const auto rule = [&](char32_t code_point) { return Normalize(switches, code_point); };
  return made.emplace(key, TableBuilder(rule, switches.strip_accents).Build()).first->second;
}

const NormalizationTable& StrippedNfkd(bool lowercase) {
  static const auto build = [](bool lower) {
    return TableBuilder([lower](char32_t c) { return StripNfkd(lower, c); }, true).Build();
  };
  static const NormalizationTable cased = build(false);
  static const NormalizationTable lowered = build(true);
  return lowercase ? lowered : cased;
}

}  // namespace smx::tools
