// That the int8 products execute the instructions that smx names: the emulator lists what it executes.

#include <cstdlib>
#include <fstream>
#include <string>

#include <doctest/doctest.h>

#include "support/models.h"
#include "support/programs.h"

#if defined(SMX_EMULATOR) && SMX_WITH_XNNPACK

using smx::tests::RunQuantize;
using smx::tests::RunSmx;
using smx::tests::SmxJson;
using smx::tests::TemporaryFolder;

namespace {

/// Whether instructions of a kind were executed; every block of them is listed before it runs the first time.
struct Executed {
  size_t total = 0;
  size_t dot_product = 0;
  size_t int8_matrix = 0;
};

#if defined(__aarch64__)

bool IsDotProduct(uint32_t word) {
  return (word & 0xbfe0fc00u) == 0x0e809400u      // sdot, vectors
         || (word & 0xbfc0f400u) == 0x0f80e000u;  // sdot, by element
}
bool IsInt8Matrix(uint32_t word) { return (word & 0xffe0fc00u) == 0x4e80a400u; }  // smmla

#else

bool IsDotProduct(uint32_t word) {
  return (word & 0xffb00f10u) == 0xfc200d00u      // vsdot, vectors
         || (word & 0xffb00f10u) == 0xfe200d00u;  // vsdot, by element
}
bool IsInt8Matrix(uint32_t word) { return (word & 0xffb00f50u) == 0xfc200c40u; }  // vsmmla

#endif

/// Of one run of a golden model whose weights have `type`.
Executed InstructionsOf(const std::string& type) {
  const TemporaryFolder folder;
  const std::string model = folder.Path("model.smx");
  const smx::tests::ProcessResult made =
      RunQuantize({smx::tests::GoldenFolder("linear") + "/params.safetensors", "-o", model, "--type", type});
  REQUIRE_MESSAGE(made.exit_code == 0, made.err);
  const std::string log = folder.Path("log");
  setenv("QEMU_LOG", "in_asm", 1);
  setenv("QEMU_LOG_FILENAME", log.c_str(), 1);
  const smx::tests::ProcessResult run =
      RunSmx({"run", model, "--input", smx::tests::GoldenIo("linear"), "--output", folder.Path("out.safetensors")});
  unsetenv("QEMU_LOG");
  unsetenv("QEMU_LOG_FILENAME");
  REQUIRE_MESSAGE(run.exit_code == 0, run.err);
  Executed executed;
  std::ifstream lines(log);
  // "0x0000004000812345:  4e80a400  smmla ..."; 32-bit Thumb code has two halves
  for (std::string line; std::getline(lines, line);) {
    const size_t colon = line.find(":  ");
    if (line.rfind("0x", 0) != 0 || colon == std::string::npos) continue;
    std::string digits = line.substr(colon + 3, 9);
    if (digits.size() > 4 && digits[4] == ' ') digits.erase(4, 1);
    const uint32_t word = static_cast<uint32_t>(std::strtoul(digits.substr(0, 8).c_str(), nullptr, 16));
    ++executed.total;
    executed.dot_product += IsDotProduct(word);
    executed.int8_matrix += IsInt8Matrix(word);
  }
  return executed;
}

}  // namespace

TEST_CASE("isa: int8 products execute the instructions of the instruction set that smx names") {
  const Executed executed = InstructionsOf("int8");
  const std::string isa = SmxJson({"inspect", smx::tests::ShippedModel(), "--json"}).at("isa");
  MESSAGE(isa << ": " << executed.dot_product << " dot products, " << executed.int8_matrix << " matrix products in "
              << executed.total << " different instructions");
  REQUIRE(executed.total > 10000);
  CHECK((executed.int8_matrix > 0) == (isa == "neon-i8mm"));
  CHECK((executed.dot_product > 0) == (isa == "neon-dotprod"));
}

TEST_CASE("isa: the instructions belong to the int8 products: f32 weights execute none of them") {
  const Executed executed = InstructionsOf("f32");
  REQUIRE(executed.total > 10000);
  CHECK(executed.int8_matrix == 0);
  CHECK(executed.dot_product == 0);
}

TEST_CASE("isa: smx names what the emulated processor has") {
  const char* const cpu = std::getenv("QEMU_CPU");
  const std::string isa = SmxJson({"inspect", smx::tests::ShippedModel(), "--json"}).at("isa");
  const std::string name = smx::tests::Split(cpu == nullptr ? "max" : cpu, ',')[0];
  CAPTURE(name);
#if defined(__aarch64__)
  if (name == "cortex-a53") CHECK(isa == "neon");
  if (name == "cortex-a76") CHECK(isa == "neon-dotprod");
  if (name == "max") CHECK(isa == "neon-i8mm");
#else
  if (name == "cortex-a15" || name == "max") CHECK(isa == "neon");
#endif
}

#endif
