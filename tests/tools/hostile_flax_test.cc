// Flax files that were made to hurt: each is an Error with the exit code of bad input that names offset, key and rule,
// soon, without much memory and without a deep stack.

#include <doctest/doctest.h>

#include <sys/resource.h>

#include <filesystem>
#include <iterator>

#include "error.h"
#include "formats/flax_file.h"
#include "support/flax_writer.h"
#include "support/process.h"

using smx::tests::FlaxArray;
using smx::tools::Error;
using smx::tools::ExitCode;
using smx::tools::FlaxFile;
using smx::tools::InputFile;

namespace msgpack = smx::tests::msgpack;

namespace {

FlaxFile Parse(const std::string& bytes) { return FlaxFile(InputFile("bad", {bytes.begin(), bytes.end()})); }

/// Refused with all of `words`; returns the message.
std::string CheckFails(const std::string& bytes, const std::vector<std::string>& words) {
  std::string message;
  try {
    Parse(bytes);
    FAIL_CHECK("nothing was thrown");
  } catch (const Error& error) {
    message = error.what();
    CHECK(error.code() == ExitCode::kBadInput);
  }
  CAPTURE(message);
  CHECK(message.size() < 1000);
  CHECK(message.find("bad: offset ") == 0);
  for (const std::string& word : words) {
    CAPTURE(word);
    CHECK(message.find(word) != std::string::npos);
  }
  return message;
}

/// A state of nothing but params, which are one pair.
std::string State(const std::string& key, const std::string& value) {
  return msgpack::MapHead(1) + msgpack::Text("params") + msgpack::MapHead(1) + msgpack::Text(key) + value;
}

void CheckValueFails(const std::string& value, std::vector<std::string> words) {
  words.emplace_back("key w");
  CheckFails(State("w", value), words);
}

std::string Pair(const std::string& key, const std::string& value) { return msgpack::Text(key) + value; }

std::string Chunked(const std::string& shape, const std::string& chunks) {
  return msgpack::MapHead(3) + Pair("__msgpack_chunked_array__", "\xc3") + Pair("shape", shape) +
         Pair("chunks", chunks);
}

std::string One(const std::string& key, const std::string& value) { return msgpack::MapHead(1) + Pair(key, value); }

/// The most memory that this process has had, in bytes.
size_t PeakBytes() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<size_t>(usage.ru_maxrss) * 1024;
}

const std::string kFloats = FlaxArray("float32", {2}, std::string(8, '\1'));

}  // namespace

TEST_CASE("flax file: a sound state, with values of every kind beside its params") {
  const std::string others[] = {"\xc0",
                                "\xc2",
                                "\xca"
                                "abcd",
                                "\xcb"
                                "abcdefgh",
                                "\xcc\x80",
                                "\xcd"
                                "ab",
                                "\xce"
                                "abcd",
                                "\xd0\x80",
                                "\xd1"
                                "ab",
                                "\xd2"
                                "abcd",
                                "\xd3"
                                "abcdefgh",
                                "\xe0",
                                "\xc4\1a",
                                std::string("\xc5\0\1a", 4),
                                "\xc7\1\5a",
                                std::string("\xc8\0\1\5a", 5),
                                "\xd4\5a",
                                "\xd5\5ab",
                                "\xd6\5abcd",
                                "\xd7\5abcdefgh",
                                "\xd8\5abcdefghabcdefgh",
                                "\xd9\1a",
                                std::string("\xdb\0\0\0\1a", 6),
                                std::string("\xdd\0\0\0\1a", 6).replace(5, 1, "\1"),
                                std::string("\xdf\0\0\0\1\1\2", 7),
                                msgpack::ArrayHead(2) + "\1\2"};
  std::string state = msgpack::MapHead(std::size(others) + 2) + Pair("params", One("w", kFloats));
  for (const std::string& other : others) state += Pair("other", other);
  const FlaxFile file = Parse(state + Pair("step", "\7"));
  REQUIRE(file.arrays().size() == 1);
  const smx::tools::FlaxArray& array = file.arrays().at("w");
  CHECK(array.dtype == "F32");
  CHECK(array.shape == std::vector<size_t>{2});
  CHECK(file.Read(array) == std::vector<uint8_t>(8, 1));
  CHECK(file.step().value() == 7);
}

