#include "smx/sha256.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace {

std::string HexOf(const std::vector<std::string>& pieces) {
  smx::Sha256 hash;
  for (const std::string& piece : pieces) {
    hash.Update({reinterpret_cast<const uint8_t*>(piece.data()), piece.size()});
  }
  uint8_t digest[32];
  hash.Finish(digest);
  std::string hex;
  for (const uint8_t byte : digest) {
    hex += "0123456789abcdef"[byte >> 4];
    hex += "0123456789abcdef"[byte & 15];
  }
  return hex;
}

}  // namespace

TEST_CASE("sha256: the examples of FIPS 180-4") {
  CHECK(HexOf({}) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(HexOf({"abc"}) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(HexOf({"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"}) ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(HexOf({std::string(1000000, 'a')}) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("sha256: bytes may come in any pieces") {
  const std::string text(300, 'x');
  const std::string whole = HexOf({text});
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    CHECK(HexOf({text.substr(0, cut), text.substr(cut)}) == whole);
  }
}
