#ifndef SMX_TESTS_SUPPORT_MODELS_H_
#define SMX_TESTS_SUPPORT_MODELS_H_

#include <string>
#include <vector>

#include "engine.h"
#include "model_writer.h"

namespace smx::tests {

/// The golden models of tests/golden/cases that need no more than this version builds.
const std::vector<std::string>& GoldenCases();

/// Cases with the parameters and inputs of another, which the reference computed by FFT.
const std::vector<std::string>& GoldenFftCases();

/// The folder of a golden case.
std::string GoldenFolder(const std::string& name);

/// Its parameters, params.safetensors; those of the case without _fft in its name.
std::string GoldenParams(const std::string& name);

/// Its io file: of the float32 router where the case has experts.
std::string GoldenIo(const std::string& name);

/// The folder of the shipped model: model.safetensors, config.json, vocab.txt, test.tsv.
std::string ShippedFolder();

/// A checkpoint beside its config.json, as smx-quantize reads it; without a tokenizer unless config.json names one.
tools::ModelContent ReadModelFolder(const std::string& folder, const std::string& checkpoint,
                                    const tools::ConfigFlags& flags = {});

/// A model in memory together with its bytes.
class MemoryModel {
 public:
  /// The log of `options` is not used.
  MemoryModel(const tools::ModelContent& content, tools::WeightsType type, LoadOptions options = {});

  const Model& operator*() const { return *model_; }
  const Model* operator->() const { return model_.get(); }

 private:
  tools::AlignedBytes bytes_;
  std::unique_ptr<Model> model_;
};

}  // namespace smx::tests

#endif  // SMX_TESTS_SUPPORT_MODELS_H_
