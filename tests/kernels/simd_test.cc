// Kernels by Highway, of every instruction set that this processor has, beside the reference kernels: the same bits,
// for every number of columns around the vectors' widths, for rows with a stride, and for numbers that are none.

#include "kernels/simd/simd_kernels.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/simd_cases.h"

using smx::ConstMatF;
using smx::KernelTable;
using smx::MatF;
using smx::RowQuantization;
using smx::tests::ForAll;
using smx::tests::Kind;
using smx::tests::Matrix;
using smx::tests::Numbers;
using smx::tests::SameBits;

TEST_CASE("simd: every instruction set takes every kernel that it has from itself") {
  REQUIRE(smx::UsableSimdKernels().size() > 0);
  const KernelTable reference;
  for (const smx::SimdKernels& kernels : smx::UsableSimdKernels()) {
    CAPTURE(kernels.isa);
    KernelTable table;
    kernels.overwrite(&table);
    const std::string isa = kernels.isa;
    const bool has_byte_products = isa == "amx-int8" || isa == "avx512vnni";
    CHECK((table.sum_rows != nullptr) == has_byte_products);
    CHECK((table.product_panels != nullptr) == has_byte_products);
    CHECK((table.product_of_columns != nullptr) == has_byte_products);
    CHECK((table.quantize_rows != reference.quantize_rows));
    CHECK((table.product_f32 != reference.product_f32));
    CHECK((table.product_qd8_f32_qc8w != reference.product_qd8_f32_qc8w));
    CHECK((table.scale_channels != reference.scale_channels));
    CHECK((table.add_layer_norm != reference.add_layer_norm));
    CHECK((table.gelu != reference.gelu));
    CHECK((table.gelu_erf != reference.gelu_erf));
    CHECK((table.softmax != reference.softmax));
    CHECK((table.transpose != reference.transpose));
    CHECK((table.scatter_add_rows != reference.scatter_add_rows));
    CHECK((table.attention_head != reference.attention_head));
    CHECK((table.attention_head_qs16 != reference.attention_head_qs16));
    CHECK((table.fold != reference.fold));
    CHECK((table.fold_columns != reference.fold_columns));
    CHECK((table.unfold != reference.unfold));
    CHECK((table.router_f32 != reference.router_f32));
#if !defined(__arm__)  // has no vectors of double
    CHECK((table.router_bf16 != reference.router_bf16));
#endif
  }
  CHECK((smx::MakeKernelTable(true).gelu != reference.gelu));
}

TEST_CASE("simd: gelu of both forms and softmax have the reference's bits") {
  Numbers numbers;
  ForAll([&](const KernelTable& table, size_t cols, Kind kind) {
    const Matrix in = numbers.Make(3, cols, 5, kind);
    const auto same = [&](void (*kernel)(MatF), void (*reference)(MatF)) {
      Matrix out = in, expected = in;
      kernel(out.mat());
      reference(expected.mat());
      return SameBits(out.values, expected.values);
    };
    CHECK(same(table.gelu, smx::Gelu_f32__reference));
    CHECK(same(table.gelu_erf, smx::GeluErf_f32__reference));
    CHECK(same(table.softmax, smx::Softmax_f32__reference));
  });
}

TEST_CASE("simd: products in float32 have the reference's bits, in both orders, with and without bias, any rows") {
  Numbers numbers;
  ForAll([&](const KernelTable& table, size_t cols, Kind kind) {
    for (const size_t rows : {1, 4, 7}) {
      const size_t inputs = 1 + cols % 9;
      const Matrix x = numbers.Make(rows, inputs, 3, kind), kernel = numbers.Make(inputs, cols, 2, kind);
      const Matrix by_outputs = numbers.Make(cols, inputs, 2, kind);
      const std::vector<float> bias = numbers.Vector(cols);
      for (const bool outputs_first : {false, true}) {
        const Matrix& values = outputs_first ? by_outputs : kernel;
        smx::ProductWeights weights;
        weights.outputs_first = outputs_first;
        weights.inputs = inputs;
        weights.outputs = cols;
        weights.stride = static_cast<std::ptrdiff_t>(values.stride);
        weights.kernel = values.values.data();
        weights.bias = rows == 4 ? nullptr : bias.data();
        Matrix out(rows, cols, 5), expected(rows, cols, 5);
        table.product_f32(x.mat(), weights, out.mat());
        smx::Product_f32__reference(x.mat(), weights, expected.mat());
        CHECK(SameBits(out.values, expected.values));
      }
    }
  });
}

