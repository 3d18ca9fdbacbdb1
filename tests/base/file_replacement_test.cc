#include "base/file_replacement.h"

#include <cstdio>
#include <string>

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/process.h"

using smx::FileReplacement;
using smx::Log;
using smx::Status;
using smx::tests::ReadFile;
using smx::tests::TemporaryFolder;

namespace {

using Names = std::vector<std::string>;

smx::Span<const uint8_t> BytesOf(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

Log KeepLast(std::string* message) {
  return {[](void* context, const char* text) { *static_cast<std::string*>(context) = text; }, message};
}

/// Whether all of it went well.
bool Replace(const std::string& path, const std::string& content, const Log& log = {}) {
  FileReplacement file;
  return file.Open(path.c_str(), log) == Status::kOk && file.Write(BytesOf(content)) == Status::kOk &&
         file.Commit() == Status::kOk;
}

}  // namespace

TEST_CASE("file replacement: a new file appears with Commit, whole, in place of an earlier one") {
  const TemporaryFolder folder;
  const std::string path = folder.Path("file");
  for (const std::string content : {"first", "a longer second", "3"}) {
    const std::string before = ReadFile(path);
    FileReplacement file;
    REQUIRE(file.Open(path.c_str(), {}) == Status::kOk);
    REQUIRE(file.Write(BytesOf(content)) == Status::kOk);
    CHECK(ReadFile(path) == before);
    REQUIRE(file.Commit() == Status::kOk);
    CHECK(ReadFile(path) == content);
    CHECK(folder.List() == Names{"file"});
  }
}

TEST_CASE("file replacement: without Commit nothing is left, and the earlier file is as it was") {
  const TemporaryFolder folder;
  const std::string path = folder.Write("file", "earlier");
  {
    FileReplacement file;
    REQUIRE(file.Open(path.c_str(), {}) == Status::kOk);
    REQUIRE(file.Write(BytesOf("new")) == Status::kOk);
  }
  CHECK(folder.List() == Names{"file"});
  CHECK(ReadFile(folder.Path("file")) == "earlier");
}

TEST_CASE("file replacement: what a killed process has left is written over") {
  const TemporaryFolder folder;
  folder.Write("file.new", std::string(100000, 'x'));
  CHECK(Replace(folder.Path("file"), "whole"));
  CHECK(ReadFile(folder.Path("file")) == "whole");
  CHECK(folder.List() == Names{"file"});
}

TEST_CASE("file replacement: one at a time; who comes second is told, and spoils nothing") {
  const TemporaryFolder folder;
  const std::string path = folder.Path("file");
  std::string message;
  {
    FileReplacement first;
    REQUIRE(first.Open(path.c_str(), {}) == Status::kOk);
    REQUIRE(first.Write(BytesOf("of the first")) == Status::kOk);
    CHECK_FALSE(Replace(path, "of the second", KeepLast(&message)));
    CHECK(message.find("another one is just writing it") != std::string::npos);
    REQUIRE(first.Commit() == Status::kOk);
    // While the first one still has the lock, on a file that has another name now.
    CHECK(Replace(path, "of the third"));
  }
  CHECK(ReadFile(path) == "of the third");
  CHECK(folder.List() == Names{"file"});
}

TEST_CASE("file replacement: a folder that is not there, a link, a pipe in the way are errors with the reason") {
  const TemporaryFolder folder;
  std::string message;
  CHECK_FALSE(Replace(folder.Path("none/file"), "x", KeepLast(&message)));
  CHECK(message.find("No such file") != std::string::npos);
  folder.Write("target", "of somebody else");
  REQUIRE(symlink(folder.Path("target").c_str(), folder.Path("file.new").c_str()) == 0);
  CHECK_FALSE(Replace(folder.Path("file"), "x", KeepLast(&message)));
  CHECK(ReadFile(folder.Path("target")) == "of somebody else");
  REQUIRE(mkfifo(folder.Path("pipe.new").c_str(), 0600) == 0);
  CHECK_FALSE(Replace(folder.Path("pipe"), "x", KeepLast(&message)));
  CHECK(message.find("not a regular file") != std::string::npos);
}
