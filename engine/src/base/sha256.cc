#include "base/sha256.h"

#include <cstring>

#include "base/cpu_features.h"
#include "base/sha256_x86.h"

namespace smx {
namespace {

constexpr size_t kBlockBytes = 64;

uint32_t RotateRight(uint32_t x, int n) { return (x >> n) | (x << (32 - n)); }

uint32_t LoadBigEndian(const uint8_t* p) {
  return (uint32_t{p[0]} << 24) | (uint32_t{p[1]} << 16) | (uint32_t{p[2]} << 8) | uint32_t{p[3]};
}

void ExpandBlock(const uint8_t* block, uint32_t w[64]) {
  for (size_t t = 0; t < 16; ++t) w[t] = LoadBigEndian(block + 4 * t);
  for (size_t t = 16; t < 64; ++t) {
    const uint32_t s0 = RotateRight(w[t - 15], 7) ^ RotateRight(w[t - 15], 18) ^ (w[t - 15] >> 3);
    const uint32_t s1 = RotateRight(w[t - 2], 17) ^ RotateRight(w[t - 2], 19) ^ (w[t - 2] >> 10);
    w[t] = w[t - 16] + s0 + w[t - 7] + s1;
  }
}

/// FIPS 180-4, section 6.2.2, one block; the letters are the standard's.
void CompressBlock(uint32_t state[8], const uint8_t* block) {
  uint32_t w[64];
  ExpandBlock(block, w);
  uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
  uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
  for (size_t t = 0; t < 64; ++t) {
    const uint32_t sum1 = RotateRight(e, 6) ^ RotateRight(e, 11) ^ RotateRight(e, 25);
    const uint32_t t1 = h + sum1 + ((e & f) ^ (~e & g)) + kSha256RoundConstants[t] + w[t];
    const uint32_t sum0 = RotateRight(a, 2) ^ RotateRight(a, 13) ^ RotateRight(a, 22);
    const uint32_t t2 = sum0 + ((a & b) ^ (a & c) ^ (b & c));
    h = g;
    g = f;
    f = e;
    e = d + t1;
    d = c;
    c = b;
    b = a;
    a = t1 + t2;
  }
  const uint32_t after[8] = {a, b, c, d, e, f, g, h};
  for (size_t i = 0; i < 8; ++i) state[i] += after[i];
}

void CompressBlocks(uint32_t state[8], const uint8_t* blocks, size_t num_blocks) {
  if (num_blocks == 0) return;
#if defined(__x86_64__)
  if (HasShaInstructions()) return CompressBlocksX86(state, blocks, num_blocks);
#endif
  for (size_t i = 0; i < num_blocks; ++i) CompressBlock(state, blocks + i * kBlockBytes);
}

}  // namespace

const uint32_t kSha256RoundConstants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

Sha256::Sha256()
    : state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19},
      block_{} {}

void Sha256::Update(Span<const uint8_t> bytes) {
  const uint8_t* p = bytes.data();
  size_t left = bytes.size();
  const size_t held = static_cast<size_t>(num_bytes_ % kBlockBytes);
  num_bytes_ += left;
  if (held != 0) {
    const size_t taken = left < kBlockBytes - held ? left : kBlockBytes - held;
    std::memcpy(block_ + held, p, taken);
    p += taken;
    left -= taken;
    if (held + taken < kBlockBytes) return;
    CompressBlocks(state_, block_, 1);
  }
  CompressBlocks(state_, p, left / kBlockBytes);
  p += left / kBlockBytes * kBlockBytes;
  if (left % kBlockBytes != 0) std::memcpy(block_, p, left % kBlockBytes);
}

void Sha256::Finish(uint8_t digest[32]) {
  const uint64_t num_bits = num_bytes_ * 8;
  uint8_t tail[kBlockBytes + 8] = {0x80};
  const size_t held = static_cast<size_t>(num_bytes_ % kBlockBytes);
  const size_t zeros_end = held < 56 ? 56 - held : 120 - held;
  for (size_t i = 0; i < 8; ++i) tail[zeros_end + i] = static_cast<uint8_t>(num_bits >> (56 - 8 * i));
  Update({tail, zeros_end + 8});
  for (size_t i = 0; i < 32; ++i) digest[i] = static_cast<uint8_t>(state_[i / 4] >> (24 - 8 * (i % 4)));
}

bool HashIs(Span<const uint8_t> bytes, const uint8_t expected[32]) {
  Sha256 hash;
  hash.Update(bytes);
  uint8_t digest[32];
  hash.Finish(digest);
  return std::memcmp(digest, expected, sizeof(digest)) == 0;
}

}  // namespace smx