TEST_CASE("simd: int8 products have the reference's bits, in both orders, for every zero point, also at the limits") {
  Numbers numbers;
  ForAll([&](const KernelTable& table, size_t inputs, Kind kind) {
    for (const size_t outputs : {1, 4, 7}) {
      CAPTURE(outputs);
      constexpr size_t kRows = 3;
      const size_t stride = inputs + 3;
      std::vector<int8_t> x(kRows * stride), kernel((inputs + 2) * (outputs + 2));
      for (std::vector<int8_t>* values : {&x, &kernel}) {
        for (int8_t& v : *values) v = static_cast<int8_t>(std::clamp(numbers.Next(Kind::kLarge), -127.0f, 127.0f));
      }
      if (kind == Kind::kAnyBits) {
        std::fill(x.begin(), x.end(), int8_t{127});
        std::fill(kernel.begin(), kernel.end(), int8_t{-127});
      }
      const RowQuantization params[kRows] = {{-128, 0.25f}, {127, 3.0f}, {-7, 0.01f}};
      const std::vector<float> bias = numbers.Vector(outputs), scales = numbers.Vector(outputs);
      for (const bool outputs_first : {false, true}) {
        smx::ProductWeights weights;
        weights.type = smx::WeightType::kQc8w;
        weights.outputs_first = outputs_first;
        weights.inputs = inputs;
        weights.outputs = outputs;
        weights.stride = static_cast<std::ptrdiff_t>(outputs_first ? inputs + 2 : outputs + 2);
        weights.kernel = kernel.data();
        weights.scales = scales.data();
        weights.has_one_scale = outputs == 4;
        weights.bias = outputs == 4 ? nullptr : bias.data();
        Matrix out(kRows, outputs, 5), expected(kRows, outputs, 5);
        const smx::Mat<const int8_t> rows = {x.data(), kRows, inputs, stride};
        table.product_qd8_f32_qc8w(rows, params, weights, out.mat());
        smx::Product_qd8_f32_qc8w__reference(rows, params, weights, expected.mat());
        CHECK(SameBits(out.values, expected.values));
      }
    }
  });
}

TEST_CASE("simd: softmax of scores that masks have replaced has the reference's bits") {
  Numbers numbers;
  ForAll([&](const KernelTable& table, size_t cols, Kind kind) {
    Matrix in = numbers.Make(4, cols, 0, kind);
    for (size_t c = 0; c < cols; c += 3) in.mat().Row(1)[c] = std::numeric_limits<float>::lowest();
    for (size_t c = 0; c < cols; ++c) in.mat().Row(2)[c] = std::numeric_limits<float>::lowest();
    Matrix out = in, expected = in;
    table.softmax(out.mat());
    smx::Softmax_f32__reference(expected.mat());
    CHECK(SameBits(out.values, expected.values));
  });
}

TEST_CASE("simd: layer norm has the reference's bits, with a residual and without") {
  Numbers numbers;
  ForAll([&](const KernelTable& table, size_t cols, Kind kind) {
    const Matrix in = numbers.Make(3, cols, 2, kind);
    const Matrix residual = numbers.Make(3, cols, 3, kind);
    const std::vector<float> scale = numbers.Vector(cols), bias = numbers.Vector(cols);
    for (const ConstMatF& added : {residual.mat(), ConstMatF{}}) {
      Matrix out = in, expected = in;
      table.add_layer_norm(out.mat(), added, scale.data(), bias.data(), 1e-12f);
      smx::AddLayerNorm_f32__reference(expected.mat(), added, scale.data(), bias.data(), 1e-12f);
      CHECK(SameBits(out.values, expected.values));
    }
  });
}

TEST_CASE("simd: channels are scaled to the reference's bits, with a bias and without") {
  Numbers numbers;
  ForAll([&](const KernelTable& table, size_t cols, Kind kind) {
    const Matrix in = numbers.Make(3, cols, 2, kind);
    const std::vector<float> scales = numbers.Vector(cols), values = numbers.Vector(cols);
    const float* const both[] = {nullptr, values.data()};
    for (const float* bias : both) {
      Matrix out = in, expected = in;
      table.scale_channels(scales.data(), bias, out.mat());
      smx::ScaleChannels_f32__reference(scales.data(), bias, expected.mat());
      CHECK(SameBits(out.values, expected.values));
    }
  });
}

