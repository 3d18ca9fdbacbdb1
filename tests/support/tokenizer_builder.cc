#include "support/tokenizer_builder.h"

#include "tokenizer/tokenize_text.h"

namespace smx::testing {
namespace {

TokenizerKind KindOf(schema::TokenizerKind kind) {
  return kind == schema::TokenizerKind_WORDPIECE ? TokenizerKind::kWordPiece
         : kind == schema::TokenizerKind_UNIGRAM ? TokenizerKind::kUnigram
                                                 : TokenizerKind::kBpe;
}

ReadingView ViewReading(const tools::CompiledReading& compiled) {
  ReadingView view;
  view.charsmap = {compiled.charsmap, compiled.charsmap_texts};
  view.add_dummy_prefix = compiled.add_dummy_prefix;
  view.remove_extra_whitespaces = compiled.remove_extra_whitespaces;
  if (compiled.rule == schema::ReadingRule_BYTE_LEVEL) view.rule = ReadingRule::kByteLevel;
  if (compiled.rule == schema::ReadingRule_METASPACE) view.rule = ReadingRule::kMetaspace;
  view.joins_quotes = compiled.joins_quotes;
  view.classes = {compiled.classes.block_index, compiled.classes.blocks};
  return view;
}

SegmentationView ViewSegmentation(const tools::CompiledSegmentation& compiled) {
  SegmentationView view;
  view.unk_id = compiled.unk_id;
  view.prefix_filter = compiled.prefix_filter;
  view.byte_ids = compiled.byte_ids;
  view.scores = compiled.scores;
  view.unk_score = compiled.unk_score;
  view.float_sums = compiled.float_sums;
  view.ranks = compiled.ranks;
  view.left_bytes = compiled.left_bytes;
  view.double_scores = compiled.double_scores;
  return view;
}

}  // namespace

BuiltTokenizer::BuiltTokenizer(tools::CompiledTokenizer compiled) : compiled_(std::move(compiled)) {
  for (const auto& [id, text] : compiled_.special_tokens) special_tokens_.push_back({id, text});
  view_.kind = KindOf(compiled_.kind);
  view_.adds_cls = compiled_.adds_cls;
  view_.adds_sep = compiled_.adds_sep;
  view_.pair_type_id = compiled_.pair_type_id;
  view_.reading = ViewReading(compiled_.reading);
  view_.segmentation = ViewSegmentation(compiled_.segmentation);
  view_.pieces = compiled_.pieces;
  view_.piece_offsets = compiled_.piece_offsets;
  view_.hash_index = compiled_.hash_index;
  view_.cls_id = compiled_.cls_id;
  view_.sep_id = compiled_.sep_id;
  view_.unk_id = compiled_.unk_id;
  view_.max_chars_per_word = compiled_.max_chars_per_word;
  view_.continuing_prefix = compiled_.continuing_prefix;
  view_.special_tokens = special_tokens_;
  view_.normalization.block_index = compiled_.block_index;
  view_.normalization.blocks = compiled_.blocks;
  view_.normalization.sequences = compiled_.sequences;
  view_.normalization.decompose_hangul = compiled_.decompose_hangul;
  view_.longest_piece_bytes = LongestPiece(view_.piece_offsets);
}

Tokens BuiltTokenizer::Tokenize(std::string_view text, std::string_view pair, const TokenizeOptions& options,
                                size_t capacity) const {
  Tokens tokens;
  tokens.ids.resize(capacity, -1);
  tokens.type_ids.resize(capacity, -1);
  std::vector<TokenOffset> offsets(capacity);
  std::vector<uint8_t> scratch(ScratchBytes(view_));
  TokenizeResult result = {};
  tokens.status =
      TokenizeText(view_, text, pair, options, {tokens.ids, tokens.type_ids, offsets, scratch}, Log(), &result);
  tokens.ids.resize(result.num_tokens);
  tokens.type_ids.resize(result.num_tokens);
  for (size_t i = 0; i < result.num_tokens; ++i) tokens.offsets.emplace_back(offsets[i].begin, offsets[i].end);
  tokens.num_tokens_whole = result.num_tokens_whole;
  return tokens;
}

std::string BuiltTokenizer::Pieces(std::string_view text) const {
  TokenizeOptions options;
  options.add_special_tokens = false;
  std::string joined;
  for (const int32_t id : Tokenize(text, {}, options).ids) {
    if (!joined.empty()) joined += ' ';
    joined += view_.Piece(static_cast<uint32_t>(id));
  }
  return joined;
}

tools::CompiledTokenizer SmallVocabulary(std::vector<std::string> pieces, const tools::TokenizerSwitches& switches) {
  const std::vector<std::string> special = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
  pieces.insert(pieces.begin(), special.begin(), special.end());
  tools::CompiledTokenizer tokenizer = tools::AssembleTokenizer(pieces, switches);
  tokenizer.pad_id = 0;
  tokenizer.unk_id = 1;
  tokenizer.cls_id = 2;
  tokenizer.sep_id = 3;
  for (uint32_t id = 0; id < special.size(); ++id) tokenizer.special_tokens.emplace_back(id, special[id]);
  return tokenizer;
}

}  // namespace smx::testing
