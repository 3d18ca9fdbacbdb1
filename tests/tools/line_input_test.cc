// Lines as they arrive: what can be read without waiting, and what a line is.

#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "line_input.h"
#include "support/process.h"

using smx::tests::TemporaryFolder;
using smx::tools::Ahead;
using smx::tools::LineInput;

namespace {

std::vector<std::string> LinesOf(const std::string& content) {
  const TemporaryFolder folder;
  LineInput input(folder.Write("lines", content));
  std::vector<std::string> lines;
  for (std::string line; input.Next(&line);) lines.push_back(line);
  CHECK(input.Look() == Ahead::kEnd);
  return lines;
}

/// A named pipe that the test writes into.
class Pipe {
 public:
  Pipe() {
    REQUIRE(mkfifo(path().c_str(), 0600) == 0);
    fd_ = open(path().c_str(), O_RDWR);
  }
  ~Pipe() { Close(); }
  std::string path() const { return folder_.Path("pipe"); }
  void Write(const std::string& text) { REQUIRE(write(fd_, text.data(), text.size()) == ssize_t(text.size())); }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

 private:
  const TemporaryFolder folder_;
  int fd_ = -1;
};

}  // namespace

TEST_CASE("line input: lines end with LF or CRLF, the last one with either or without") {
  using Lines = std::vector<std::string>;
  CHECK(LinesOf("").empty());
  CHECK(LinesOf("a") == Lines{"a"});
  CHECK(LinesOf("a\n") == Lines{"a"});
  CHECK(LinesOf("a\n\nb\r\n\r\n\n") == Lines{"a", "", "b", "", ""});
  CHECK(LinesOf("a\rb\r\r\nc\r") == Lines{"a\rb\r", "c"});
  CHECK(LinesOf(std::string("a\0b\n\xff", 5)) == Lines{std::string("a\0b", 3), "\xff"});
}

TEST_CASE("line input: lines of every length around the size of a read are whole") {
  std::string content;
  std::vector<std::string> expected;
  for (const size_t size : {1, 65534, 65535, 65536, 65537, 0, 131072, 3, 1'000'000}) {
    expected.emplace_back(size, static_cast<char>('a' + expected.size()));
    content += expected.back() + "\n";
  }
  CHECK((LinesOf(content) == expected));
}

TEST_CASE("line input: of a pipe it knows whether a whole line is there") {
  Pipe pipe;
  LineInput input(pipe.path());
  std::string line;
  CHECK(input.Look() == Ahead::kNothingYet);
  pipe.Write("half of a");
  CHECK(input.Look() == Ahead::kNothingYet);
  pipe.Write(" line\nnext\nla");
  CHECK(input.Look() == Ahead::kSomething);
  REQUIRE(input.Next(&line));
  CHECK(line == "half of a line");
  CHECK(input.Look() == Ahead::kSomething);
  REQUIRE(input.Next(&line));
  CHECK(line == "next");
  CHECK(input.Look() == Ahead::kNothingYet);
  pipe.Write("st");
  pipe.Close();
  CHECK(input.Look() == Ahead::kSomething);
  CHECK(input.Look() == Ahead::kSomething);
  REQUIRE(input.Next(&line));
  CHECK(line == "last");
  CHECK(input.Look() == Ahead::kEnd);
  CHECK_FALSE(input.Next(&line));
  CHECK_FALSE(input.share());
  CHECK_FALSE(input.IsTerminal());
}

TEST_CASE("line input: of a file it knows how much was given") {
  const TemporaryFolder folder;
  LineInput input(folder.Write("lines", "abc\r\nabcd\nlast one.!"));  // 5 + 5 + 10 bytes
  std::string line;
  CHECK(input.share() == 0.0);
  for (const double share : {0.25, 0.5, 1.0}) {
    CHECK(input.Look() == Ahead::kSomething);
    REQUIRE(input.Next(&line));
    CHECK(input.share() == share);
  }
  CHECK(input.Look() == Ahead::kEnd);
  LineInput empty(folder.Write("empty", ""));
  CHECK(empty.Look() == Ahead::kEnd);
  CHECK_FALSE(empty.share());
}

TEST_CASE("line input: what cannot be opened or read says so") {
  const TemporaryFolder folder;
  CHECK_THROWS_AS(LineInput(folder.Path("none")), smx::tools::Error);
  CHECK_THROWS_AS(LineInput(folder.Path("")), smx::tools::Error);
  LineInput memory("/proc/self/mem");  // address 0 is not mapped
  CHECK(memory.Look() == Ahead::kSomething);
  std::string line;
  CHECK_THROWS_WITH_AS(memory.Next(&line), "/proc/self/mem: cannot read: Input/output error", smx::tools::Error);
}
