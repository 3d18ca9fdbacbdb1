#ifndef SMX_TESTS_SUPPORT_CHANGED_MODEL_H_
#define SMX_TESTS_SUPPORT_CHANGED_MODEL_H_

#include <doctest/doctest.h>

#include <string>

#include "model_writer.h"
#include "support/model_bytes.h"
#include "support/models.h"

namespace smx::tests {

/// What goes into the file of the golden case `name`.
inline tools::ModelContent ContentOf(const std::string& name) {
  return ReadModelFolder(GoldenFolder(name), "params.safetensors");
}

/// A parameter by its name; fails the test when there is none.
inline tools::Parameter* ParameterOf(tools::ModelContent* content, const std::string& name) {
  for (tools::Parameter& parameter : content->checkpoint.parameters) {
    if (parameter.name == name) return &parameter;
  }
  FAIL("no parameter " << name);
  return nullptr;
}

/// The golden case `name` after `change` to what goes into its file.
template <typename Change>
ModelBytes Changed(const std::string& name, Change change) {
  tools::ModelContent content = ContentOf(name);
  change(&content);
  return ModelBytes(SerializeModel(content, tools::WeightsType::kInt8));
}

template <typename Change>
Loaded LoadChanged(const std::string& name, Change change) {
  return Changed(name, change).Load();
}

inline bool Holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// Loading ended so, and the log has the word.
inline void CheckLoads(const Loaded& loaded, Status status, const std::string& word) {
  CAPTURE(loaded.log);
  CAPTURE(word);
  CHECK(loaded.status == status);
  CHECK(Holds(loaded.log, word));
}

}  // namespace smx::tests

#endif  // SMX_TESTS_SUPPORT_CHANGED_MODEL_H_
