// System calls fail while smx-quantize writes its file, or smx a weights cache, or the process is killed there: the
// file appears whole or not at all, an earlier one stays as it was, and the exit code or a word says which.

#include <doctest/doctest.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "support/models.h"
#include "support/process.h"
#include "support/program_mains.h"

using smx::tests::CommandLine;
using smx::tests::ReadFile;
using smx::tests::RedirectedStream;
using smx::tests::TemporaryFolder;

namespace {

enum class Call { kNone, kMkstemp, kWrite, kFchmod, kFsync, kClose, kRename, kFlock };

constexpr int kKill = -1;        // instead of an errno
constexpr int kShortWrite = -2;  // one byte only
constexpr int kRenamed = -3;     // before it is locked, FILE.new becomes FILE, as if by another process that ends then

/// What goes wrong, in this process, with files other than the standard streams.
struct Plan {
  Call call = Call::kNone;
  int error = 0;
  bool always = false;  // or the first time only
} plan;

/// Whether `call` is to fail now; errno is set.
bool Fails(Call call) {
  if (plan.call != call) return false;
  if (!plan.always) plan.call = Call::kNone;
  if (plan.error == kKill) raise(SIGKILL);
  if (plan.error < 0) return false;
  errno = plan.error;
  return true;
}

template <typename Function>
Function* Real(Function*, const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

bool IsFile(int fd) { return fd > STDERR_FILENO; }
bool IsWritten(int fd) { return IsFile(fd) && (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY; }

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

ssize_t write(int fd, const void* bytes, size_t n) {
  if (IsFile(fd) && Fails(Call::kWrite)) return -1;
  const bool is_short = IsFile(fd) && plan.call == Call::kWrite && plan.error == kShortWrite;
  return Real(&write, "write")(fd, bytes, is_short && n > 1 ? 1 : n);
}

int fsync(int fd) { return Fails(Call::kFsync) ? -1 : Real(&fsync, "fsync")(fd); }

int flock(int fd, int operation) {
  if (plan.call == Call::kFlock) {
    plan.call = Call::kNone;
    const std::string name = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd));
    std::filesystem::rename(name, name.substr(0, name.size() - std::strlen(".new")));
  }
  return Real(&flock, "flock")(fd, operation);
}

int fchmod(int fd, mode_t mode) { return Fails(Call::kFchmod) ? -1 : Real(&fchmod, "fchmod")(fd, mode); }

int mkstemp(char* path) { return Fails(Call::kMkstemp) ? -1 : Real(&mkstemp, "mkstemp")(path); }

int rename(const char* from, const char* to) { return Fails(Call::kRename) ? -1 : Real(&rename, "rename")(from, to); }

int close(int fd) {
  const bool is_written = IsWritten(fd);
  const int result = Real(&close, "close")(fd);
  return is_written && Fails(Call::kClose) ? -1 : result;
}

}  // extern "C"
#pragma GCC visibility pop

