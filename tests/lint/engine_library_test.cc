// What the compiled engine is made of: libsmx_engine.a as nm and readelf see it, and how large a program with it is.

#include <filesystem>
#include <map>
#include <regex>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/process.h"

using smx::tests::ProcessResult;
using smx::tests::RunProgram;

namespace {

struct Symbol {
  std::string object;  // "encoder.cc"
  char kind;           // nm's letter: U undefined, W and V weak, upper case global
  std::string name;    // demangled
};

std::string OutputOf(const std::string& program, const std::vector<std::string>& arguments) {
  const ProcessResult result = RunProgram(program, arguments);
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  return result.out;
}

template <typename Function>
void ForEachMatch(const std::string& text, const std::regex& pattern, Function function) {
  for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it) function(*it);
}

const std::vector<Symbol>& Symbols() {
  static const std::vector<Symbol> symbols = [] {
    std::vector<Symbol> found;
    const std::regex line("\\.a:([^:\n]+)\\.o: *[0-9a-f]* +([A-Za-z]) ([^\n]+)");
    ForEachMatch(OutputOf(SMX_NM, {"-A", "-C", SMX_ENGINE_LIBRARY}), line, [&](const std::smatch& match) {
      found.push_back({match[1], match[2].str()[0], match[3]});
    });
    return found;
  }();
  return symbols;
}

bool BeginsWith(const std::string& text, const std::string& start) { return text.rfind(start, 0) == 0; }

/// A name that other code may define or call is told by its qualified start; templates have their result type before.
bool IsIn(const std::string& name, const std::string& space) {
  const std::string before_arguments = name.substr(0, name.find('('));
  return BeginsWith(name, space) || before_arguments.find(" " + space) != std::string::npos ||
         name.find(" for " + space) != std::string::npos || BeginsWith(name, "decltype(nullptr)&& " + space);
}

/// Sines, cosines and estimates of the mixings, beside AllowedCalls, in the same form.
const std::map<std::string, std::vector<std::string>>& AllowedMixingCalls() {
  static const std::map<std::string, std::vector<std::string>> allowed = {
      {"sin", {"fft.cc", "fourier.cc"}}, {"cos", {"fft.cc", "fourier.cc"}}, {"sincos", {"fft.cc", "fourier.cc"}},
      {"log2", {"mixing_way.cc"}},       {"kiss_fft", {"fft.cc"}},          {"kiss_fft_alloc", {"fft.cc"}},
  };
  return allowed;
}

/// What the engine may call for the model's file and the weights cache.
const std::map<std::string, std::vector<std::string>>& AllowedFileCalls() {
  static const std::map<std::string, std::vector<std::string>> allowed = {
      {"open", {"mapped_file.cc", "file_replacement.cc"}},
      {"close", {"mapped_file.cc", "file_replacement.cc"}},
      {"fstat", {"mapped_file.cc", "file_replacement.cc"}},
      {"mmap", {"mapped_file.cc", "packed_heap.cc"}},
      {"munmap", {"mapped_file.cc", "packed_heap.cc"}},
      {"madvise", {"mapped_file.cc", "packed_heap.cc"}},
      {"sysconf", {"mapped_file.cc"}},
      {"access", {"packed_store.cc"}},
      {"flock", {"file_replacement.cc"}},
      {"lstat", {"file_replacement.cc"}},
      {"ftruncate", {"file_replacement.cc"}},
      {"write", {"file_replacement.cc"}},
      {"fsync", {"file_replacement.cc"}},
      {"rename", {"file_replacement.cc"}},
      {"unlink", {"file_replacement.cc"}},
  };
  return allowed;
}

/// What else the engine may call outside of itself, by the whole demangled name. An empty list of objects allows all.
const std::map<std::string, std::vector<std::string>>& AllowedCalls() {
  static const std::map<std::string, std::vector<std::string>> allowed = {
      // Bytes and numbers.
      {"memchr", {}},
      {"memcmp", {}},
      {"bcmp", {}},
      {"memcpy", {}},
      {"memmove", {}},
      {"memset", {}},
      {"strlen", {}},
      {"strncmp", {}},
      {"strncpy", {"packing_fingerprint.cc"}},
      {"erff", {}},
      {"expf", {}},
      {"tanhf", {}},
      {"sqrt", {}},
      {"sqrtf", {}},
      {"nearbyint", {}},
      {"nearbyintf", {}},
      // Words for the log hook, into an array of the caller.
      {"vsnprintf", {"log.cc", "binder.cc"}},
      {"snprintf", {"binder.cc"}},
      {"strerror", {"mapped_file.cc", "file_replacement.cc"}},
      {"__errno_location", {"mapped_file.cc", "file_replacement.cc"}},
      // The heap, which gives null instead of throwing; only packed weights have sizes that XNNPACK chooses.
      {"operator new(unsigned long, std::nothrow_t const&)", {}},
      {"operator new[](unsigned long, std::nothrow_t const&)", {}},
      {"operator delete(void*)", {}},
      {"operator delete(void*, unsigned long)", {}},
      {"operator delete[](void*)", {}},
      {"operator delete[](void*, unsigned long)", {}},
      {"std::nothrow", {}},
      {"aligned_alloc", {"packed_heap.cc"}},
      {"free", {"packed_heap.cc"}},
      // Clock, processor, the lock of a model's packed weights.
      {"std::chrono::_V2::steady_clock::now()", {"clock.cc"}},
      {"syscall", {"cpu_features.cc"}},
      {"getauxval", {"cpu_features.cc"}},
      {"__cpu_model", {"cpu_features.cc"}},
      {"__cpu_features2", {"cpu_features.cc"}},
      {"pthread_mutex_lock", {}},
      {"pthread_mutex_unlock", {}},
      // A branch of the C++ library that cannot be taken: a mutex that does not work.
      {"std::__throw_system_error(int)", {"backend.cc", "encoder.cc"}},
      // What compilers add.
      {"_GLOBAL_OFFSET_TABLE_", {}},
      {"__stack_chk_fail", {}},
#ifndef NDEBUG
      {"__assert_fail", {}},  // of FlatBuffers' headers
#endif
      {"pthread_create", {"thread_pool.cc"}},
      {"pthread_join", {"thread_pool.cc"}},
  };
  return allowed;
}

