#ifndef SMX_TESTS_SUPPORT_TINY_MODELS_H_
#define SMX_TESTS_SUPPORT_TINY_MODELS_H_

#include "model_writer.h"

namespace smx::tests {

/// Models of a few kB, so small that a test can go through every bit of their metadata. Weights look random and are the
/// same everywhere.

/// Two layers, linear mixing, dense; masked padding, labels, and a WordPiece tokenizer whose normalization knows ASCII.
tools::ModelContent TinyLinear();

/// TinyLinear with a head of masked tokens instead of pooler and classes.
tools::ModelContent TinyMasked();

/// TinyLinear with a head of token labels: O, B-X and I-X.
tools::ModelContent TinyTokenLabels();

/// Three layers, linear mixing and attention, dense and two experts; the reference's padding, no tokenizer, no labels.
/// Where it is written as int8, inputs have scales.
tools::ModelContent TinyExperts();

/// Four layers: circulant, Toeplitz, Fourier and Hartley mixing; the reference's padding, no tokenizer.
tools::ModelContent TinyTransforms();

/// Twelve pieces and a normalization of two blocks, instead of the hundred kB of a real one.
tools::CompiledTokenizer TinyTokenizer();

}  // namespace smx::tests

#endif  // SMX_TESTS_SUPPORT_TINY_MODELS_H_
