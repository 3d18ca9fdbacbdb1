// How sure answers are: thresholds and calibration errors that were computed by hand.

#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "confidence.h"

using smx::tools::Abstention;
using smx::tools::Abstentions;
using smx::tools::Answer;
using smx::tools::CalibrationError;
using smx::tools::LeastThreshold;
using smx::tools::MostPrecise;

namespace {

using Answers = std::vector<Answer>;

constexpr bool kRight = true;
constexpr bool kWrong = false;

void CheckLeast(const Answers& answers, double precision, const Abstention& expected) {
  CAPTURE(precision);
  const std::optional<Abstention> least = LeastThreshold(Abstentions(answers), precision);
  REQUIRE(least.has_value());
  CHECK(least->threshold == expected.threshold);
  CHECK(least->answered == expected.answered);
  CHECK(least->right == expected.right);
}

void CheckNone(const Answers& answers, double precision) {
  CAPTURE(precision);
  CHECK(!LeastThreshold(Abstentions(answers), precision).has_value());
}

/// n / 100 as one types it.
double Hundredths(size_t n) {
  return std::stod(std::to_string(n / 100) + "." + std::to_string(100 + n % 100).substr(1));
}

// By falling probability, 1/1, 2/2, 2/3, 3/4, 4/5, 4/6 are right; given in another order.
const Answers kMixed = {{0.3f, kWrong}, {0.9f, kRight}, {0.5f, kRight}, {0.8f, kRight}, {0.6f, kRight}, {0.7f, kWrong}};

}  // namespace

TEST_CASE("confidence: the least threshold answers the most texts that are right so often") {
  CheckLeast(kMixed, 1, {0.8f, 2, 2});
  CheckLeast(kMixed, 0.9, {0.8f, 2, 2});
  CheckLeast(kMixed, 0.81, {0.8f, 2, 2});
  CheckLeast(kMixed, 0.67, {0.5f, 5, 4});
}

TEST_CASE("confidence: a precision that is reached exactly is reached, whatever lies between does not matter") {
  // At 0.7, 2 of 3 are right, and at 0.6, 3 of 4; 4 of 5 lie behind both.
  CheckLeast(kMixed, 0.8, {0.5f, 5, 4});
  for (size_t n = 1; n <= 100; ++n) {
    // n right answers and 100 - n wrong ones of equal probability: n hundredths as they are written.
    Answers answers(100, {0.5f, kWrong});
    for (size_t i = 0; i < n; ++i) answers[i].is_right = true;
    CheckLeast(answers, Hundredths(n), {0, 100, n});
    if (n < 100) CheckNone(answers, Hundredths(n + 1));
  }
}

TEST_CASE("confidence: where all answers are right often enough the threshold is 0") {
  CheckLeast(kMixed, 0.66, {0, 6, 4});
  CheckLeast(kMixed, 0, {0, 6, 4});
  const Answers all_right = {{0.2f, kRight}, {0.9f, kRight}, {1.0f, kRight}};
  CheckLeast(all_right, 1, {0, 3, 3});
}

TEST_CASE("confidence: answers of equal probability are given together or not at all") {
  const Answers tied = {{0.9f, kRight}, {0.8f, kRight}, {0.8f, kWrong}, {0.8f, kRight}, {0.1f, kWrong}};
  CHECK(Abstentions(tied).size() == 3);
  CheckLeast(tied, 1, {0.9f, 1, 1});
  CheckLeast(tied, 0.75, {0.8f, 4, 3});
  // The first of the three that are tied are right, and must not count without the third.
  CheckLeast(tied, 0.76, {0.9f, 1, 1});
  const Answers all_tied = {{1.0f, kRight}, {1.0f, kWrong}};
  CHECK(Abstentions(all_tied).size() == 1);
  CheckLeast(all_tied, 0.5, {0, 2, 1});
  CheckNone(all_tied, 0.51);
}

TEST_CASE("confidence: neighbouring floats are no ties") {
  const float above = std::nextafter(0.8f, 1.0f);
  const Answers close = {{0.8f, kWrong}, {above, kRight}};
  CheckLeast(close, 1, {above, 1, 1});
}

TEST_CASE("confidence: nothing right reaches no precision, and the closest answers everything") {
  const Answers wrong = {{0.9f, kWrong}, {0.4f, kWrong}};
  CheckNone(wrong, 0.01);
  CheckLeast(wrong, 0, {0, 2, 0});
  CHECK(MostPrecise(Abstentions(wrong)).answered == 2);
  CHECK(MostPrecise(Abstentions(wrong)).right == 0);
}

TEST_CASE("confidence: the surest answer may be wrong, and then the closest is found behind it") {
  const Answers answers = {{0.9f, kWrong}, {0.8f, kRight}, {0.7f, kRight}, {0.6f, kWrong}, {0.5f, kWrong}};
  CheckNone(answers, 0.67);
  const Abstention best = MostPrecise(Abstentions(answers));
  CHECK(best.threshold == 0.7f);
  CHECK(best.answered == 3);
  CHECK(best.right == 2);
  CHECK(best.precision() == doctest::Approx(2.0 / 3));
}

TEST_CASE("confidence: one text is answered or not") {
  CheckLeast({{0.3f, kRight}}, 1, {0, 1, 1});
  CheckNone({{0.3f, kWrong}}, 0.5);
  CheckLeast({{0.3f, kWrong}}, 0, {0, 1, 0});
}

TEST_CASE("confidence: the calibration error is the gap of each bin, weighted by its answers") {
  // Two bins. 0..0.5: probabilities 0.2 and 0.4, one right: |1/2 - 0.3| = 0.2. 0.5..1: 0.5, 0.9 and 1, two right:
  // |2/3 - 0.8| = 2/15. Of five answers: 2/5 * 0.2 + 3/5 * 2/15 = 0.16.
  const Answers answers = {{0.2f, kRight}, {0.4f, kWrong}, {0.5f, kRight}, {0.9f, kWrong}, {1.0f, kRight}};
  CHECK(CalibrationError(answers, 2) == doctest::Approx(0.16).epsilon(1e-6));
  // One bin: |3/5 - 0.6|.
  CHECK(CalibrationError(answers, 1) < 1e-6);
}

TEST_CASE("confidence: fifteen bins unless told otherwise, of which 1 belongs to the last") {
  // 14/15 is 0.9333: in one bin these cancel out, in two they do not.
  CHECK(CalibrationError({{0.94f, kRight}, {1.0f, kRight}}) == doctest::Approx(0.03).epsilon(1e-5));
  CHECK(CalibrationError({{0.95f, kWrong}, {1.0f, kRight}}) == doctest::Approx(0.475).epsilon(1e-5));
  CHECK(CalibrationError({{0.92f, kWrong}, {1.0f, kRight}}) == doctest::Approx(0.46).epsilon(1e-5));
  CHECK(CalibrationError({{0.93f, kRight}, {0.94f, kWrong}}) == doctest::Approx((0.07 + 0.94) / 2).epsilon(1e-5));
  CHECK(CalibrationError({{0.935f, kRight}, {0.94f, kWrong}}) == doctest::Approx((0.94 - 0.065) / 2).epsilon(1e-5));
}

TEST_CASE("confidence: sure and right is calibrated, sure and wrong is as bad as can be") {
  CHECK(CalibrationError({{1.0f, kRight}, {1.0f, kRight}}) == 0);
  CHECK(CalibrationError({{1.0f, kWrong}}) == 1);
}