TEST_CASE("simd: weighted rows are added to the reference's bits, to one row more than once, and no other changes") {
  Numbers numbers;
  const int32_t rows[] = {4, 0, 4};
  ForAll([&](const KernelTable& table, size_t cols, Kind kind) {
    const Matrix in = numbers.Make(3, cols, 2, kind);
    const std::vector<float> weights = numbers.Vector(3);
    Matrix out = numbers.Make(5, cols, 6, kind);
    Matrix expected = out;
    table.scatter_add_rows(in.mat(), rows, weights.data(), out.mat());
    smx::ScatterAddRows_f32__reference(in.mat(), rows, weights.data(), expected.mat());
    CHECK(SameBits(out.values, expected.values));
  });
}

TEST_CASE("simd: rows are quantized to the reference's bits, with input scales and without") {
  Numbers numbers;
  ForAll([&](const KernelTable& table, size_t cols, Kind kind) {
    const Matrix in = numbers.Make(3, cols, 7, kind);
    const std::vector<float> scales = numbers.Vector(cols);
    const float* const both[] = {nullptr, scales.data()};
    for (const float* input_scales : both) {
      const size_t stride = cols + 3;
      std::vector<int8_t> out(3 * stride, 77), expected(3 * stride, 77);
      RowQuantization params[3], expected_params[3];
      table.quantize_rows(in.mat(), input_scales, {out.data(), 3, cols, stride}, params);
      smx::QuantizeRows_f32_qd8__reference(in.mat(), input_scales, {expected.data(), 3, cols, stride}, expected_params);
      CHECK(out == expected);
      CHECK(std::memcmp(params, expected_params, sizeof(params)) == 0);
    }
  });
}

TEST_CASE("simd: infinities and NaN in any place quantize as the reference's do") {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  Numbers numbers;
  ForAll([&](const KernelTable& table, size_t cols, Kind kind) {
    for (const float special : {kInfinity, -kInfinity, std::numeric_limits<float>::quiet_NaN()}) {
      Matrix in = numbers.Make(cols, cols, 0, kind);
      for (size_t i = 0; i < cols; ++i) in.mat().Row(i)[i] = special;
      in.mat().Row(cols - 1)[0] = -kInfinity;
      std::vector<int8_t> out(cols * cols), expected(cols * cols);
      std::vector<RowQuantization> params(cols), expected_params(cols);
      table.quantize_rows(in.mat(), nullptr, {out.data(), cols, cols, cols}, params.data());
      smx::QuantizeRows_f32_qd8__reference(in.mat(), nullptr, {expected.data(), cols, cols, cols},
                                           expected_params.data());
      CHECK(out == expected);
      CHECK(std::memcmp(params.data(), expected_params.data(), cols * sizeof(RowQuantization)) == 0);
    }
  });
}

TEST_CASE("simd: transposition moves every value, and writes zeros behind") {
  Numbers numbers;
  ForAll([&](const KernelTable& table, size_t cols, Kind kind) {
    for (const size_t rows : {1, 3, 4, 16, 23, 37}) {
      CAPTURE(rows);
      const Matrix in = numbers.Make(rows, cols, 1, kind);
      Matrix out(cols, rows + 2, 3), expected(cols, rows + 2, 3);
      table.transpose(in.mat(), out.mat());
      smx::Transpose_f32__reference(in.mat(), expected.mat());
      CHECK(std::memcmp(out.values.data(), expected.values.data(), out.values.size() * sizeof(float)) == 0);
    }
  });
}

TEST_CASE("simd: rows and columns fold, and rows unfold, with the reference's bits, with every part and without") {
  Numbers numbers;
  ForAll([&](const KernelTable& table, size_t n, Kind kind) {
    const size_t num_even = smx::EvenLength(n), num_odd = smx::OddLength(n);
    const Matrix rows = numbers.Make(3, n, 2, kind);
    Matrix even(3, num_even, 1), even_expected = even, odd(3, num_odd, 3), odd_expected = odd;
    table.fold(rows.mat(), even.mat(), odd.mat());
    smx::Fold_f32__reference(rows.mat(), even_expected.mat(), odd_expected.mat());
    CHECK(SameBits(even.values, even_expected.values));
    CHECK(SameBits(odd.values, odd_expected.values));

    for (const size_t length : {1, 2, 5, 8}) {
      CAPTURE(length);
      const Matrix columns = numbers.Make(length, n, 2, kind);
      Matrix even_rows(smx::EvenLength(length), n, 1), even_rows_expected = even_rows;
      Matrix odd_rows(smx::OddLength(length), n, 3), odd_rows_expected = odd_rows;
      const size_t half = even_rows.rows / 2;
      table.fold_columns(columns.mat(), 0, half, even_rows.mat(), odd_rows.mat());
      table.fold_columns(columns.mat(), half, even_rows.rows - half, even_rows.mat(), odd_rows.mat());
      smx::FoldColumns_f32__reference(columns.mat(), 0, even_rows.rows, even_rows_expected.mat(),
                                      odd_rows_expected.mat());
      CHECK(SameBits(even_rows.values, even_rows_expected.values));
      CHECK(SameBits(odd_rows.values, odd_rows_expected.values));
    }

    const Matrix evens = numbers.Make(2, num_even, 0, kind), odds = numbers.Make(2, num_odd, 0, kind);
    for (unsigned parts = 0; parts < 16; ++parts) {
      CAPTURE(parts);
      smx::FoldedRow row;
      row.even = evens.mat().Row(0);
      if ((parts & 1u) != 0) row.even_too = evens.mat().Row(1);
      if ((parts & 2u) != 0) row.odd = odds.mat().Row(0);
      if ((parts & 4u) != 0) row.minus_odd = odds.mat().Row(1);
      row.sign = (parts & 8u) != 0 ? -1.0f : 1.0f;
      std::vector<float> out(n + 1, Matrix::kGap), expected = out;
      table.unfold(row, n, out.data());
      smx::Unfold_f32__reference(row, n, expected.data());
      CHECK(SameBits(out, expected));
    }
  });
}

