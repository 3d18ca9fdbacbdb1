// One model, many threads. What a thread gets must be the bits that a serial run gets; the `tsan` preset runs this file
// under the thread sanitizer. Models are loaded anew for each test, because the first sessions of a model pack its
// weights. SMX_TEST_ROUNDS repeats everything that often.

#include <atomic>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "output_file.h"
#include "support/models.h"
#include "support/process.h"
#include "tsv.h"

using smx::Classifier;
using smx::Encoder;
using smx::Model;
using smx::Options;
using smx::Prediction;
using smx::Result;
using smx::Status;
using smx::tests::GoldenFolder;
using smx::tests::MemoryModel;
using smx::tests::ReadModelFolder;
using smx::tests::ShippedFolder;
using smx::tools::ModelContent;
using smx::tools::WeightsType;
using smx::tools::WithArena;

namespace {

constexpr size_t kThreads = 8;

size_t Rounds() {
  const char* const rounds = std::getenv("SMX_TEST_ROUNDS");
  return rounds == nullptr ? 1 : std::strtoul(rounds, nullptr, 10);
}

/// Calls body(thread) on `threads` threads that begin together; returns how many calls gave false or threw.
template <typename Body>
size_t FailuresOfThreads(size_t threads, Body body) {
  std::atomic<size_t> num_waiting{threads};
  std::atomic<size_t> num_failures{0};
  std::vector<std::thread> running;
  for (size_t t = 0; t < threads; ++t) {
    running.emplace_back([&, t] {
      --num_waiting;
      while (num_waiting.load() != 0) std::this_thread::yield();
      try {
        if (!body(t)) ++num_failures;
      } catch (const std::exception&) {
        ++num_failures;
      }
    });
  }
  for (std::thread& thread : running) thread.join();
  return num_failures;
}

struct Answer {
  std::vector<float> hidden, logits;
  bool operator==(const Answer& other) const { return hidden == other.hidden && logits == other.logits; }
};

/// Inputs that the model takes, told apart by `seed`.
std::vector<int32_t> Ids(const Model& model, size_t seed) {
  const bool any_length = model.info().masked_padding;
  const size_t max = model.info().max_seq_len;
  const size_t n = any_length ? 1 + seed * 13 % max : max;
  std::vector<int32_t> ids(n);
  for (size_t i = 0; i < n; ++i) ids[i] = static_cast<int32_t>(1 + (i * 7 + seed * 31) % 150);
  return ids;
}

Answer Run(Encoder* encoder, const Model& model, size_t seed) {
  const std::vector<int32_t> ids = Ids(model, seed);
  Answer answer;
  answer.hidden.resize(ids.size() * model.info().d_model);
  answer.logits.resize(model.info().num_classes);
  const Status status =
      encoder->Run({ids.data(), ids.size()}, {},
                   {{answer.hidden.data(), answer.hidden.size()}, {}, {answer.logits.data(), answer.logits.size()}});
  if (status != Status::kOk) return {};
  return answer;
}

constexpr size_t kInputs = 6;

/// By one session of a model of its own, so that the shared model of a test meets its first sessions on the threads.
std::vector<Answer> SerialAnswers(const ModelContent& content, WeightsType type) {
  const MemoryModel model(content, type);
  WithArena<Encoder> encoder(*model, {}, "serial");
  std::vector<Answer> answers;
  for (size_t i = 0; i < kInputs; ++i) answers.push_back(Run(&*encoder, *model, i));
  return answers;
}

/// The order differs from thread to thread, so that different steps meet.
bool AnswersAgree(Encoder* encoder, const Model& model, const std::vector<Answer>& expected, size_t thread) {
  for (size_t i = 0; i < kInputs; ++i) {
    const size_t seed = (i * 5 + thread) % kInputs;
    if (!(Run(encoder, model, seed) == expected[seed])) return false;
  }
  return true;
}

struct TestModel {
  const char* name;
  WeightsType type;
};

ModelContent ContentOf(const std::string& name) {
  return name == "shipped" ? ReadModelFolder(ShippedFolder(), "model.safetensors")
                           : ReadModelFolder(GoldenFolder(name), "params.safetensors");
}

/// One session at a time has a pool of its own: waiting pthreadpool workers spin, on more threads than cores for long.
Options OptionsOf(size_t thread) {
  Options options;
  options.num_threads = thread == 1 ? 2 : 1;
  return options;
}

}  // namespace

TEST_CASE("concurrency: encoders of one model, created and run on 8 threads at once, give the bits of a serial one") {
  const TestModel models[] = {{"linear", WeightsType::kInt8},       {"bert", WeightsType::kInt8},
                              {"sparse_mixer", WeightsType::kInt8}, {"sparse_mixer", WeightsType::kF32},
                              {"t_net", WeightsType::kInt8},        {"f_net", WeightsType::kInt8},
                              {"h_net", WeightsType::kF32},         {"shipped", WeightsType::kInt8}};
  for (const TestModel& test_model : models) {
    const char* const name = test_model.name;
    const WeightsType type = test_model.type;
    CAPTURE(name);
    const ModelContent content = ContentOf(name);
    const std::vector<Answer> expected = SerialAnswers(content, type);
    REQUIRE(expected[0].logits != expected[1].logits);
    for (size_t round = 0; round < Rounds(); ++round) {
      const MemoryModel model(content, type);
      const size_t failures = FailuresOfThreads(kThreads, [&](size_t thread) {
        WithArena<Encoder> encoder(*model, OptionsOf(thread), "thread");
        return AnswersAgree(&*encoder, *model, expected, thread);
      });
      CHECK(failures == 0);
    }
  }
}

