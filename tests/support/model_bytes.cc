#include "support/model_bytes.h"

#include "smx/sha256.h"

namespace smx::tests {

const schema::Tensor& ModelBytes::tensor(const std::string& name) const {
  const schema::Tensor* found = nullptr;
  for (const schema::Tensor* tensor : *model().tensors()) {
    if (tensor->name()->str() == name) found = tensor;
  }
  REQUIRE_MESSAGE(found != nullptr, name);
  return *found;
}

void ModelBytes::Rehash() const {
  Sha256 hash;
  hash.Update({metadata(), static_cast<size_t>(header()->metadata_bytes)});
  hash.Finish(header()->metadata_sha256);
}

Loaded ModelBytes::LoadFirst(size_t size, VerifyWeights verify) const {
  Loaded loaded = {Status::kOk, ""};
  const Log log = {[](void* text, const char* message) { *static_cast<std::string*>(text) += message; }, &loaded.log};
  loaded.status = Model::FromMemory({bytes_.data(), size}, {verify, log}).status();
  return loaded;
}

}  // namespace smx::tests
