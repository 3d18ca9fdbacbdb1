// Model files of mixings whose matrices are not in them.

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "support/changed_model.h"

using smx::Status;
using smx::tests::CheckLoads;
using smx::tests::LoadChanged;
using smx::tests::ParameterOf;
using smx::tools::ModelContent;

namespace schema = smx::schema;

TEST_CASE(
    "model file: a Toeplitz kernel is a vector of one row and 2n - 1 columns with one scale, a circulant one, too") {
  for (const std::string name : {"toeplitz", "circulant"}) {
    const std::string golden = name == "toeplitz" ? "t_net" : "c_net";
    const std::string hidden = "encoder/" + name + "_transform_1/hidden_kernel";
    const auto refused = [&](const std::vector<uint32_t>& shape) {
      CheckLoads(LoadChanged(golden,
                             [&](ModelContent* c) {
                               ParameterOf(c, hidden)->shape = shape;
                               ParameterOf(c, hidden)->values.assign(size_t{shape[0]} * shape.back(), 0.5f);
                               if (shape.size() < 2) ParameterOf(c, hidden)->channel_axis = -1;
                             }),
                 Status::kInvalidModel, hidden);
    };
    for (const std::vector<uint32_t>& shape : {std::vector<uint32_t>{1, 62}, {1, 64}, {63, 1}, {63}, {32}, {32, 32}}) {
      CAPTURE(shape.size());
      refused(shape);
    }
    CheckLoads(LoadChanged(golden, [&](ModelContent* c) { ParameterOf(c, hidden)->channel_axis = 1; }),
               Status::kInvalidModel, "channel_axis 1");
  }
}

TEST_CASE("model file: a mixing whose matrix is not in the file has a limit, or a small file could ask for gigabytes") {
  for (const auto mixing : {schema::MixingKind_FOURIER, schema::MixingKind_HARTLEY, schema::MixingKind_CIRCULANT,
                            schema::MixingKind_TOEPLITZ}) {
    CAPTURE(std::string(schema::EnumNameMixingKind(mixing)));
    const auto load = [&](uint32_t max_seq_len) {
      return LoadChanged("t_net", [&](ModelContent* c) {
        c->config.max_seq_len = max_seq_len;
        for (smx::tools::LayerKinds& layer : c->config.layers) layer.mixing = mixing;
      });
    };
    CheckLoads(load(8193), Status::kInvalidModel,
               std::string("config: max_seq_len 8193 with mixing ") + schema::EnumNameMixingKind(mixing));
    CheckLoads(load(8192), Status::kInvalidModel, "tensor");  // that of its positions, as it is not longer
  }
}
