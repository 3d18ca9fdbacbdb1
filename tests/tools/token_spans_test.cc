// Tokens to words, and words to what tags make one.

#include "token_spans.h"

#include <doctest/doctest.h>

#include "support/models.h"
#include "support/sentencepiece_bytes.h"
#include "support/tiny_models.h"
#include "tokenizers/compile_sentencepiece.h"

using smx::TokenLabel;
using smx::tests::MemoryModel;
using smx::tools::EntitySpans;
using smx::tools::InputText;
using smx::tools::LabelledSpan;
using smx::tools::WeightsType;

namespace {

const std::vector<std::string> kLabels = {"O", "B-PER", "I-PER", "B-LOC", "I-LOC", "NOUN", "B-", "I-"};

TokenLabel Token(int32_t id, uint32_t begin, uint32_t end, size_t class_index, float probability,
                 bool of_pair = false) {
  return {id, {begin, end}, of_pair, "", class_index, probability};
}

/// "label probability begin-end" of each, with a ' where it is of the pair.
std::string TextOf(const std::vector<LabelledSpan>& spans) {
  std::string text;
  for (const LabelledSpan& span : spans) {
    char line[100];
    std::snprintf(line, sizeof(line), "%s%s %.3g %zu-%zu", text.empty() ? "" : ", ", span.label.c_str(),
                  span.probability, span.begin, span.end);
    text += line;
    if (span.of_pair) text += "'";
  }
  return text;
}

std::vector<LabelledSpan> Words(const std::vector<std::string>& labels) {
  std::vector<LabelledSpan> words;
  for (const std::string& label : labels) {
    const size_t begin = 2 * words.size();
    words.push_back({label, words.size() % 2 == 0 ? 0.5 : 1.0, begin, begin + 1, false});
  }
  return words;
}

std::string Entities(const std::vector<std::string>& labels) { return TextOf(EntitySpans(Words(labels))); }

}  // namespace

TEST_CASE("token spans: every token that covers something") {
  const TokenLabel tokens[] = {Token(2, 0, 0, 1, 0.9f), Token(6, 0, 2, 1, 0.5f), Token(7, 2, 3, 0, 0.75f),
                               Token(3, 0, 0, 0, 1.0f), Token(9, 0, 1, 5, 0.25f, true)};
  CHECK(TextOf(smx::tools::TokenSpans(tokens, kLabels)) == "B-PER 0.5 0-2, O 0.75 2-3, NOUN 0.25 0-1'");
}

TEST_CASE("token spans: a word of WordPiece is a token and the pieces with ## that follow it at once") {
  const MemoryModel model(smx::tests::TinyTokenLabels(), WeightsType::kF32);
  // [CLS] ab ##a ##b c ! [SEP] ab ##a: 6 is ab, 7 ##a, 8 ##b, 9 c, 10 !
  const InputText input = {"abab c!", "aba", true, ""};
  const TokenLabel tokens[] = {Token(2, 0, 0, 3, 1),      Token(6, 0, 2, 1, 0.5f),       Token(7, 2, 3, 3, 1),
                               Token(8, 3, 4, 3, 1),      Token(9, 5, 6, 5, 0.25f),      Token(10, 6, 7, 0, 0.75f),
                               Token(3, 0, 0, 3, 1),      Token(6, 0, 2, 2, 0.5f, true), Token(7, 2, 3, 3, 1, true),
                               Token(3, 0, 0, 3, 1, true)};
  CHECK(TextOf(smx::tools::WordSpans(*model, input, tokens, kLabels)) ==
        "B-PER 0.5 0-4, NOUN 0.25 5-6, O 0.75 6-7, I-PER 0.5 0-3'");
  // A piece with ## that begins a text or stands apart is a word.
  const TokenLabel apart[] = {Token(7, 0, 1, 1, 0.5f), Token(8, 2, 3, 2, 0.5f), Token(8, 3, 4, 2, 0.5f, true)};
  CHECK(TextOf(smx::tools::WordSpans(*model, {"a b", "   b", true, ""}, apart, kLabels)) ==
        "B-PER 0.5 0-1, I-PER 0.5 2-3, I-PER 0.5 3-4'");
}

TEST_CASE("token spans: a word of another tokenizer ends at a space, which is not its part") {
  smx::tools::ModelContent content = smx::tests::TinyTokenLabels();
  const std::vector<smx::tools::SentencePiece> pieces = {
      {"a", -3},        {"b", -3}, {"ab", -1}, {"aab", -2}, {"abab", -2.5f}, {"\xe2\x96\x81", -3},
      {"\xc3\xa9", -3}, {"c", -3}, {"d", -3},  {"e", -3},   {"!", -4}};
  content.tokenizer = smx::tools::CompileSentencePiece("tiny", smx::testing::SentencePieceBytes(1, pieces));
  const MemoryModel model(content, WeightsType::kF32);
  // Tokens may cover the space in front of them, or be nothing but a space.
  const InputText input = {" ab c!  ab", "", false, ""};
  const TokenLabel tokens[] = {Token(6, 0, 0, 3, 1),    Token(3, 0, 3, 1, 0.5f), Token(8, 3, 5, 2, 0.25f),
                               Token(11, 5, 6, 0, 1),   Token(6, 6, 8, 3, 1),    Token(1, 8, 9, 5, 0.75f),
                               Token(2, 9, 10, 0, 0.5f)};
  CHECK(TextOf(smx::tools::WordSpans(*model, input, tokens, kLabels)) ==
        "B-PER 0.5 1-3, I-PER 0.25 4-6, NOUN 0.75 8-10");
}

TEST_CASE("token spans: tags of one kind that follow each other are one span, with their mean probability") {
  CHECK(Entities({"B-PER", "I-PER", "I-PER", "O", "B-LOC"}) == "PER 0.667 0-5, LOC 0.5 8-9");
  CHECK(Entities({"B-PER", "B-PER", "I-PER"}) == "PER 0.5 0-1, PER 0.75 2-5");
  CHECK(Entities({"I-PER", "I-LOC", "I-LOC", "I-PER"}) == "PER 0.5 0-1, LOC 0.75 2-5, PER 1 6-7");
  CHECK(Entities({"B-PER", "O", "I-PER"}) == "PER 0.5 0-1, PER 0.5 4-5");
  CHECK(Entities({"O", "O"}).empty());
}

TEST_CASE("token spans: a label that is no tag stays as it is, word by word") {
  CHECK(Entities({"NOUN", "NOUN", "VERB"}) == "NOUN 0.5 0-1, NOUN 1 2-3, VERB 0.5 4-5");
  CHECK(Entities({"B-", "I-", "I-", "BPER", "E-PER"}) == "B- 0.5 0-1, I- 1 2-3, I- 0.5 4-5, BPER 1 6-7, E-PER 0.5 8-9");
  CHECK(Entities({"PER", "I-PER"}) == "PER 0.5 0-1, PER 1 2-3");
}

TEST_CASE("token spans: what is of two texts is never one span") {
  std::vector<LabelledSpan> words = Words({"B-PER", "I-PER", "I-PER"});
  words[1].of_pair = words[2].of_pair = true;
  CHECK(TextOf(EntitySpans(words)) == "PER 0.5 0-1, PER 0.75 2-5'");
}
