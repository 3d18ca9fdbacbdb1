#include "base/log.h"

#include <cstdarg>
#include <cstdio>

namespace smx {
namespace {

constexpr size_t kMaxMessageBytes = 512;

void LogV(const Log& log, const char* format, va_list arguments) {
  if (log.hook == nullptr) return;
  char message[kMaxMessageBytes];
  std::vsnprintf(message, sizeof(message), format, arguments);
  log.hook(log.context, message);
}

}  // namespace

void LogF(const Log& log, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  LogV(log, format, arguments);
  va_end(arguments);
}

Status Fail(const Log& log, Status status, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  LogV(log, format, arguments);
  va_end(arguments);
  return status;
}

}  // namespace smx
