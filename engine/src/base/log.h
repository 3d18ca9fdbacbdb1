#ifndef SMX_BASE_LOG_H_
#define SMX_BASE_LOG_H_

#include "smx/platform.h"
#include "smx/status.h"

namespace smx {

/// Hands one message, printf's way, to the hook; cut at 511 characters. Nothing happens without a hook.
void LogF(const Log& log, const char* format, ...) __attribute__((format(printf, 2, 3)));

/// The same, and gives back `status`, for `return Fail(log, Status::kInvalidModel, "...", ...)`.
Status Fail(const Log& log, Status status, const char* format, ...) __attribute__((format(printf, 3, 4)));

}  // namespace smx

#endif  // SMX_BASE_LOG_H_