TEST_CASE("simd: a head of attention has the reference's bits, with pads and without, for any number of queries") {
  Numbers numbers;
  ForAll([&](const KernelTable& table, size_t d_head, Kind kind) {
    for (const size_t keys : {1, 7, 16, 41}) {
      CAPTURE(keys);
      const size_t queries = (keys * 5 + 7) / 8;
      const Matrix q = numbers.Make(queries, d_head, 4, kind);
      const Matrix k = numbers.Make(keys, d_head, 4, kind);
      const Matrix v = numbers.Make(keys, d_head, 4, kind);
      std::vector<unsigned char> is_real(keys, 1);
      for (size_t i = keys * 2 / 3; i < keys; ++i) is_real[i] = 0;
      const std::vector<unsigned char> no_pads(keys, 1);
      const unsigned char* const masks[] = {nullptr, is_real.data(), no_pads.data()};
      for (const unsigned char* real : masks) {
        const auto same = [&](smx::AttentionHeadFn kernel, smx::AttentionHeadFn reference, smx::Checked floats) {
          Matrix out(queries, d_head, 4), expected(queries, d_head, 4);
          // What is read without having been written is NaN; nothing is written behind the scratch.
          const auto size = static_cast<size_t>(floats.value());
          std::vector<float> scratch(size + 1, std::numeric_limits<float>::quiet_NaN());
          scratch[size] = Matrix::kGap;
          std::vector<float> more = scratch;
          kernel(q.mat(), k.mat(), v.mat(), real, scratch.data(), out.mat());
          reference(q.mat(), k.mat(), v.mat(), real, more.data(), expected.mat());
          CHECK(scratch[size] == Matrix::kGap);
          CHECK(more[size] == Matrix::kGap);
          return SameBits(out.values, expected.values);
        };
        CHECK(same(table.attention_head, smx::AttentionHead_f32__reference, smx::AttentionScratchFloats(keys, d_head)));
        CHECK(same(table.attention_head_qs16, smx::AttentionHead_f32_qs16__reference,
                   smx::AttentionQs16ScratchFloats(keys, d_head)));
      }
    }
  });
}

TEST_CASE("simd: routers have the reference's bits, whatever the number of experts") {
  Numbers numbers;
  ForAll([&](const KernelTable& table, size_t experts, Kind kind) {
    for (const size_t rows : {1, 4, 6}) {
      const Matrix x = numbers.Make(rows, 19, 2, kind);
      const Matrix kernel = numbers.Make(19, experts, 0, Kind::kOrdinary);
      const std::vector<float> bias = numbers.Vector(experts);
      const auto same = [&](smx::RouterFn router, smx::RouterFn reference) {
        Matrix logits(rows, experts), probs(rows, experts), expected_logits(rows, experts),
            expected_probs(rows, experts);
        router(x.mat(), kernel.values.data(), bias.data(), logits.mat(), probs.mat());
        reference(x.mat(), kernel.values.data(), bias.data(), expected_logits.mat(), expected_probs.mat());
        return SameBits(logits.values, expected_logits.values) && SameBits(probs.values, expected_probs.values);
      };
      CHECK(same(table.router_f32, smx::Router_f32__reference));
      CHECK(same(table.router_bf16, smx::Router_bf16__reference));
    }
  });
}