bool IsAllowedCall(const Symbol& symbol) {
  if (IsIn(symbol.name, "smx::")) return true;
  if (BeginsWith(symbol.name, "pthreadpool_")) return symbol.object == "thread_pool.cc";
  if (BeginsWith(symbol.name, "xnn_")) {
    return symbol.object == "fully_connected.cc" || symbol.object == "packing_fingerprint.cc";
  }
  for (const auto* allowed : {&AllowedCalls(), &AllowedFileCalls(), &AllowedMixingCalls()}) {
    const auto found = allowed->find(symbol.name);
    if (found == allowed->end()) continue;
    const std::vector<std::string>& objects = found->second;
    return objects.empty() || std::find(objects.begin(), objects.end(), symbol.object) != objects.end();
  }
  return false;
}

}  // namespace

TEST_CASE("lint: the engine defines nothing outside of namespace smx but what every C++ program shares") {
  size_t num_ours = 0;
  for (const Symbol& symbol : Symbols()) {
    const bool is_defined_for_others = symbol.kind >= 'A' && symbol.kind <= 'Z' && symbol.kind != 'U';
    if (!is_defined_for_others && symbol.kind != 'u') continue;
    CAPTURE(symbol.object);
    CAPTURE(symbol.name);
    if (IsIn(symbol.name, "smx::")) {
      ++num_ours;
      continue;
    }
    // Unless inlined; a name may begin with the type that it returns, "decltype(...) hwy::".
    const bool is_of_highway = symbol.name.find("hwy::") != std::string::npos && symbol.object == "simd_kernels.cc";
    const bool is_shared = symbol.kind == 'W' && (IsIn(symbol.name, "std::") || IsIn(symbol.name, "__gnu_cxx::") ||
                                                  IsIn(symbol.name, "operator") || is_of_highway);
    CHECK(is_shared);
  }
  CHECK(num_ours > 100);
}

TEST_CASE(
    "lint: the engine calls nothing but what is listed, each from where it belongs: no throw, exit, print, getenv") {
  size_t num_checked = 0;
  for (const Symbol& symbol : Symbols()) {
    if (symbol.kind != 'U' && symbol.kind != 'w') continue;
    CAPTURE(symbol.object);
    CAPTURE(symbol.name);
    CHECK(IsAllowedCall(symbol));
    ++num_checked;
  }
  CHECK(num_checked > 200);
}

TEST_CASE("lint: the engine holds no container of the C++ library that grows on the heap and throws") {
  const std::regex container(
      "std::(__cxx11::)?(basic_string|vector|deque|list|map|set|unordered_map|unordered_set|function|shared_ptr|any|"
      "basic_[io]stream)<");
  for (const Symbol& symbol : Symbols()) {
    CAPTURE(symbol.object);
    CAPTURE(symbol.name);
    CHECK_FALSE(std::regex_search(symbol.name, container));
  }
}

TEST_CASE("lint: the engine has no static constructor, no mutable global and nothing per thread") {
  const std::regex section("\\] (\\.[^ ]+) +[A-Z_]+ +[0-9a-f]+ [0-9a-f]+ ([0-9a-f]+) ");
  size_t num_sections = 0;
  ForEachMatch(OutputOf(SMX_READELF, {"-SW", SMX_ENGINE_LIBRARY}), section, [&](const std::smatch& match) {
    const std::string name = match[1];
    CAPTURE(name);
    CHECK_FALSE(BeginsWith(name, ".init_array"));
    CHECK_FALSE(BeginsWith(name, ".ctors"));
    const bool is_constant = BeginsWith(name, ".data.rel.ro");  // written once, by the loader
    for (const char* mutable_section : {".data", ".bss", ".tdata", ".tbss"}) {
      if (BeginsWith(name, mutable_section) && !is_constant) CHECK(std::stoul(match[2], nullptr, 16) == 0);
    }
    ++num_sections;
  });
  CHECK(num_sections > 100);
}

TEST_CASE("lint: the README's program, stripped, stays below its size") {
  // Measured with GCC 14, x86-64, and some hundredths; XNNPACK and KissFFT are shared libraries here. A larger engine
  // is a decision: say so here and in the changelog. A sixth of it are the mixings by FFT and by matrices of sines.
  const std::map<std::string, size_t> limits = {
      {"Release with XNNPACK", 490000},
      {"MinSizeRel without XNNPACK", 161000},
  };
  const std::string build = std::string(SMX_BUILD_TYPE) + (SMX_WITH_XNNPACK ? " with" : " without") + " XNNPACK";
  const auto limit = limits.find(build);
  if (limit == limits.end()) {
    MESSAGE("no limit is stated for this build: " << build);
    return;
  }
  const smx::tests::TemporaryFolder folder;
  const std::string stripped = folder.Path("stripped");
  OutputOf(SMX_STRIP, {"-o", stripped, std::string(SMX_BIN_DIR) + "/classify_text"});
  const size_t bytes = std::filesystem::file_size(stripped);
  CAPTURE(build);
  CHECK(bytes <= limit->second);
  CHECK(bytes > limit->second / 2);
}
