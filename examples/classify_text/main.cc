#include <cstdio>
#include <vector>

#include "smx/classifier.h"

int main(int argc, char** argv) {
  auto model = smx::Model::Load(argc > 1 ? argv[1] : "model.smx");
  if (!model.ok()) return std::fprintf(stderr, "model: %s\n", smx::StatusName(model.status())), 3;
  auto arena_bytes = smx::Classifier::ArenaBytes(model.value());
  if (!arena_bytes.ok()) return std::fprintf(stderr, "arena: %s\n", smx::StatusName(arena_bytes.status())), 4;
  std::vector<uint8_t> arena(arena_bytes.value());
  auto classifier = smx::Classifier::Create(model.value(), {}, arena);
  if (!classifier.ok()) return std::fprintf(stderr, "classifier: %s\n", smx::StatusName(classifier.status())), 4;
  smx::Prediction prediction;
  if (classifier->Classify(argc > 2 ? argv[2] : "Where is my new card?", &prediction) != smx::Status::kOk) return 4;
  std::printf("%s %.2f\n", prediction.label, static_cast<double>(prediction.probability));
}