TEST_CASE("concurrency: sessions come, fail and go while others run, and no answer changes") {
  const ModelContent content = ContentOf("sparse_mixer");
  const std::vector<Answer> expected = SerialAnswers(content, WeightsType::kInt8);
  const MemoryModel model(content, WeightsType::kInt8);
  std::atomic<size_t> num_creators{kThreads / 2};
  const auto create_and_go = [&](size_t thread) {
    bool good = true;
    for (size_t i = 0; good && i < 4 * Rounds(); ++i) {
      const Options options = OptionsOf(i);
      std::vector<uint8_t> arena(Encoder::ArenaBytes(*model, options).value());
      good = Encoder::Create(*model, options, {arena.data(), arena.size() - 1}).status() == Status::kArenaTooSmall;
      Result<Encoder> encoder = Encoder::Create(*model, options, arena);
      good = good && encoder.ok() && Run(&encoder.value(), *model, thread) == expected[thread];
    }
    --num_creators;
    return good;
  };
  const auto run = [&](size_t thread) {
    WithArena<Encoder> encoder(*model, {}, "thread");
    bool good = true;
    do {
      good = AnswersAgree(&*encoder, *model, expected, thread);
    } while (good && num_creators != 0);
    return good;
  };
  CHECK(FailuresOfThreads(kThreads, [&](size_t t) { return t < kThreads / 2 ? create_and_go(t) : run(t); }) == 0);
}

TEST_CASE("concurrency: classifiers of one model label texts on 8 threads as one does") {
  const ModelContent content = ContentOf("shipped");
  const std::vector<smx::tools::LabelledText> rows = smx::tools::ReadTsv(ShippedFolder() + "/test.tsv", {});
  std::vector<std::string> texts;
  for (size_t i = 0; i < 12; ++i) texts.push_back(rows.at(i * 200).text);
  const auto label_all = [&](const Model& model, size_t thread) {
    WithArena<Classifier> classifier(model, OptionsOf(thread), "thread");
    std::vector<Prediction> predictions(texts.size());
    for (size_t i = 0; i < texts.size(); ++i) {
      const size_t text = (i * 5 + thread * 3) % texts.size();
      classifier.Check(classifier->Classify(texts[text], &predictions[text]));
    }
    return predictions;
  };
  const MemoryModel alone(content, WeightsType::kInt8);
  const std::vector<Prediction> expected = label_all(*alone, 0);
  const MemoryModel model(content, WeightsType::kInt8);
  CHECK(FailuresOfThreads(kThreads, [&](size_t thread) {
          const std::vector<Prediction> found = label_all(*model, thread);
          for (size_t i = 0; i < texts.size(); ++i) {
            if (std::string(found[i].label) != expected[i].label) return false;
            if (found[i].probability != expected[i].probability) return false;
            if (found[i].num_tokens_whole != expected[i].num_tokens_whole) return false;
          }
          return true;
        }) == 0);
}

TEST_CASE("concurrency: 8 threads load the same file at once, each gets a whole model, whoever leaves first") {
  const ModelContent content = ContentOf("sparse_mixer");
  const smx::tests::TemporaryFolder folder;
  const std::string path = folder.Path("model.smx");
  smx::tools::WriteWhole(path, smx::tools::SerializeModel(content, WeightsType::kInt8));
  const std::vector<Answer> expected = SerialAnswers(content, WeightsType::kInt8);
  for (size_t round = 0; round < 3 * Rounds(); ++round) {
    const size_t failures = FailuresOfThreads(kThreads, [&](size_t thread) {
      const Model model = smx::tools::LoadModel(path, {smx::VerifyWeights::kAlways, {}});
      WithArena<Encoder> encoder(model, {}, "thread");
      const size_t seed = thread % kInputs;
      return Run(&*encoder, model, seed) == expected[seed];
    });
    CHECK(failures == 0);
  }
}

TEST_CASE("concurrency: one tokenizer and one model's card, labels and hashes are read by 8 threads at once") {
  const MemoryModel model(ContentOf("shipped"), WeightsType::kInt8);
  const smx::Tokenizer tokenizer = smx::Tokenizer::Create(*model).value();
  const auto read_all = [&] {
    std::vector<std::string> read = {model->card().name, model->card().source_sha256};
    for (size_t i = 0; i < model->info().num_classes; ++i) read.emplace_back(model->label(i));
    int32_t ids[32];
    smx::TokenizeResult result = {};
    const Status status = tokenizer.Tokenize("Wo ist meine Karte?", {}, {}, {ids, {}, {}}, &result);
    for (size_t i = 0; status == Status::kOk && i < result.num_tokens; ++i) read.emplace_back(tokenizer.Piece(ids[i]));
    if (model->VerifyWeightHashes() != Status::kOk) read.clear();
    return read;
  };
  const std::vector<std::string> expected = read_all();
  REQUIRE(expected.size() > model->info().num_classes + 4);
  CHECK(FailuresOfThreads(kThreads, [&](size_t) { return read_all() == expected; }) == 0);
}
