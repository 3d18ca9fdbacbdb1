#include "base/checked_math.h"

#include <doctest/doctest.h>

using smx::Checked;

TEST_CASE("checked math: a sum beyond 64 bits is remembered") {
  CHECK((Checked(UINT64_MAX) + Checked(0)).ok());
  CHECK_FALSE((Checked(UINT64_MAX) + Checked(1)).ok());
  CHECK_FALSE((Checked(UINT64_MAX) + Checked(1) + Checked(5)).ok());
}

TEST_CASE("checked math: a product beyond 64 bits is remembered, also when a factor is 0 later") {
  CHECK((Checked(1ull << 32) * Checked((1ull << 32) - 1)).ok());
  CHECK_FALSE((Checked(1ull << 32) * Checked(1ull << 32)).ok());
  CHECK_FALSE((Checked(1ull << 32) * Checked(1ull << 32) * Checked(0)).ok());
}

TEST_CASE("checked math: rounding up checks the rounded size too") {
  CHECK(Checked(0).AlignedUp(64).value() == 0);
  CHECK(Checked(1).AlignedUp(64).value() == 64);
  CHECK(Checked(64).AlignedUp(64).value() == 64);
  CHECK_FALSE(Checked(UINT64_MAX).AlignedUp(64).ok());
}
