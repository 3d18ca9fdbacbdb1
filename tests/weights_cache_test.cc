// LoadOptions::weights_cache_path and experts_budget_bytes: answers have the same bits with and without, whatever lies
// at the path; the second start packs nothing; a stale, damaged or foreign file is told.

#include <algorithm>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/packed/packed_file.h"
#include "smx/sha256.h"
#include "support/count.h"
#include "support/models.h"
#include "support/process.h"
#include "support/random_model.h"
#include "support/session.h"
#include "support/tiny_models.h"

using smx::LoadOptions;
using smx::Options;
using smx::PackedFileEntry;
using smx::PackedFileHeader;
using smx::Report;
using smx::Status;
using smx::tests::Answer;
using smx::tests::MemoryModel;
using smx::tests::NumModels;
using smx::tests::RandomCase;
using smx::tests::ReadFile;
using smx::tests::SameBits;
using smx::tests::Session;
using smx::tests::TemporaryFolder;
using smx::tests::TokenInput;
using smx::tools::ModelContent;
using smx::tools::WeightsType;

#if SMX_WITH_XNNPACK

namespace {

constexpr size_t kNoBudget = 0;
constexpr size_t kSmallBudget = 70000;  // two experts of a tiny model, and of most random ones

LoadOptions WithCache(const std::string& path, size_t experts_budget_bytes = kNoBudget) {
  LoadOptions options;
  options.weights_cache_path = path.c_str();
  options.experts_budget_bytes = experts_budget_bytes;
  return options;
}

/// Whose packed weights a cache may hold.
constexpr smx::BackendChoice kBackends[] = {smx::BackendChoice::kBest, smx::BackendChoice::kXnnpack};

/// What one start of a program with the tiny model of experts gave.
struct Start {
  Answer answer;
  Report report;
  std::string words;
};

TokenInput TinyInput() { return {1, {2, 5, 7, 9, 3, 0, 0, 0}, {}}; }

Start RunTiny(const LoadOptions& load_options, const ModelContent& content = smx::tests::TinyExperts(),
              smx::BackendChoice backend = smx::BackendChoice::kBest) {
  Start start;
  const MemoryModel model(content, WeightsType::kInt8, load_options);
  Options options;
  options.backend = backend;
  options.log = {[](void* context, const char* text) { *static_cast<std::string*>(context) += text; }, &start.words};
  Session session(*model, options);
  start.answer = session.Run(TinyInput());
  start.report = session.encoder().report();
  return start;
}

bool Holds(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

bool IsMapped(const Report& report) { return report.packed_bytes > 0 && report.mapped_bytes == report.packed_bytes; }

PackedFileHeader HeaderOf(const std::string& cache) {
  PackedFileHeader header;
  std::memcpy(&header, cache.data(), sizeof(header));
  return header;
}

}  // namespace

TEST_CASE("weights cache: same bits without, at the first and at the second start, with any budget, on random models") {
  for (uint64_t seed = 1; seed <= (NumModels(120) + 4) / 5; ++seed) {
    CAPTURE(seed);
    RandomCase random(seed);
    CAPTURE(smx::tests::Describe(random.config()));
    const TemporaryFolder folder;
    const std::string path = folder.Path("weights.cache");
    const MemoryModel plain(random.content, WeightsType::kInt8);
    const TokenInput input = random.Input(*plain);
    const Answer expected = Session(*plain, random.options).Run(input);
    for (const size_t budget : {kNoBudget, kNoBudget, size_t{1} << 20, kSmallBudget}) {
      CAPTURE(budget);
      const MemoryModel model(random.content, WeightsType::kInt8, WithCache(path, budget));
      Session session(*model, random.options);
      for (int run = 0; run < 2; ++run) CHECK(SameBits(session.Run(input), expected));
      CHECK(IsMapped(session.encoder().report()));
    }
  }
}

TEST_CASE("weights cache: the second start says nothing, writes nothing and maps all; so does a model out of a file") {
  const TemporaryFolder folder;
  const std::string path = folder.Path("weights.cache");
  const std::vector<uint8_t> bytes = smx::tools::SerializeModel(smx::tests::TinyExperts(), WeightsType::kInt8);
  const std::string model_path = folder.Write("tiny.smx", std::string(bytes.begin(), bytes.end()));
  const Start first = RunTiny(WithCache(path));
  CHECK(first.words.empty());
  CHECK(IsMapped(first.report));
  const std::string content = ReadFile(path);
  const Start second = RunTiny(WithCache(path));
  CHECK(second.words.empty());
  CHECK(IsMapped(second.report));
  CHECK(second.report.packed_bytes == first.report.packed_bytes);
  const smx::Model loaded = smx::tools::LoadModel(model_path, WithCache(path));
  CHECK(SameBits(Session(loaded).Run(TinyInput()), RunTiny({}).answer));
  CHECK(ReadFile(path) == content);
  CHECK(folder.List() == std::vector<std::string>{"tiny.smx", "weights.cache"});
}

TEST_CASE("weights cache: a model out of a file reads its pages again after they were released by packing") {
  const TemporaryFolder folder;
  const std::vector<uint8_t> bytes = smx::tools::SerializeModel(smx::tests::TinyExperts(), WeightsType::kInt8);
  const std::string path = folder.Write("tiny.smx", std::string(bytes.begin(), bytes.end()));
  const smx::Model model = smx::tools::LoadModel(path);
  Session packed(model);
  Options options;
  options.backend = smx::BackendChoice::kReference;
  const MemoryModel in_memory(smx::tests::TinyExperts(), WeightsType::kInt8);
  CHECK(SameBits(Session(model, options).Run(TinyInput()), Session(*in_memory, options).Run(TinyInput())));
}

TEST_CASE("weights cache: one of another model is stale, told and replaced") {
  const TemporaryFolder folder;
  const std::string path = folder.Path("weights.cache");
  RunTiny(WithCache(path), smx::tests::TinyTransforms());
  const Start stale = RunTiny(WithCache(path));
  CHECK(Holds(stale.words, "stale: packed from another model"));
  CHECK(IsMapped(stale.report));
  CHECK(RunTiny(WithCache(path)).words.empty());
}

TEST_CASE("weights cache: empty or cut it is replaced; a file of another kind, a folder or a pipe stays as it is") {
  const TemporaryFolder folder;
  const Answer expected = RunTiny({}).answer;
  const std::string path = folder.Path("weights.cache");
  RunTiny(WithCache(path));
  const std::string sound = ReadFile(path);
  for (size_t size = 0; size < sound.size(); size += size < 600 ? 7 : 1009) {
    CAPTURE(size);
    folder.Write("weights.cache", sound.substr(0, size));
    const Start start = RunTiny(WithCache(path));
    CHECK(SameBits(start.answer, expected));
    CHECK(!start.words.empty());
    CHECK(ReadFile(path) == sound);
  }
  const std::string text = folder.Write("text", "of the user");
  REQUIRE(mkdir(folder.Path("folder").c_str(), 0700) == 0);
  REQUIRE(mkfifo(folder.Path("pipe").c_str(), 0600) == 0);
  for (const char* name : {"text", "folder", "pipe"}) {
    CAPTURE(name);
    const Start start = RunTiny(WithCache(folder.Path(name)));
    CHECK(SameBits(start.answer, expected));
    CHECK(start.report.mapped_bytes == 0);
    CHECK(Holds(start.words, name));
  }
  CHECK(ReadFile(text) == "of the user");
  CHECK(folder.List() == std::vector<std::string>{"folder", "pipe", "text", "weights.cache"});
}

TEST_CASE("weights cache: where it cannot be written a word says so, and weights stay in memory; not with a budget") {
  const TemporaryFolder folder;
  const std::string path = folder.Path("none/weights.cache");
  const Start start = RunTiny(WithCache(path));
  CHECK(Holds(start.words, "cannot write: No such file or directory"));
  CHECK(start.report.mapped_bytes == 0);
  CHECK(SameBits(start.answer, RunTiny({}).answer));
  const MemoryModel model(smx::tests::TinyExperts(), WeightsType::kInt8, WithCache(path, kSmallBudget));
  std::vector<uint8_t> arena(smx::tests::ArenaBytesOf(*model));
  CHECK(smx::Encoder::Create(*model, {}, arena).status() == Status::kIoError);
}

TEST_CASE("weights cache: sessions of other lengths add to it, and take nothing away") {
  const ModelContent content = smx::tests::TinyLinear();  // masked: packed for several lengths
  const TemporaryFolder folder;
  const std::string path = folder.Path("weights.cache");
  const auto run = [&](const smx::Model& model, size_t max_tokens) {
    Options options;
    options.max_tokens = max_tokens;
    options.backend = smx::BackendChoice::kXnnpack;  // smx's own products pack no matrix for one length
    Session session(model, options);
    const MemoryModel uncached(content, WeightsType::kInt8);
    CHECK(SameBits(session.Run({1, {2, 5, 3}, {}}), Session(*uncached, options).Run({1, {2, 5, 3}, {}})));
    CHECK(IsMapped(session.encoder().report()));
  };
  const size_t longest = content.config.max_seq_len;
  {
    const MemoryModel model(content, WeightsType::kInt8, WithCache(path));
    run(*model, 3);
  }
  const std::string with_one = ReadFile(path);
  {
    const MemoryModel model(content, WeightsType::kInt8, WithCache(path));
    Options options;
    options.max_tokens = 3;
    options.backend = smx::BackendChoice::kXnnpack;
    Session running(*model, options);
    const Answer before = running.Run({1, {2, 5, 3}, {}});
    run(*model, longest);  // writes the file anew, while a session runs with the weights of the old one
    CHECK(SameBits(running.Run({1, {2, 5, 3}, {}}), before));
  }
  const std::string with_both = ReadFile(path);
  CHECK(with_both.size() > with_one.size());
  for (const size_t max_tokens : {size_t{3}, longest}) {
    const MemoryModel model(content, WeightsType::kInt8, WithCache(path));
    run(*model, max_tokens);
  }
  CHECK(ReadFile(path) == with_both);
}

TEST_CASE("weights cache: one that could not be written at first takes nothing from a session that runs without it") {
  const ModelContent content = smx::tests::TinyLinear();
  const TemporaryFolder folder;
  const std::string path = folder.Path("later/weights.cache");
  const MemoryModel model(content, WeightsType::kInt8, WithCache(path));
  Options options;
  options.max_tokens = 3;
  options.backend = smx::BackendChoice::kXnnpack;
  Session running(*model, options);
  const Answer before = running.Run({1, {2, 5, 3}, {}});
  REQUIRE(mkdir(folder.Path("later").c_str(), 0700) == 0);
  options.max_tokens = 0;
  Session with_more(*model, options);
  const Report report = with_more.encoder().report();
  CHECK(report.mapped_bytes > 0);
  CHECK(report.mapped_bytes < report.packed_bytes);  // what the other session runs with is still on the heap
  CHECK(SameBits(running.Run({1, {2, 5, 3}, {}}), before));
  const MemoryModel next(content, WeightsType::kInt8, WithCache(path));
  CHECK(IsMapped(Session(*next, options).encoder().report()));
}

TEST_CASE("weights cache: sizes that the kernels would not read are refused product by product") {
  for (const smx::BackendChoice backend : kBackends) {
    CAPTURE(static_cast<int>(backend));
    const TemporaryFolder folder;
    const std::string path = folder.Path("weights.cache");
    RunTiny(WithCache(path), smx::tests::TinyExperts(), backend);
    const std::string sound = ReadFile(path);
    PackedFileHeader header = HeaderOf(sound);
    REQUIRE(header.num_entries > 2);
    for (uint32_t i = 0; i < header.num_entries; ++i) {
      CAPTURE(i);
      // As if another product, of other sizes, had been packed under this one's name.
      std::string bytes = sound;
      std::vector<PackedFileEntry> entries(header.num_entries);
      std::memcpy(entries.data(), bytes.data() + sizeof(header), entries.size() * sizeof(PackedFileEntry));
      const auto other = std::find_if(entries.begin(), entries.end(),
                                      [&](const PackedFileEntry& entry) { return entry.bytes != entries[i].bytes; });
      std::swap(other->key, entries[i].key);
      smx::Sha256 hash;
      hash.Update({reinterpret_cast<const uint8_t*>(entries.data()), entries.size() * sizeof(PackedFileEntry)});
      hash.Finish(header.index_sha256);
      std::memcpy(bytes.data(), &header, sizeof(header));
      std::memcpy(bytes.data() + sizeof(header), entries.data(), entries.size() * sizeof(PackedFileEntry));
      folder.Write("weights.cache", bytes);
      const Start start = RunTiny(WithCache(path), smx::tests::TinyExperts(), backend);
      CHECK(Holds(start.words, "its kernels read"));
      CHECK(SameBits(start.answer, RunTiny({}, smx::tests::TinyExperts(), backend).answer));
      CHECK(IsMapped(start.report));
      CHECK(RunTiny(WithCache(path), smx::tests::TinyExperts(), backend).words.empty());  // written anew without them
    }
  }
}

TEST_CASE(
    "weights cache: sessions of one model that run other kernels keep their own order of its weights, in one file") {
  const TemporaryFolder folder;
  const std::string path = folder.Path("weights.cache");
  const Answer expected = RunTiny({}).answer;
  Options xnnpack;
  xnnpack.backend = smx::BackendChoice::kXnnpack;
  for (int start = 0; start < 2; ++start) {
    CAPTURE(start);
    const MemoryModel model(smx::tests::TinyExperts(), WeightsType::kInt8, WithCache(path));
    Session best(*model), library(*model, xnnpack);
    CHECK(library.encoder().report().backend == std::string("xnnpack"));
    CHECK(SameBits(best.Run(TinyInput()), expected));
    CHECK(SameBits(library.Run(TinyInput()), expected));
    CHECK(IsMapped(library.encoder().report()));
    const bool has_own = best.encoder().report().backend != std::string("xnnpack");
    CHECK((library.encoder().report().packed_bytes > RunTiny({}).report.packed_bytes) == has_own);
  }
  CHECK(RunTiny(WithCache(path)).words.empty());
}

TEST_CASE("weights cache: weights that are damaged are found by their hash, where there is one, and never crash") {
  for (const smx::BackendChoice backend : kBackends) {
    CAPTURE(static_cast<int>(backend));
    const TemporaryFolder folder;
    const std::string path = folder.Path("weights.cache");
    RunTiny(WithCache(path), smx::tests::TinyExperts(), backend);
    const std::string sound = ReadFile(path);
    const PackedFileHeader header = HeaderOf(sound);
    const size_t body = sizeof(header) + header.num_entries * sizeof(PackedFileEntry);
    std::string bytes = sound;
    for (size_t i = body; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 2654435761u >> 13);
    folder.Write("weights.cache", bytes);
    LoadOptions unchecked = WithCache(path);
    unchecked.verify_weights = smx::VerifyWeights::kNever;
    const MemoryModel model(smx::tests::TinyExperts(), WeightsType::kInt8, unchecked);
    std::vector<uint8_t> arena(smx::tests::ArenaBytesOf(*model));
    Options options;
    options.backend = backend;
    smx::Result<smx::Encoder> encoder = smx::Encoder::Create(*model, options, arena);
    REQUIRE(encoder.ok());
    std::vector<float> logits(model->info().num_text_classes);
    const Status status = encoder->Run(TinyInput().token_ids, {}, {{}, {}, logits});
    CHECK((status == Status::kOk || status == Status::kInvalidModel));  // numbers, or none
    const Start start = RunTiny(WithCache(path), smx::tests::TinyExperts(), backend);
    CHECK(Holds(start.words, "SHA-256 of its weights"));
    CHECK(ReadFile(path) == sound);
  }
}

TEST_CASE(
    "weights cache: threads and processes that start at once all have the right answer, and leave one whole file") {
  const Answer expected = RunTiny({}).answer;
  for (int round = 0; round < 5; ++round) {
    const TemporaryFolder folder;
    const std::string path = folder.Path("weights.cache");
    std::vector<pid_t> children;
    for (int i = 0; i < 4; ++i) {
      const pid_t child = fork();
      REQUIRE(child >= 0);
      if (child == 0) _exit(SameBits(RunTiny(WithCache(path)).answer, expected) ? 0 : 1);
      children.push_back(child);
    }
    for (const pid_t child : children) {
      int status = 1;
      waitpid(child, &status, 0);
      CHECK(status == 0);
    }
    CHECK(folder.List() == std::vector<std::string>{"weights.cache"});
    REQUIRE(unlink(path.c_str()) == 0);
    bool is_right[4] = {};
    std::vector<std::thread> threads;
    for (bool& right : is_right) {
      threads.emplace_back([&] { right = SameBits(RunTiny(WithCache(path)).answer, expected); });
    }
    for (std::thread& thread : threads) thread.join();
    for (const bool right : is_right) CHECK(right);
    CHECK(folder.List() == std::vector<std::string>{"weights.cache"});
    CHECK(RunTiny(WithCache(path)).words.empty());
  }
}

#endif

TEST_CASE("weights cache: a budget needs a cache, packed weights, and room for two experts") {
  const TemporaryFolder folder;
  const std::string path = folder.Path("weights.cache");
  std::string message;
  const smx::Log log = {[](void* context, const char* text) { *static_cast<std::string*>(context) = text; }, &message};
  const smx::tools::AlignedBytes file(smx::tools::SerializeModel(smx::tests::TinyExperts(), WeightsType::kInt8));
  LoadOptions load_options;
  load_options.log = log;
  load_options.experts_budget_bytes = 1;
  const smx::Span<const uint8_t> span = {file.data(), file.size()};
  CHECK(smx::Model::FromMemory(span, load_options).status() == Status::kInvalidArgument);
  CHECK(message.find("needs weights_cache_path") != std::string::npos);
  load_options.weights_cache_path = path.c_str();
  const smx::Result<smx::Model> model = smx::Model::FromMemory(span, load_options);
  REQUIRE(model.ok());
  std::vector<uint8_t> arena(smx::tests::ArenaBytesOf(model.value()));
  Options options;
  options.log = log;
#if SMX_WITH_XNNPACK
  CHECK(smx::Encoder::Create(model.value(), options, arena).status() == Status::kInvalidArgument);
  CHECK(message.find("two must fit in") != std::string::npos);
#endif
  options.backend = smx::BackendChoice::kReference;
  CHECK(smx::Encoder::Create(model.value(), options, arena).status() == Status::kUnsupported);
  CHECK(message.find("only packed weights") != std::string::npos);
  load_options.experts_budget_bytes = 0;
  const smx::Result<smx::Model> without_budget = smx::Model::FromMemory(span, load_options);
  CHECK(smx::Encoder::Create(without_budget.value(), options, arena).ok());
  CHECK(message.find("nothing is packed here") != std::string::npos);
  CHECK(folder.List().empty());
}
