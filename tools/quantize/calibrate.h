#ifndef SMX_TOOLS_QUANTIZE_CALIBRATE_H_
#define SMX_TOOLS_QUANTIZE_CALIBRATE_H_

#include <string>
#include <vector>

#include "model_writer.h"
#include "tsv.h"

namespace smx::tools {

/// Input scales for the int8 form of `content`, which has a tokenizer. Rows are quantized with one scale each, so a few
/// channels that are much larger than the others cost the others their precision. Here a part of their size moves into
/// the kernel, whose scales are per output:
///
///   s_j   = (rms of input channel j)^a / (rms of row j of the kernels)^(1 - a)
///   scale = median of all s / s_j, within 1/64 .. 64
///
/// for attention's query, key and value and for a dense feed-forward stage's first product, where they read a layer
/// norm's output, with a = 0.5, and for the stage's second product, which reads a gelu's output, with a = 0.3. The
/// inputs are those of the float32 model over all tokens of `texts`. The same texts give the same scales.
/// Error(kUnsupported) for a model without such a product, or one that cannot read single texts; Error(kBadInput) where
/// the model computes numbers that are not finite. `texts_name` is for messages.
///
/// Source: SmoothQuant, arXiv:2211.10438, with root mean squares instead of maxima.
std::vector<InputScales> CalibrateInputScales(const ModelContent& content, const std::vector<LabelledText>& texts,
                                              const std::string& texts_name);

}  // namespace smx::tools

#endif  // SMX_TOOLS_QUANTIZE_CALIBRATE_H_