namespace {

/// `command` in a child in which `fault` happens; its wait status.
int RunWith(const Plan& fault, CommandLine command, const TemporaryFolder& streams) {
  std::fflush(nullptr);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const RedirectedStream out(1, streams.Path("stdout"));
    const RedirectedStream err(2, streams.Path("stderr"));
    plan = fault;
    const int code = command.Run();
    plan = {};
    _exit(code);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

int QuantizeWith(const Plan& fault, const std::string& output, const TemporaryFolder& streams) {
  const std::string checkpoint = smx::tests::GoldenFolder("linear") + "/params.safetensors";
  return RunWith(fault, CommandLine(QuantizeMain, {"smx-quantize", checkpoint, "-o", output}), streams);
}

bool EndedWith(int wait_status, int code) { return WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == code; }

constexpr Call kCalls[] = {Call::kMkstemp, Call::kWrite, Call::kFchmod, Call::kFsync, Call::kClose, Call::kRename};

}  // namespace

TEST_CASE("output faults: a call that fails is exit code 5 with the reason, no file, and an earlier one as it was") {
  const TemporaryFolder streams;
  for (const bool has_earlier : {false, true}) {
    for (const Call call : kCalls) {
      for (const int error : {EIO, ENOSPC, EDQUOT, EACCES, EROFS}) {
        CAPTURE(static_cast<int>(call));
        CAPTURE(error);
        const TemporaryFolder folder;
        if (has_earlier) folder.Write("model.smx", "earlier");
        const std::string path = folder.Path("model.smx");
        CHECK(EndedWith(QuantizeWith({call, error, false}, path, streams), 5));
        CHECK(ReadFile(streams.Path("stderr")).find(std::strerror(error)) != std::string::npos);
        CHECK(folder.List().size() == (has_earlier ? 1 : 0));
        if (has_earlier) CHECK(ReadFile(path) == "earlier");
      }
    }
  }
}

TEST_CASE("output faults: writes that are interrupted or take one byte each still give the whole file") {
  const TemporaryFolder streams, folder;
  REQUIRE(EndedWith(QuantizeWith({}, folder.Path("sound.smx"), streams), 0));
  const std::string sound = ReadFile(folder.Path("sound.smx"));
  CHECK(sound.size() > 10000);
  CHECK(EndedWith(QuantizeWith({Call::kWrite, EINTR, false}, folder.Path("interrupted.smx"), streams), 0));
  CHECK(EndedWith(QuantizeWith({Call::kWrite, kShortWrite, true}, folder.Path("short.smx"), streams), 0));
  CHECK(ReadFile(folder.Path("interrupted.smx")) == sound);
  CHECK(ReadFile(folder.Path("short.smx")) == sound);
}

TEST_CASE("output faults: killed at any call, the file is absent, the earlier one, or whole") {
  const TemporaryFolder streams, sound_folder;
  REQUIRE(EndedWith(QuantizeWith({}, sound_folder.Path("sound.smx"), streams), 0));
  const std::string sound = ReadFile(sound_folder.Path("sound.smx"));
  size_t num_whole = 0;
  for (const bool has_earlier : {false, true}) {
    for (const Call call : kCalls) {
      CAPTURE(static_cast<int>(call));
      const TemporaryFolder folder;
      const std::string path = folder.Path("model.smx");
      if (has_earlier) folder.Write("model.smx", "earlier");
      const int status = QuantizeWith({call, kKill, false}, path, streams);
      CHECK(WIFSIGNALED(status));
      const std::string found = ReadFile(path);
      const bool is_as_before = found == (has_earlier ? "earlier" : "");
      CHECK((is_as_before || found == sound));
      num_whole += found == sound;
    }
  }
  CHECK(num_whole == 0);  // to rename is the last call of all
}

#if SMX_WITH_XNNPACK
TEST_CASE("output faults: a weights cache is whole or absent, whatever fails, and answers do not depend on it") {
  const TemporaryFolder streams, folder;
  const std::string model = folder.Path("model.smx");
  REQUIRE(EndedWith(QuantizeWith({}, model, streams), 0));
  const auto bench = [&](const Plan& fault, const std::string& cache) {
    return RunWith(fault, CommandLine(SmxMain, {"smx", "bench", model, "--repeat", "1", "--weights-cache", cache}),
                   streams);
  };
  const std::string path = folder.Path("cache");
  REQUIRE(EndedWith(bench({}, path), 0));
  const std::string sound = ReadFile(path);
  REQUIRE(sound.size() > 10000);
  for (const Call call : {Call::kWrite, Call::kFsync, Call::kRename}) {
    CAPTURE(static_cast<int>(call));
    for (const int error : {ENOSPC, EROFS, kKill}) {
      CAPTURE(error);
      const TemporaryFolder fresh;
      const std::string cache = fresh.Path("cache");
      const int status = bench({call, error, false}, cache);
      if (error == kKill) {
        CHECK(WIFSIGNALED(status));
        CHECK(fresh.List() == std::vector<std::string>{"cache.new"});
      } else {
        CHECK(EndedWith(status, 0));
        CHECK(ReadFile(streams.Path("stderr")).find(std::strerror(error)) != std::string::npos);
        CHECK(fresh.List().empty());
      }
      CHECK(EndedWith(bench({}, cache), 0));
      CHECK(ReadFile(cache) == sound);
      CHECK(fresh.List() == std::vector<std::string>{"cache"});
    }
  }
  for (const Plan& fault :
       {Plan{Call::kWrite, EINTR, false}, Plan{Call::kWrite, kShortWrite, true}, Plan{Call::kFlock, kRenamed, false}}) {
    CAPTURE(fault.error);
    const TemporaryFolder fresh;
    CHECK(EndedWith(bench(fault, fresh.Path("cache")), 0));
    CHECK(ReadFile(streams.Path("stderr")).find("weights cache") == std::string::npos);
    CHECK(ReadFile(fresh.Path("cache")) == sound);
  }
}
#endif
