#include <cstdio>
#include <vector>

#include "smx/classifier.h"

int main(int, char** argv) {
  auto model = smx::Model::Load(argv[1]);
  if (!model.ok()) return 3;
  auto arena_bytes = smx::Classifier::ArenaBytes(model.value());
  if (!arena_bytes.ok()) return 4;
  std::vector<uint8_t> arena(arena_bytes.value());
  auto classifier = smx::Classifier::Create(model.value(), {}, arena);
  if (!classifier.ok()) return 4;
  smx::Prediction prediction;
  if (classifier->Classify("Where is my new card?", &prediction) != smx::Status::kOk) return 4;
  std::printf("%s %.2f\n", prediction.label, static_cast<double>(prediction.probability));
}
