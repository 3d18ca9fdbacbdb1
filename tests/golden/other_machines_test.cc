// int8 logits of this machine beside those that x86 has, kept in tests/golden/x86.

#include <doctest/doctest.h>

#include "golden/golden_run.h"
#include "output_file.h"
#include "smx/encoder.h"
#include "smx/tokenizer.h"
#include "support/models.h"
#include "support/process.h"
#include "tsv.h"

using smx::Status;
using smx::tests::GoldenCases;
using smx::tests::LargestDifference;
using smx::tests::RunGolden;
using smx::tests::ShippedFolder;
using smx::tools::Array;
using smx::tools::ArrayMap;

namespace {

const std::string kKept = std::string(SMX_TESTS_DIR) + "/golden/x86/int8_logits.safetensors";

/// Of 100 texts of the shipped model's test set, spread over all classes.
Array ShippedLogits() {
  constexpr size_t kTexts = 100;
  const smx::tests::MemoryModel model(smx::tests::ReadModelFolder(ShippedFolder(), "model.safetensors"),
                                      smx::tools::WeightsType::kInt8);
  const auto tokenizer = smx::Tokenizer::Create(*model);
  REQUIRE(tokenizer.ok());
  smx::tools::WithArena<smx::Encoder> encoder(*model, {}, "test");
  const std::vector<smx::tools::LabelledText> texts = smx::tools::ReadTsv(ShippedFolder() + "/test.tsv", {});
  const size_t num_classes = model->info().num_classes;
  std::vector<float> logits(kTexts * num_classes);
  std::vector<int32_t> ids(model->info().max_seq_len);
  for (size_t i = 0; i < kTexts; ++i) {
    smx::TokenizeResult result;
    REQUIRE(tokenizer.value().Tokenize(texts[i * texts.size() / kTexts].text, {}, {},
                                       {{ids.data(), ids.size()}, {}, {}}, &result) == Status::kOk);
    const smx::Span<float> row(logits.data() + i * num_classes, num_classes);
    encoder.Check(encoder->Run({ids.data(), result.num_tokens}, {}, {{}, {}, row}));
  }
  return smx::tools::FromFloat(logits, {kTexts, num_classes});
}

ArrayMap AllLogits() {
  ArrayMap arrays;
  for (const std::string& name : GoldenCases()) {
    arrays[name] = RunGolden(name, {"--type", "int8", "--routing-group", "batch"}).at("logits");
  }
  arrays["banking77"] = ShippedLogits();
  return arrays;
}

}  // namespace

TEST_CASE("golden int8: every machine has the very logits of x86") {
  const ArrayMap expected = smx::tools::ReadSafetensors(kKept);
  const ArrayMap found = AllLogits();
  REQUIRE(found.size() == expected.size());
  for (const auto& entry : found) {
    const auto& name = entry.first;
    const auto& array = entry.second;
    CAPTURE(name);
    CHECK(LargestDifference(array, expected.at(name)) == 0);
  }
}

#if defined(__x86_64__)
// Writes what the test above reads: smx_program_tests -tc='x86 logits*' --no-skip
TEST_CASE("x86 logits: written anew" * doctest::skip()) {
  const std::vector<uint8_t> bytes = smx::tools::SerializeSafetensors(AllLogits());
  smx::tools::WriteWhole(kKept, bytes);
}
#endif
