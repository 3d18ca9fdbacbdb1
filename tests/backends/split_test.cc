// Work that is split among threads: every part once, and never two parts at a time under one thread's number. The
// `tsan` preset runs this file under the thread sanitizer.

#include "backends/backend.h"

#include <atomic>
#include <vector>

#include <doctest/doctest.h>

using smx::Backend;
using smx::Options;
using smx::SharedSlot;
using smx::Status;

TEST_CASE("split: parts are all of the work, once, and a thread does one of them at a time") {
  for (const size_t num_threads : {1, 2, 5}) {
    CAPTURE(num_threads);
    Backend backend;
    Options options;
    options.num_threads = num_threads;
    SharedSlot shared;
    REQUIRE(backend.Create(options, /*has_int8_products=*/false, &shared) == Status::kOk);
    REQUIRE(backend.num_threads() == num_threads);
    for (const size_t size : {0, 1, 2, 7, 19, 64, 1000}) {
      CAPTURE(size);
      std::vector<int> visits(size);  // not atomic: the thread sanitizer sees whether Split orders them
      std::vector<std::atomic<int>> busy(num_threads);
      std::atomic<int> num_parts{0}, num_clashes{0};
      backend.Split(size, 1 << 20, [&](size_t thread, size_t first, size_t count) {
        if (busy.at(thread).fetch_add(1) != 0) ++num_clashes;
        for (size_t i = first; i < first + count; ++i) ++visits.at(i);
        ++num_parts;
        --busy[thread];
      });
      CHECK(num_clashes == 0);
      for (const int visit : visits) CHECK(visit == 1);
      CHECK((num_parts > 1) == (num_threads > 1 && size > 1));
    }
    backend.Rest();
    int num_parts = 0;
    backend.Split(100, 10, [&](size_t, size_t, size_t) { ++num_parts; });
    CHECK(num_parts == 1);  // does not pay
  }
}
