#ifndef SMX_BASE_SHA256_X86_H_
#define SMX_BASE_SHA256_X86_H_

#include <cstddef>
#include <cstdint>

namespace smx {

extern const uint32_t kSha256RoundConstants[64];

#if defined(__x86_64__)
/// Compresses whole blocks of 64 bytes with the SHA instructions; only where HasShaInstructions(). Five times the speed
/// of the plain loop, which is most of the time that loading a small model takes.
void CompressBlocksX86(uint32_t state[8], const uint8_t* blocks, size_t num_blocks);
#endif

}  // namespace smx

#endif  // SMX_BASE_SHA256_X86_H_