TEST_CASE("flax file: cut at any byte it is refused, and so is what stands behind its end") {
  const std::string whole = msgpack::MapHead(3) + Pair("step", FlaxArray("int64", {}, std::string(8, '\1'))) +
                            Pair("params", One("a", One("b", kFloats))) + Pair("opt_state", One("0", kFloats));
  REQUIRE(Parse(whole).arrays().count("a/b") == 1);
  for (size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CheckFails(whole.substr(0, size), {"cut short"});
  }
  CheckFails(whole + "x", {"1 bytes behind the end"});
}

TEST_CASE("flax file: no state, no params, params twice, keys that are no texts, parameters twice") {
  CheckFails("\x93\1\2\3", {"is an array, must be a map"});
  CheckFails("\xc1", {"offset 0", "0xc1"});
  CheckFails(One("step", "\1"), {"no key params"});
  CheckFails(msgpack::MapHead(2) + Pair("params", One("w", kFloats)) + Pair("params", One("v", kFloats)),
             {"key params", "twice"});
  CheckFails(msgpack::MapHead(1) + "\1\1", {"is an integer, must be a text"});
  CheckFails(One("params", msgpack::MapHead(2) + Pair("w", kFloats) + Pair("w", kFloats)), {"key w", "twice"});
  CheckFails(State(std::string(2000, 'k'), kFloats), {"2000 bytes", "at most 1024"});
  CheckFails(One("params", kFloats), {"key params"});
}

TEST_CASE("flax file: a parameter that is no array: other extension types, numbers, texts") {
  CheckValueFails(msgpack::Extension(2, "ab"), {"extension of type 2", "extension of type 1"});
  CheckValueFails(msgpack::Extension(3, "ab"), {"extension of type 3"});
  CheckValueFails(msgpack::Extension(-1, "ab"), {"extension of type -1"});
  CheckValueFails("\7", {"is an integer", "extension of type 1"});
  CheckValueFails("\xc0", {"is nil"});
  CheckValueFails(msgpack::Text("abc"), {"is a text"});
  CheckValueFails("\x91\1", {"is an array"});
}

TEST_CASE("flax file: arrays whose parts, shape and bytes contradict each other") {
  const auto array = [](const std::string& parts) { return msgpack::Extension(1, parts); };
  const std::string f32 = msgpack::Text("float32");
  CheckValueFails(array("\x92\x91\2" + f32), {"three parts"});
  CheckValueFails(array("\x93\2" + f32 + msgpack::Binary("abcd")), {"is an integer, must be an array"});
  CheckValueFails(array("\x93\x91\2\7" + msgpack::Binary("abcd")), {"unknown dtype"});
  CheckValueFails(array("\x93\x91\1" + msgpack::Text("complex64") + msgpack::Binary("abcdefgh")), {"dtype complex64"});
  CheckValueFails(array("\x93\x91\1" + f32 + msgpack::Text("abcd")), {"is a text, must be binary data"});
  CheckValueFails(array("\x93\x91\1" + f32 + msgpack::Binary("abcd") + "x"), {"before its end"});
  CheckValueFails(FlaxArray("float32", {3}, "abcdefgh"), {"ask for 12 bytes, there are 8"});
  CheckValueFails(FlaxArray("bfloat16", {}, "abcd"), {"ask for 2 bytes, there are 4"});
  CheckValueFails(FlaxArray("float32", {size_t{1} << 31, size_t{1} << 31, 2}, ""), {"too large"});
  CheckValueFails(array("\x93\x91\xff" + f32 + msgpack::Binary("abcd")), {"shape: -1"});
  CheckValueFails(FlaxArray("float32", std::vector<size_t>(33, 1), "abcd"), {"33 axes"});
  // The inner binary data reaches beyond the extension, but not beyond the file.
  const std::string reaching = array("\x93\x91\2" + f32 + std::string("\xc6\0\0\0\10abcd", 9));
  CheckFails(msgpack::MapHead(1) + Pair("params", msgpack::MapHead(2) + Pair("w", reaching) + Pair("v", kFloats)),
             {"key w", "behind its end"});
}

