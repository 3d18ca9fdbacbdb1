#include "smx/status.h"

namespace smx {

const char* StatusName(Status status) {
  switch (status) {
    case Status::kOk:
      return "Ok";
    case Status::kInvalidArgument:
      return "InvalidArgument";
    case Status::kOutOfRange:
      return "OutOfRange";
    case Status::kInvalidModel:
      return "InvalidModel";
    case Status::kUnsupported:
      return "Unsupported";
    case Status::kArenaTooSmall:
      return "ArenaTooSmall";
    case Status::kOutOfMemory:
      return "OutOfMemory";
    case Status::kIoError:
      return "IoError";
    case Status::kBackendFailure:
      return "BackendFailure";
    case Status::kInternal:
      return "Internal";
  }
  return "Unknown";
}

}  // namespace smx
