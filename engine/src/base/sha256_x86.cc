#include "base/sha256_x86.h"

#if defined(__x86_64__)

#include <immintrin.h>

namespace smx {
namespace {

#define SMX_SHA_TARGET __attribute__((target("sha,sse4.1")))

/// The instructions keep the state as the words (f, e, b, a) and (h, g, d, c), lowest first.
struct ShaState {
  __m128i abef;
  __m128i cdgh;
};

SMX_SHA_TARGET inline ShaState LoadState(const uint32_t state[8]) {
  const auto set = [state](size_t w3, size_t w2, size_t w1, size_t w0) SMX_SHA_TARGET {
    return _mm_set_epi32(static_cast<int>(state[w3]), static_cast<int>(state[w2]), static_cast<int>(state[w1]),
                         static_cast<int>(state[w0]));
  };
  return {set(0, 1, 4, 5), set(2, 3, 6, 7)};
}

SMX_SHA_TARGET inline void StoreState(const ShaState& s, uint32_t state[8]) {
  state[0] = static_cast<uint32_t>(_mm_extract_epi32(s.abef, 3));
  state[1] = static_cast<uint32_t>(_mm_extract_epi32(s.abef, 2));
  state[2] = static_cast<uint32_t>(_mm_extract_epi32(s.cdgh, 3));
  state[3] = static_cast<uint32_t>(_mm_extract_epi32(s.cdgh, 2));
  state[4] = static_cast<uint32_t>(_mm_extract_epi32(s.abef, 1));
  state[5] = static_cast<uint32_t>(_mm_extract_epi32(s.abef, 0));
  state[6] = static_cast<uint32_t>(_mm_extract_epi32(s.cdgh, 1));
  state[7] = static_cast<uint32_t>(_mm_extract_epi32(s.cdgh, 0));
}

/// Rounds 4 * group .. 4 * group + 3 with the message words `w`.
SMX_SHA_TARGET inline void FourRounds(ShaState& s, __m128i w, size_t group) {
  const __m128i constants = _mm_loadu_si128(reinterpret_cast<const __m128i*>(kSha256RoundConstants + 4 * group));
  const __m128i wk = _mm_add_epi32(w, constants);
  s.cdgh = _mm_sha256rnds2_epu32(s.cdgh, s.abef, wk);
  s.abef = _mm_sha256rnds2_epu32(s.abef, s.cdgh, _mm_shuffle_epi32(wk, 0x0e));
}

/// The next four message words after the sixteen in w[0..3], oldest first.
SMX_SHA_TARGET inline __m128i NextWords(const __m128i w[4]) {
  const __m128i older = _mm_add_epi32(_mm_sha256msg1_epu32(w[0], w[1]), _mm_alignr_epi8(w[3], w[2], 4));
  return _mm_sha256msg2_epu32(older, w[3]);
}

}  // namespace

SMX_SHA_TARGET void CompressBlocksX86(uint32_t state[8], const uint8_t* blocks, size_t num_blocks) {
  const __m128i byte_order = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
  ShaState s = LoadState(state);
  for (size_t block = 0; block < num_blocks; ++block, blocks += 64) {
    const ShaState before = s;
    __m128i w[4];
    for (size_t i = 0; i < 4; ++i) {
      w[i] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(blocks + 16 * i));
      w[i] = _mm_shuffle_epi8(w[i], byte_order);
      FourRounds(s, w[i], i);
    }
    for (size_t group = 4; group < 16; ++group) {
      const __m128i next = NextWords(w);
      w[0] = w[1];
      w[1] = w[2];
      w[2] = w[3];
      w[3] = next;
      FourRounds(s, next, group);
    }
    s.abef = _mm_add_epi32(s.abef, before.abef);
    s.cdgh = _mm_add_epi32(s.cdgh, before.cdgh);
  }
  StoreState(s, state);
}

}  // namespace smx

#endif  // defined(__x86_64__)
