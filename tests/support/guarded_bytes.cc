#include "support/guarded_bytes.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

namespace smx::tests {
namespace {

void Must(bool ok, const char* call) {
  if (!ok) throw std::runtime_error(std::string(call) + " failed");
}

}  // namespace

GuardedBytes::GuardedBytes(size_t size, Flush flush, size_t gap) {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t inner_bytes = (size + gap + page - 1) / page * page;
  void* mapping = mmap(nullptr, inner_bytes + 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  Must(mapping != MAP_FAILED, "mmap");
  mapping_ = {static_cast<uint8_t*>(mapping), inner_bytes + 2 * page};
  inner_ = mapping_.subspan(page, inner_bytes);
  Must(mprotect(mapping_.data(), page, PROT_NONE) == 0, "mprotect");
  Must(mprotect(inner_.end(), page, PROT_NONE) == 0, "mprotect");
  std::fill(inner_.begin(), inner_.end(), kPattern);
  bytes_ = inner_.subspan(flush == Flush::kAtStart ? gap : inner_bytes - size - gap, size);
}

GuardedBytes::~GuardedBytes() { munmap(mapping_.data(), mapping_.size()); }

bool GuardedBytes::SurroundingsAreIntact() const {
  const auto is_pattern = [](uint8_t byte) { return byte == kPattern; };
  return std::all_of(inner_.begin(), bytes_.begin(), is_pattern) && std::all_of(bytes_.end(), inner_.end(), is_pattern);
}

void GuardedBytes::MakeReadOnly() { Must(mprotect(inner_.data(), inner_.size(), PROT_READ) == 0, "mprotect"); }

}  // namespace smx::tests
