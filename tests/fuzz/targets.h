#ifndef SMX_TESTS_FUZZ_TARGETS_H_
#define SMX_TESTS_FUZZ_TARGETS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace smx::fuzz {

// Each function takes any bytes and comes back. A crash, undefined behaviour, a leak or a hang is a bug in what it
// calls; so is an answer that breaks a promise of a header, which ends the process here (Require).

/// A model file. Of even length its sizes and hashes are made right first, so that the layers behind them are reached.
void LoadModel(const uint8_t* data, size_t size);

/// The same, always made right; if it loads it runs: the encoder, and the classifier where there is a tokenizer. The
/// bytes of the file's own hash, which is made anew, choose backend and length.
void RunModel(const uint8_t* data, size_t size);

/// A text, or a pair, under every switch of the normalization, with a fixed vocabulary.
void TokenizeText(const uint8_t* data, size_t size);

/// A vocab.txt and a text, divided by two zero bytes.
void TokenizeWithVocabulary(const uint8_t* data, size_t size);

/// A tokenizer.json.
void ReadTokenizerJson(const uint8_t* data, size_t size);

/// A .model of SentencePiece.
void ReadSentencePiece(const uint8_t* data, size_t size);

/// A safetensors file.
void ReadSafetensors(const uint8_t* data, size_t size);

/// A file of a Flax checkpoint.
void ReadFlax(const uint8_t* data, size_t size);

/// A weights cache of a tiny model. Of even length its header and hashes are made right first.
void MapWeightsCache(const uint8_t* data, size_t size);

/// Ends the process with `promise` on stderr unless `is_kept`.
void Require(bool is_kept, const char* promise);

/// Makes the normalizations that TokenizeText, or the other two, need: seconds that no single input is to blame for.
void PrepareAllNormalizations();
void PrepareNormalizations();

struct Target {
  const char* name;
  void (*run)(const uint8_t* data, size_t size);
  void (*prepare)();  // or null; before the first run
};

/// All of the above; the names are those of the executables and of the folders below tests/fuzz/found.
const std::vector<Target>& Targets();

/// Small inputs to begin with, most of them sound.
std::vector<std::vector<uint8_t>> SeedsOf(const std::string& target);

/// Those of MapWeightsCache: what the engine writes.
std::vector<std::vector<uint8_t>> WeightsCaches();

}  // namespace smx::fuzz

#endif  // SMX_TESTS_FUZZ_TARGETS_H_