TEST_CASE("flax file: sizes beyond the file are refused where they are announced") {
  const std::string huge = std::string("\xff\xff\xff\xff");
  for (const std::string& value : {"\xdf" + huge, "\xdd" + huge, "\xdb" + huge, "\xc6" + huge, "\xc9" + huge + "\1"}) {
    CheckFails(State("w", value), {"key w", "4294967295", "cut short"});
    CheckFails(msgpack::MapHead(2) + Pair("params", One("w", kFloats)) + Pair("opt_state", value),
               {"key opt_state", "4294967295", "cut short"});
  }
}

TEST_CASE("flax file: a million levels are skipped in an optimizer's state, and refused in params") {
  std::string deep;
  for (int i = 0; i < 1000000; ++i) deep += One("k", "");
  CHECK(
      Parse(msgpack::MapHead(2) + Pair("opt_state", deep + "\1") + Pair("params", One("w", kFloats))).arrays().size() ==
      1);
  CheckFails(State("w", deep + "\1"), {"nested more than 64"});
}

TEST_CASE("flax file: chunked arrays that lack a part, mix dtypes, or do not add up") {
  const std::string chunk = FlaxArray("float32", {2}, std::string(8, '\2'));
  const std::string two = msgpack::MapHead(2) + Pair("1", chunk) + Pair("0", kFloats);
  const FlaxFile file = Parse(State("w", Chunked(One("0", "\4"), two)));
  std::vector<uint8_t> expected(8, 1);
  expected.insert(expected.end(), 8, 2);
  CHECK(file.Read(file.arrays().at("w")) == expected);  // in the order of the numbers
  const auto refused = [](const std::string& value, std::vector<std::string> words) {
    words.emplace_back("key w");
    CheckFails(State("w", value), words);
  };
  refused(Chunked(One("0", "\5"), two), {"ask for 20 bytes, there are 16"});
  refused(Chunked(One("1", "\4"), two), {"shape/1", "below 1"});
  refused(Chunked(One("x", "\4"), two), {"shape/x"});
  refused(Chunked(One("0", "\4"), msgpack::MapHead(2) + Pair("0", chunk) + Pair("0", chunk)), {"chunks/0", "once"});
  refused(Chunked(One("0", "\4"), msgpack::MapHead(0)), {"chunks", "empty"});
  refused(Chunked(One("0", "\4"), One("0", FlaxArray("float32", {2, 2}, std::string(16, '\1')))), {"one axis"});
  refused(Chunked(One("0", "\4"),
                  msgpack::MapHead(2) + Pair("0", chunk) + Pair("1", FlaxArray("bfloat16", {4}, std::string(8, '\1')))),
          {"dtype BF16", "other chunks"});
  refused(One("__msgpack_chunked_array__", "\xc3"), {"shape and chunks"});
  refused(msgpack::MapHead(2) + Pair("__msgpack_chunked_array__", "\xc3") + Pair("surplus", "\1"), {"unexpected"});
  refused(One("__msgpack_chunked_array__", "\1"), {"is an integer, must be true or false"});
}

TEST_CASE("flax file: an optimizer's state of hundreds of megabytes is not read") {
  const std::string head = msgpack::MapHead(2) + Pair("params", One("w", kFloats)) + msgpack::Text("opt_state");
  const size_t bytes = size_t{300} << 20;
  std::string state = head + msgpack::Binary("").substr(0, 1);
  for (int shift = 24; shift >= 0; shift -= 8) state += static_cast<char>(bytes >> shift & 0xff);
  const smx::tests::TemporaryFolder folder;
  const std::string path = folder.Write("sparse", state);
  std::filesystem::resize_file(path, state.size() + bytes);  // a hole, which takes no room on the disk
  const size_t before = PeakBytes();
  CHECK(FlaxFile(InputFile(path)).arrays().size() == 1);
  CHECK(PeakBytes() - before < (size_t{30} << 20));
}
