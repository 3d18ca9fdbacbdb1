#include "normalization_table.h"

#include <doctest/doctest.h>

#include <string>

#include "smx/sha256.h"
#include "unicode_rules.h"

namespace {

template <typename T>
void Update(smx::Sha256* hash, const std::vector<T>& values) {
  hash->Update({reinterpret_cast<const uint8_t*>(values.data()), values.size() * sizeof(T)});
}

std::string HashOf(const smx::tools::NormalizationTable& table) {
  smx::Sha256 hash;
  Update(&hash, table.block_index);
  Update(&hash, table.blocks);
  Update(&hash, table.sequences);
  uint8_t digest[32];
  hash.Finish(digest);
  std::string hex;
  for (const uint8_t byte : digest) {
    hex += "0123456789abcdef"[byte >> 4];
    hex += "0123456789abcdef"[byte & 15];
  }
  return hex;
}

// By switches: bit 0 clean_text, 1 handle_chinese_chars, 2 strip_accents, 3 lowercase. With each of these tables every
// code point, alone and between letters, and 180000 random texts of marks gave the words that `tokenizers` 0.23.3
// gives.
const char* const kHashes[16] = {"6978e7cb5656c1b6a8ae37af15f1fd5f92ce402e0aaa61fe873625b6caf99ebd",
                                 "0b0500533890bf7034bbbddd217610b0c3ef0d3a7e9f40d52b855b2f3f00a317",
                                 "f14bcb645a82dc484a97e79be2515adee32aff743bd470d6ba0630eb3ac4223c",
                                 "b3fddce5e4b57da3f60a5bc18e330635b85f2ac4639cf6362c1f9cf50a27b2c1",
                                 "69d48b4fb02e74b5f970bebdf3b748ebd38d96c5464248f836d0f0e8ea64d347",
                                 "b3baefa6128d69a39dfb5b7e22a4c91478326707c6bab7216c78c1d143cc18bc",
                                 "763d61a2e82eff3a1eb6a481a4ffc184cbb56cbeeb59faa767699366471e43f6",
                                 "48a763e1e1efc728fffb0754e4b34531b77ce779fa9ec0ca27d14b09e5cfc381",
                                 "9adaaafac2c9a81487bee7471af431442741dd6fc280706c1bb994f0e2b68193",
                                 "a1dab6c67e06cf3f4ae8025fb44acc91c78e4d7e72e028697d9f57a7a69a532c",
                                 "c881ff1ae62a99b06d59730e88cfe0f0054cac84983277463f3dab6fd33c9ec3",
                                 "7957a8f453829ba48f07f48e8f0c492b03f8f82e8538903e127838095c3e9e35",
                                 "263918a010310ef615b7b4ce601e96d35dede4b862e56cb203db168614ae7b29",
                                 "b33c094c5ccb5e65a3b1223040a508faf9ef66c7e1c7375dcb72606ac2c0bfd5",
                                 "ca65c2b230d15fc7543088968886f433694db0181172472ff4c472ff74aca3c6",
                                 "14b5f6589ecfe0631908b8e4c0ec70fe4fea7f5fc2c68b5c7939041128a29cc8"};

}  // namespace

TEST_CASE("normalization table: equal to those compared with the library, whatever utf8proc is installed") {
  for (unsigned i = 0; i < 16; ++i) {
    CAPTURE(i);
    CHECK(HashOf(smx::tools::BertNormalization({(i & 1) != 0, (i & 2) != 0, (i & 4) != 0, (i & 8) != 0})) ==
          kHashes[i]);
  }
}

TEST_CASE("unicode rules: what differs from Unicode is as the library has it") {
  CHECK(smx::tools::IsNonspacingMark(0x301));
  CHECK(smx::tools::IsNonspacingMark(0x1734));           // Mc today
  CHECK_FALSE(smx::tools::IsNonspacingMark(0x1df6));     // Mn since Unicode 10
  CHECK_FALSE(smx::tools::IsPunctuation(0x2e4f));        // P since Unicode 12
  CHECK(smx::tools::IsPunctuation(U'$'));                // Sc, but ASCII
  CHECK_FALSE(smx::tools::IsRemovedByCleanText(0x378));  // unassigned
  CHECK(smx::tools::IsRemovedByCleanText(0xe000));       // private use
  CHECK(smx::tools::Decompose(0x11938) == std::u32string{0x11938});
  CHECK(smx::tools::Lowercase(0x10d51) == std::u32string{0x10d71});
}
