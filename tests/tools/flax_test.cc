// Folders of Flax checkpoints through smx-quantize: the same model file as from safetensors, and what is refused.

#include <doctest/doctest.h>

#include <filesystem>

#include "support/flax_writer.h"
#include "support/models.h"
#include "support/programs.h"

using smx::tests::CheckRefused;
using smx::tests::FlaxShards;
using smx::tests::FlaxState;
using smx::tests::GoldenFolder;
using smx::tests::ProcessResult;
using smx::tests::ReadFile;
using smx::tests::RunQuantize;
using smx::tests::TemporaryFolder;
using smx::tests::WriteArrays;
using smx::tools::Array;
using smx::tools::ArrayMap;
using smx::tools::ReadSafetensors;

namespace {

namespace fs = std::filesystem;

constexpr char kReplicated[] = "replicated_checkpoint_1000";

ArrayMap Params(const std::string& name) { return ReadSafetensors(GoldenFolder(name) + "/params.safetensors"); }

/// The bytes of the model file that `checkpoint` becomes, with the configuration of a golden case.
std::string Quantized(const std::string& checkpoint, const std::string& name, std::vector<std::string> flags = {}) {
  const TemporaryFolder folder;
  flags.insert(flags.begin(),
               {checkpoint, "-o", folder.Path("model.smx"), "--config", GoldenFolder(name) + "/config.json"});
  const ProcessResult made = RunQuantize(flags);
  REQUIRE_MESSAGE(made.exit_code == 0, made.err);
  return ReadFile(folder.Path("model.smx"));
}

std::string FromSafetensors(const std::string& name, const std::vector<std::string>& flags = {}) {
  return Quantized(GoldenFolder(name) + "/params.safetensors", name, flags);
}

std::string ShardName(size_t process, size_t processes, size_t step) {
  const auto number = [](size_t value) { return "0000" + std::to_string(value); };
  return "shard-" + number(process) + "-of-" + number(processes) + "_checkpoint_" + std::to_string(step);
}

/// Writes what FlaxShards gave.
void WriteShards(const TemporaryFolder& folder, const std::vector<std::string>& files, size_t step) {
  folder.Write("replicated_checkpoint_" + std::to_string(step), files[0]);
  for (size_t i = 1; i < files.size(); ++i) folder.Write(ShardName(i - 1, files.size() - 1, step), files[i]);
}

/// A folder with the files of the golden case of two processes.
void CopyGolden(const TemporaryFolder& folder) {
  for (const auto& file : fs::directory_iterator(GoldenFolder("sparse_mixer") + "/checkpoint")) {
    folder.Write(file.path().filename(), ReadFile(file.path()));
  }
}

void CheckFolderRefused(const TemporaryFolder& folder, const std::vector<std::string>& words, int exit_code = 3,
                        const std::vector<std::string>& flags = {}) {
  const TemporaryFolder output;
  std::vector<std::string> arguments = {folder.Path(""), "-o", output.Path("model.smx"), "--config",
                                        GoldenFolder("sparse_mixer") + "/config.json"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  CheckRefused(RunQuantize(arguments), exit_code, words);
  CHECK(output.List().empty());
}

/// Each value of float32 cut to the upper half of its bits.
Array ToBfloat16(const Array& array) {
  Array cut = {"BF16", array.shape, {}};
  for (size_t i = 0; i < array.bytes.size(); i += 4) {
    cut.bytes.insert(cut.bytes.end(), {array.bytes[i + 2], array.bytes[i + 3]});
  }
  return cut;
}

}  // namespace

TEST_CASE("flax: golden cases give the same model file from their checkpoint folder as from safetensors") {
  size_t num_cases = 0;
  for (const std::string& name : smx::tests::GoldenCases()) {
    if (!fs::exists(GoldenFolder(name) + "/checkpoint")) continue;
    CAPTURE(name);
    ++num_cases;
    for (const char* type : {"f32", "int8"}) {
      CHECK(Quantized(GoldenFolder(name) + "/checkpoint", name, {"--type", type}) ==
            FromSafetensors(name, {"--type", type}));
    }
  }
  CHECK(num_cases >= 2);
}

TEST_CASE("flax: config.json is read beside the folder, or inside of it, which comes first") {
  const TemporaryFolder folder;
  fs::copy(GoldenFolder("sparse_mixer") + "/checkpoint", folder.Path("steps"));
  const std::string config = ReadFile(GoldenFolder("sparse_mixer") + "/config.json");
  const std::string expected = FromSafetensors("sparse_mixer");
  const auto quantized = [&](const std::string& path) {
    const ProcessResult made = RunQuantize({path, "-o", folder.Path("model.smx")});
    REQUIRE_MESSAGE(made.exit_code == 0, made.err);
    return ReadFile(folder.Path("model.smx"));
  };
  CheckRefused(RunQuantize({folder.Path("steps"), "-o", folder.Path("model.smx")}), 3, {"config.json"});
  folder.Write("config.json", config);
  for (const char* path : {"steps", "steps/", "steps/../steps"}) CHECK(quantized(folder.Path(path)) == expected);
  folder.Write("config.json", "{}");
  folder.Write("steps/config.json", config);
  CHECK(quantized(folder.Path("steps")) == expected);
}

TEST_CASE("flax: any number of processes and devices") {
  const ArrayMap params = Params("sparse_mixer");
  const std::string expected = FromSafetensors("sparse_mixer");
  const std::vector<std::vector<size_t>> layouts = {{1},      {8}, {2, 2}, {1, 3}, {4, 4}, {1, 1, 1, 1, 1, 1, 1, 1},
                                                    {2, 1, 1}};
  for (const std::vector<size_t>& local_devices : layouts) {
    CAPTURE(local_devices.size());
    const TemporaryFolder folder;
    WriteShards(folder, FlaxShards(params, local_devices, 7), 7);
    CHECK(Quantized(folder.Path(""), "sparse_mixer") == expected);
  }
  const TemporaryFolder whole;  // experts that were not sharded
  whole.Write("replicated_checkpoint_7", FlaxState(params, 7));
  CHECK(Quantized(whole.Path(""), "sparse_mixer") == expected);
}

TEST_CASE("flax: chunked arrays, bfloat16 and float16") {
  ArrayMap params = Params("linear");
  const std::string expected = FromSafetensors("linear");
  for (const size_t chunk : {size_t{1000}, size_t{64}, size_t{7}}) {
    CAPTURE(chunk);
    const TemporaryFolder folder;
    folder.Write("replicated_checkpoint_0", FlaxState(params, 0, chunk));
    CHECK(Quantized(folder.Path(""), "linear") == expected);
  }
  for (auto& [name, array] : params) {
    if (name.find("bias") == std::string::npos) array = ToBfloat16(array);
  }
  params["classification/output_bias"] = {"F16", {3}, {0x00, 0x3c, 0x00, 0xc0, 0x01, 0x00}};
  const TemporaryFolder folder;
  folder.Write("replicated_checkpoint_0", FlaxState(params, 0));
  CHECK(Quantized(folder.Path(""), "linear") == Quantized(WriteArrays(folder, "same.safetensors", params), "linear"));
}

TEST_CASE("flax: the newest step is taken unless --step says another") {
  const TemporaryFolder folder;
  ArrayMap params = Params("linear");
  for (const size_t step : {9, 10, 100}) {
    params["classification/output_bias"] = smx::tools::FromFloat({static_cast<float>(step), 0, 0}, {3});
    folder.Write("replicated_checkpoint_" + std::to_string(step), FlaxState(params, step));
    WriteArrays(folder, std::to_string(step) + ".safetensors", params);
  }
  folder.Write("replicated_checkpoint_200_tmp", "half written");
  folder.Write("notes.txt", "");
  const auto expected = [&](const std::string& step) {
    return Quantized(folder.Path(step + ".safetensors"), "linear");
  };
  CHECK(Quantized(folder.Path(""), "linear") == expected("100"));
  for (const char* step : {"9", "10"}) CHECK(Quantized(folder.Path(""), "linear", {"--step", step}) == expected(step));
  CheckFolderRefused(folder, {"--step 11", "9, 10, 100"}, 3, {"--step", "11"});
  const TemporaryFolder output;
  CheckRefused(RunQuantize({folder.Path("9.safetensors"), "-o", output.Path("m.smx"), "--step", "9"}), 2, {"--step"});
}

TEST_CASE("flax: a file that is missing is named, of the newest step and of any") {
  for (const char* missing :
       {kReplicated, "shard-00000-of-00002_checkpoint_1000", "shard-00001-of-00002_checkpoint_1000"}) {
    const TemporaryFolder folder;
    CopyGolden(folder);
    fs::remove(folder.Path(missing));
    CheckFolderRefused(folder, {missing, "missing"});
  }
  const TemporaryFolder folder;
  CopyGolden(folder);
  fs::rename(folder.Path("shard-00001-of-00002_checkpoint_1000"), folder.Path("shard-00001-of-00002_checkpoint_900"));
  CheckFolderRefused(folder, {"shard-00001-of-00002_checkpoint_1000", "missing", "900, 1000"});
  fs::remove(folder.Path("shard-00000-of-00002_checkpoint_1000"));
  CheckFolderRefused(folder, {kReplicated, "expert_2", "no shard files"});
}

TEST_CASE("flax: shards of two trainings, and steps that differ inside") {
  const ArrayMap params = Params("sparse_mixer");
  const TemporaryFolder folder;
  WriteShards(folder, FlaxShards(params, {1, 1}, 5), 5);
  folder.Write(ShardName(0, 3, 5), FlaxShards(params, {2, 1, 1}, 5)[1]);
  CheckFolderRefused(folder, {"-of-00003", "others of 2"});
  fs::remove(folder.Path(ShardName(0, 3, 5)));
  folder.Write(ShardName(1, 2, 5), FlaxShards(params, {1, 1}, 6)[2]);
  CheckFolderRefused(folder, {ShardName(1, 2, 5), "step", "is 6", "and 5"});
  folder.Write(ShardName(1, 2, 5), FlaxShards(params, {1, 3}, 5)[2]);  // of four devices
  CheckFolderRefused(folder, {ShardName(1, 2, 5), "expert_2", "first axis"});
}

TEST_CASE("flax: an array in both kinds of file, in none, or in some shards only") {
  const std::string name = "encoder/expert_2/output/bias";
  const ArrayMap params = Params("sparse_mixer");
  const std::vector<std::string> sound = FlaxShards(params, {2, 2}, 1);
  const std::string empty = FlaxState({{name, {"F32", {0}, {}}}}, 1);
  const auto refused = [](const std::vector<std::string>& files, const std::vector<std::string>& words) {
    const TemporaryFolder folder;
    WriteShards(folder, files, 1);
    CheckFolderRefused(folder, words);
  };
  refused({FlaxState(params, 1), sound[1], sound[2]}, {"replicated_checkpoint_1", "expert_2", "in one place"});
  refused({sound[0], sound[1], empty}, {ShardName(1, 2, 1), "expert_2", "is empty, but other shards"});
  refused({empty, empty, empty}, {name, "is empty in every file"});
}

TEST_CASE("flax: a folder without a checkpoint, and one of two kinds") {
  const TemporaryFolder folder;
  CheckFolderRefused(folder, {"no checkpoint", "replicated_checkpoint_N", "model.safetensors"});
  CheckFolderRefused(folder, {"--step"}, 2, {"--step", "3"});
  CopyGolden(folder);
  folder.Write("model.safetensors", ReadFile(GoldenFolder("linear") + "/params.safetensors"));
  CheckFolderRefused(folder, {"both"});
  const TemporaryFolder orbax;
  fs::create_directory(orbax.Path(kReplicated));
  CheckFolderRefused(orbax, {kReplicated, "irectory"});
}

TEST_CASE("flax: the output may be none of the files that are read") {
  const TemporaryFolder folder;
  CopyGolden(folder);
  for (const char* name : {kReplicated, "shard-00001-of-00002_checkpoint_1000"}) {
    const std::string before = ReadFile(folder.Path(name));
    CheckRefused(RunQuantize({folder.Path(""), "-o", folder.Path(name), "--config",
                              GoldenFolder("sparse_mixer") + "/config.json"}),
                 2, {name, "same file"});
    CHECK(ReadFile(folder.Path(name)) == before);
  }
}
