// A checkpoint in several safetensors files behind an index, and PyTorch's pickles, through smx-quantize.

#include <doctest/doctest.h>

#include <filesystem>

#include "support/models.h"
#include "support/programs.h"

using nlohmann::json;
using smx::tests::CheckRefused;
using smx::tests::GoldenFolder;
using smx::tests::ProcessResult;
using smx::tests::ReadFile;
using smx::tests::RunQuantize;
using smx::tests::TemporaryFolder;
using smx::tests::WriteArrays;
using smx::tools::ArrayMap;
using smx::tools::ReadSafetensors;

namespace {

constexpr char kIndex[] = "model.safetensors.index.json";

/// The golden linear model in two files with their index and config.json.
struct Sharded {
  Sharded() {
    const ArrayMap all = ReadSafetensors(GoldenFolder("linear") + "/params.safetensors");
    size_t number = 0;
    for (const auto& [name, array] : all) {
      const size_t part = number++ % 2;
      parts[part][name] = array;
      index["weight_map"][name] = part == 0 ? "model-1.safetensors" : "model-2.safetensors";
    }
    index["metadata"]["total_size"] = 123;
    folder.Write("config.json", ReadFile(GoldenFolder("linear") + "/config.json"));
  }

  void Write() const {
    WriteArrays(folder, "model-1.safetensors", parts[0]);
    WriteArrays(folder, "model-2.safetensors", parts[1]);
    folder.Write(kIndex, index.dump());
  }

  std::string AnyName(size_t part) const { return parts[part].begin()->first; }

  TemporaryFolder folder;
  ArrayMap parts[2];
  json index;
};

std::string Quantized(const std::string& checkpoint) {
  const TemporaryFolder folder;
  const ProcessResult made = RunQuantize({checkpoint, "-o", folder.Path("model.smx")});
  REQUIRE_MESSAGE(made.exit_code == 0, made.err);
  return ReadFile(folder.Path("model.smx"));
}

void CheckPathRefused(const std::string& path, int exit_code, const std::vector<std::string>& words) {
  const TemporaryFolder output;
  CheckRefused(RunQuantize({path, "-o", output.Path("model.smx")}), exit_code, words);
  CHECK(output.List().empty());
}

/// Refused after `change`.
template <typename Change>
void CheckShardedRefused(Change change, const std::vector<std::string>& words) {
  Sharded sharded;
  change(&sharded);
  sharded.Write();
  CheckPathRefused(sharded.folder.Path(""), 3, words);
}

}  // namespace

TEST_CASE("sharded safetensors: the same model file as from one file, by the folder or by the index") {
  const Sharded sharded;
  sharded.Write();
  const std::string expected = Quantized(GoldenFolder("linear") + "/params.safetensors");
  CHECK(Quantized(sharded.folder.Path("")) == expected);
  CHECK(Quantized(sharded.folder.Path(kIndex)) == expected);
  // A single file counts before an index, as for transformers.
  sharded.folder.Write(kIndex, "garbage");
  std::filesystem::copy(GoldenFolder("linear") + "/params.safetensors", sharded.folder.Path("model.safetensors"));
  CHECK(Quantized(sharded.folder.Path("")) == expected);
}

TEST_CASE("sharded safetensors: what index and files disagree about is named") {
  CheckShardedRefused([](Sharded* s) { s->parts[1].erase(s->parts[1].begin()); }, {"model-2.safetensors", "missing"});
  CheckShardedRefused([](Sharded* s) { s->index["weight_map"].erase(s->AnyName(0)); },
                      {"model-1.safetensors", "names no file"});
  CheckShardedRefused([](Sharded* s) { s->parts[1].insert(*s->parts[0].begin()); },
                      {"model-2.safetensors", "names", "model-1.safetensors for it"});
  CheckShardedRefused([](Sharded* s) { s->index["weight_map"]["another"] = "model-3.safetensors"; },
                      {"model-3.safetensors", "cannot open"});
}

TEST_CASE("sharded safetensors: an index that is none, or leads out of its folder") {
  for (const char* file : {"../model-1.safetensors", "/etc/passwd", "", ".", ".."}) {
    CAPTURE(file);
    CheckShardedRefused([&](Sharded* s) { s->index["weight_map"][s->AnyName(0)] = file; },
                        {kIndex, "name of a file beside the index"});
  }
  CheckShardedRefused([](Sharded* s) { s->index["weight_map"][s->AnyName(0)] = 5; }, {kIndex, "is 5"});
  CheckShardedRefused([](Sharded* s) { s->index["weight_map"] = json::array(); }, {kIndex, "weight_map"});
  CheckShardedRefused([](Sharded* s) { s->index["weight_map"] = json::object(); }, {kIndex, "weight_map"});
  CheckShardedRefused([](Sharded* s) { s->index.erase("weight_map"); }, {kIndex, "weight_map", "missing"});
  CheckShardedRefused([](Sharded* s) { s->index = json::array(); }, {kIndex, "object"});
}

TEST_CASE("pickle: a PyTorch file is refused with the command that converts it") {
  const TemporaryFolder folder;
  folder.Write("config.json", "{}");
  const std::string zip = "PK\3\4" + std::string(60, 'x');
  const std::string pickle = "\x80\2}q" + std::string(60, 'x');
  for (const std::string& content : {zip, pickle}) {
    CheckPathRefused(folder.Write("weights.pt", content), 4,
                     {"weights.pt", "pickle", "save_file", "weights_only=True"});
  }
  folder.Write("pytorch_model.bin", zip);
  CheckPathRefused(folder.Path(""), 4, {"pytorch_model.bin", "pickle", "save_file"});
  // A safetensors file may begin so: a header of 640 bytes is 80 02 00 ...
  const TemporaryFolder sound;
  ArrayMap arrays = ReadSafetensors(GoldenFolder("linear") + "/params.safetensors");
  std::string file = ReadFile(WriteArrays(sound, "model.safetensors", arrays));
  const size_t header_bytes = static_cast<uint8_t>(file[0]) + 256 * static_cast<size_t>(static_cast<uint8_t>(file[1]));
  const size_t wanted = (header_bytes / 65536 + 1) * 65536 + 0x280;
  file.insert(8 + header_bytes, std::string(wanted - header_bytes, ' '));
  for (size_t i = 0; i < 8; ++i) file[i] = static_cast<char>(wanted >> (8 * i) & 0xff);
  REQUIRE(file.substr(0, 2) == "\x80\2");
  sound.Write("model.safetensors", file);
  sound.Write("config.json", ReadFile(GoldenFolder("linear") + "/config.json"));
  CHECK(Quantized(sound.Path("")) == Quantized(GoldenFolder("linear") + "/params.safetensors"));
}
