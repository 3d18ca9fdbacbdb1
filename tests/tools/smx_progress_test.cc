// The progress bar: its words, when it shows on a terminal, and that it is never in the way.

#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "progress.h"
#include "support/programs.h"
#include "support/running_program.h"

using smx::tests::Holds;
using smx::tests::ReadFile;
using smx::tests::Row;
using smx::tests::RunningProgram;
using smx::tests::ShippedModel;
using smx::tests::ShippedRows;
using smx::tests::TemporaryFolder;
using smx::tools::ProgressText;

namespace {

/// A terminal whose screen is read by the test.
class Terminal {
 public:
  Terminal() : fd_(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    REQUIRE(fd_ >= 0);
    REQUIRE(grantpt(fd_) == 0);
    REQUIRE(unlockpt(fd_) == 0);
    // While one end is open here, what the program wrote stays when it goes.
    end_ = open(path().c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC);
  }
  ~Terminal() {
    close(end_);
    close(fd_);
  }

  std::string path() const { return ptsname(fd_); }

  /// All that has been written to it.
  std::string Read() const {
    std::string text;
    pollfd fd = {fd_, POLLIN, 0};
    for (char c = 0; poll(&fd, 1, 0) > 0 && read(fd_, &c, 1) == 1;) text += c;
    return text;
  }

 private:
  const int fd_;
  int end_ = -1;
};

constexpr char kGone[] = "\r\x1b[K";

/// Whether no bar is left: the last one was wiped away.
bool BarIsGone(const std::string& screen) {
  const size_t gone = screen.rfind(kGone);
  return gone != std::string::npos && gone > screen.rfind("\rclassify");
}

/// Talks to smx classify, which answers into the file `out`: to each text but the first it has an answer later than a
/// bar waits to be shown, however slow the machine is.
void WriteSlowly(RunningProgram* program, const std::string& out) {
  const char* const texts[] = {"my card\n", "PIN \xff\n", "PIN\n"};
  for (size_t i = 0; i < 3; ++i) {
    REQUIRE(program->Write(texts[i]));
    for (int tries = 0; smx::tests::SplitLines(ReadFile(out)).size() < i + 1; ++tries) {
      REQUIRE(tries < 60000);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
  }
  program->CloseInput();
  CHECK(program->Wait() == 0);
}

}  // namespace

TEST_CASE("progress: count and rate, and where the size is known a bar, a share and the time left") {
  CHECK(ProgressText("evaluate", 1234, 0.2, 3.5) ==
        "evaluate [#####                    ]  20 %, 1234 done, 353/s, 14 s left");
  CHECK(ProgressText("run", 3, 1.0, 2.0) == "run [#########################] 100 %, 3 done, 1.5/s, 0 s left");
  CHECK(ProgressText("classify", 50, {}, 2.0) == "classify 50 done, 25/s");
}

TEST_CASE("progress: long times are minutes and hours; nothing is divided by 0") {
  CHECK(ProgressText("a", 10, 0.5, 600) == "a [############             ]  50 %, 10 done, 0.0/s, 10 min left");
  CHECK(ProgressText("a", 1000, 0.1, 3600) == "a [##                       ]  10 %, 1000 done, 0.3/s, 9.0 h left");
  CHECK(ProgressText("a", 0, 0.0, 1) == "a [                         ]   0 %, 0 done, 0.0/s");
  CHECK(ProgressText("a", 0, 0.0, 0) == "a [                         ]   0 %, 0 done");
}

TEST_CASE("progress: of a pipe of unknown size it shows count and rate, makes way for words, and goes") {
  const TemporaryFolder folder;
  const Terminal terminal;
  const std::string out = folder.Write("stdout", "");
  RunningProgram program("smx", {"classify", ShippedModel(), "--input", "-"}, terminal.path(), out);
  WriteSlowly(&program, out);
  const std::string screen = terminal.Read();
  CAPTURE(screen);
  CHECK(Holds(screen, "\rclassify 2 done, "));
  CHECK(Holds(screen, "\rclassify 3 done, "));
  CHECK(Holds(screen, "stdin: line 2: byte 5"));
  CHECK_FALSE(Holds(screen, "\x1b[Kstdin"));  // nothing was shown yet
  CHECK_FALSE(Holds(screen, "left"));
  CHECK(BarIsGone(screen));
  CHECK(smx::tests::SplitLines(ReadFile(out)).size() == 3);
  CHECK_FALSE(Holds(ReadFile(out), "\r"));
}

TEST_CASE("progress: of a file it shows what is done of it") {
  const TemporaryFolder folder;
  const Terminal terminal;
  // As many as take a while, the last one too long; fewer where only the slow reference kernels are built in.
  constexpr size_t kTexts = SMX_WITH_XNNPACK ? 3000 : 1000;
  std::vector<Row> rows = ShippedRows(1);
  REQUIRE(rows.size() > kTexts);
  rows.resize(kTexts);
  std::string texts;
  for (const Row& row : rows) texts += row.text + "\n";
  for (size_t i = 0; i < 100; ++i) texts += "card ";
  texts += "\n";
  const std::string input = folder.Write("texts.txt", texts);
  const std::string out = folder.Write("stdout", "");
  RunningProgram program("smx", {"classify", ShippedModel(), "--input", input, "--threads", "1"}, terminal.path(), out);
  CHECK(program.Wait() == 0);
  const std::string screen = terminal.Read();
  CAPTURE(screen);
  CHECK(Holds(screen, "\rclassify [#"));
  CHECK(Holds(screen, " left\x1b[K"));
  CHECK(Holds(screen, kGone + input + ": line "));
  CHECK(BarIsGone(screen));
}

TEST_CASE("progress: no bar where the answers go to the terminal, too") {
  const Terminal terminal;
  RunningProgram program("smx", {"classify", ShippedModel(), "--input", "-"}, terminal.path(), terminal.path());
  REQUIRE(program.Write("my card\n"));
  std::this_thread::sleep_for(std::chrono::milliseconds(600));
  REQUIRE(program.Write("PIN\n"));
  program.CloseInput();
  CHECK(program.Wait() == 0);
  const std::string screen = terminal.Read();
  CHECK(Holds(screen, "my card"));
  CHECK_FALSE(Holds(screen, " done"));
  CHECK_FALSE(Holds(screen, "\x1b"));
}
