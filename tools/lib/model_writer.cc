#include "model_writer.h"

#include <algorithm>
#include <cstring>

#include "error.h"
#include "file_format.h"
#include "quantize.h"
#include "smx/sha256.h"
#include "version.h"

namespace smx::tools {
namespace {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;

/// Where a parameter lies in its segment.
struct PlacedTensor {
  const Parameter* parameter;
  schema::TensorType type;
  uint64_t offset;
  uint64_t scale_offset;
};

struct Weights {
  std::vector<PlacedTensor> tensors;
  std::vector<std::vector<uint8_t>> segments;
};

/// Zeros up to a multiple of the tensors' alignment, then the bytes; returns where they begin.
template <typename T>
uint64_t Append(const std::vector<T>& values, std::vector<uint8_t>* segment) {
  constexpr size_t kAlignment = schema::kTensorAlignment;
  const size_t offset = (segment->size() + kAlignment - 1) / kAlignment * kAlignment;
  segment->resize(offset + values.size() * sizeof(T));
  if (!values.empty()) std::memcpy(segment->data() + offset, values.data(), values.size() * sizeof(T));
  return offset;
}

QuantizedParameter Quantize(const Parameter& parameter, const std::vector<InputScales>& input_scales) {
  for (const InputScales& each : input_scales) {
    const bool is_scaled = std::find(each.kernels.begin(), each.kernels.end(), parameter.name) != each.kernels.end();
    if (is_scaled) return QuantizeQc8w(DivideRows(parameter, each.scales));
  }
  return QuantizeQc8w(parameter);
}

Weights PlaceWeights(const ModelContent& content, WeightsType type) {
  Weights weights;
  weights.segments.resize(content.checkpoint.num_segments);
  std::vector<const Parameter*> parameters;
  for (const Parameter& parameter : content.checkpoint.parameters) parameters.push_back(&parameter);
  if (type == WeightsType::kInt8) {
    for (const InputScales& each : content.input_scales) parameters.push_back(&each.scales);
  }
  for (const Parameter* parameter : parameters) {
    std::vector<uint8_t>& segment = weights.segments[parameter->segment];
    PlacedTensor tensor = {parameter, schema::TensorType_F32, 0, 0};
    if (type == WeightsType::kInt8 && parameter->channel_axis >= 0) {
      const QuantizedParameter quantized = Quantize(*parameter, content.input_scales);
      tensor.type = schema::TensorType_QC8W;
      tensor.offset = Append(quantized.values, &segment);
      tensor.scale_offset = Append(quantized.scales, &segment);
    } else {
      tensor.offset = Append(parameter->values, &segment);
    }
    weights.tensors.push_back(tensor);
  }
  std::sort(weights.tensors.begin(), weights.tensors.end(),
            [](const PlacedTensor& a, const PlacedTensor& b) { return a.parameter->name < b.parameter->name; });
  return weights;
}

schema::Sha256 HashOf(const std::vector<uint8_t>& bytes) {
  Sha256 hash;
  hash.Update({bytes.data(), bytes.size()});
  uint8_t digest[32];
  hash.Finish(digest);
  return schema::Sha256(flatbuffers::span<const uint8_t, 32>(digest));
}

/// The segments' places when the first may begin at `begin`.
std::vector<schema::Segment> PlaceSegments(const Weights& weights, uint32_t first_expert_segment, uint64_t begin) {
  std::vector<schema::Segment> segments;
  for (size_t i = 0; i < weights.segments.size(); ++i) {
    const uint64_t alignment = i < first_expert_segment ? schema::kSegmentAlignment : schema::kExpertAlignment;
    const uint64_t offset = (begin + alignment - 1) / alignment * alignment;
    const uint64_t bytes = weights.segments[i].size();
    segments.emplace_back(offset, bytes, static_cast<uint32_t>(alignment), 0, HashOf(weights.segments[i]));
    begin = offset + bytes;
  }
  return segments;
}

Offset<schema::Config> WriteConfig(FlatBufferBuilder* builder, const ModelConfig& c) {
  std::vector<Offset<schema::Layer>> layers;
  for (const LayerKinds& layer : c.layers) {
    layers.push_back(schema::CreateLayer(*builder, layer.mixing, layer.feed_forward));
  }
  const auto layers_offset = builder->CreateVector(layers);
  Offset<schema::Experts> experts;
  if (c.experts) {
    schema::ExpertsBuilder e(*builder);
    e.add_routing(c.experts->routing);
    e.add_num_experts(c.experts->num_experts);
    e.add_expert_d_ff(c.experts->expert_d_ff);
    e.add_capacity_factor(c.experts->capacity_factor);
    e.add_min_expert_capacity(c.experts->min_expert_capacity);
    e.add_max_group_size(c.experts->max_group_size);
    e.add_num_selected_experts(c.experts->num_selected_experts);
    e.add_batch_prioritized_routing(c.experts->batch_prioritized_routing);
    e.add_router_type(c.router_type);
    e.add_reference_group_order(c.reference_group_order);
    experts = e.Finish();
  }
  schema::ConfigBuilder config(*builder);
  config.add_vocab_size(c.vocab_size);
  config.add_type_vocab_size(c.type_vocab_size);
  config.add_max_seq_len(c.max_seq_len);
  config.add_d_emb(c.d_emb);
  config.add_d_model(c.d_model);
  config.add_d_ff(c.d_ff);
  config.add_num_heads(c.num_heads);
  config.add_pad_id(c.pad_id);
  config.add_padding(c.padding);
  config.add_routing_group(c.routing_group);
  config.add_layers(layers_offset);
  if (c.experts) config.add_experts(experts);
  config.add_task(c.task);
  config.add_num_classes(c.num_classes);
  config.add_temperature(c.temperature);
  config.add_activation(c.activation);
  config.add_layer_norm_epsilon(static_cast<float>(c.layer_norm_epsilon));
  config.add_has_pooler(c.has_pooler);
  config.add_has_hidden_mapping(c.has_hidden_mapping);
  return config.Finish();
}

Offset<schema::ModelCard> WriteCard(FlatBufferBuilder* builder, const ModelContent& content) {
  const ModelCardConfig& card = content.config.card;
  const schema::Sha256 source(flatbuffers::span<const uint8_t, 32>(content.source_sha256.data(), 32));
  return schema::CreateModelCard(*builder, builder->CreateString(card.name), builder->CreateString(card.licence),
                                 builder->CreateString(card.language), builder->CreateString(card.training_data),
                                 builder->CreateString(card.accuracy), builder->CreateString(card.description),
                                 builder->CreateString("smx-quantize " SMX_VERSION), &source);
}

Offset<schema::Tensor> WriteTensor(FlatBufferBuilder* builder, const PlacedTensor& tensor) {
  const Parameter& parameter = *tensor.parameter;
  const auto axis = static_cast<uint8_t>(tensor.type == schema::TensorType_F32 ? 0 : parameter.channel_axis);
  return schema::CreateTensor(*builder, builder->CreateString(parameter.name), tensor.type,
                              builder->CreateVector(parameter.shape), parameter.segment, tensor.offset,
                              tensor.scale_offset, axis);
}

std::vector<uint8_t> SerializeMetadata(const ModelContent& content, const Weights& weights,
                                       const std::vector<schema::Segment>& segments) {
  FlatBufferBuilder builder;
  std::vector<Offset<schema::Tensor>> tensors;
  for (const PlacedTensor& tensor : weights.tensors) tensors.push_back(WriteTensor(&builder, tensor));
  const auto tensors_offset = builder.CreateVector(tensors);
  const auto segments_offset = builder.CreateVectorOfStructs(segments);
  const auto config = WriteConfig(&builder, content.config);
  const auto labels = builder.CreateVectorOfStrings(content.config.labels);
  Offset<schema::Tokenizer> tokenizer;
  if (content.tokenizer) tokenizer = WriteTokenizer(builder, *content.tokenizer);
  const auto card = WriteCard(&builder, content);
  schema::ModelBuilder model(builder);
  model.add_config(config);
  model.add_segments(segments_offset);
  model.add_tensors(tensors_offset);
  if (!content.config.labels.empty()) model.add_labels(labels);
  if (content.tokenizer) model.add_tokenizer(tokenizer);
  model.add_card(card);
  builder.Finish(model.Finish(), schema::ModelIdentifier());
  return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
}

}  // namespace

std::vector<uint8_t> SerializeModel(const ModelContent& content, WeightsType type) {
  const Weights weights = PlaceWeights(content, type);
  const auto place = [&](uint64_t metadata_bytes) {
    return PlaceSegments(weights, content.checkpoint.first_expert_segment, sizeof(schema::FileHeader) + metadata_bytes);
  };
  // Offsets are of fixed size in the metadata, so its length does not depend on them.
  const uint64_t metadata_bytes = SerializeMetadata(content, weights, place(0)).size();
  const std::vector<schema::Segment> segments = place(metadata_bytes);
  const std::vector<uint8_t> metadata = SerializeMetadata(content, weights, segments);
  if (metadata.size() > schema::kMaxMetadataBytes) {
    throw Error(ExitCode::kBadInput, "metadata (tokenizer, labels, card): " + std::to_string(metadata.size()) +
                                         " bytes, a model file has at most " +
                                         std::to_string(schema::kMaxMetadataBytes));
  }

  std::vector<uint8_t> file(static_cast<size_t>(segments.back().offset() + segments.back().bytes()));
  schema::FileHeader header = {};
  std::memcpy(header.magic, schema::kMagic, sizeof(header.magic));
  header.format_major = schema::kFormatMajor;
  header.format_minor = schema::kFormatMinor;
  header.header_bytes = sizeof(header);
  header.file_bytes = file.size();
  header.metadata_bytes = metadata.size();
  Sha256 hash;
  hash.Update({metadata.data(), metadata.size()});
  hash.Finish(header.metadata_sha256);
  std::memcpy(file.data(), &header, sizeof(header));
  std::memcpy(file.data() + sizeof(header), metadata.data(), metadata.size());
  for (size_t i = 0; i < segments.size(); ++i) {
    std::copy(weights.segments[i].begin(), weights.segments[i].end(),
              file.begin() + static_cast<std::ptrdiff_t>(segments[i].offset()));
  }
  return file;
}

}  // namespace smx::tools
