#include "json_reader.h"

#include "error.h"

namespace smx::tools {

using nlohmann::json;

JsonReader::JsonReader(std::string where, const json& object) : where_(std::move(where)), object_(object) {
  if (!object.is_object()) throw Error(ExitCode::kBadInput, where_ + ": must be a JSON object");
}

bool JsonReader::Has(const char* key) {
  known_.insert(key);
  return object_.contains(key) && !object_[key].is_null();
}

const json& JsonReader::Required(const char* key) {
  if (!Has(key)) throw Error(ExitCode::kBadInput, where_ + ": key " + key + " is missing");
  return object_[key];
}

uint32_t JsonReader::Count(const char* key, uint32_t least) {
  const json& value = Required(key);
  const bool is_negative = value.is_number_integer() && !value.is_number_unsigned() && value.get<int64_t>() < 0;
  if (value.is_number_integer() && !is_negative && value.get<uint64_t>() >= least &&
      value.get<uint64_t>() < UINT32_MAX) {
    return value.get<uint32_t>();
  }
  Fail(key, "must be a whole number of at least " + std::to_string(least));
}

double JsonReader::Number(const char* key) {
  const json& value = Required(key);
  if (!value.is_number()) Fail(key, "must be a number");
  return value.get<double>();
}

bool JsonReader::BoolOr(const char* key, bool otherwise) {
  if (!Has(key)) return otherwise;
  if (!object_[key].is_boolean()) Fail(key, "must be true or false");
  return object_[key].get<bool>();
}

std::string JsonReader::Text(const char* key) {
  const json& value = Required(key);
  if (!value.is_string()) Fail(key, "must be a text");
  return value.get<std::string>();
}

std::vector<std::string> JsonReader::UnknownKeys() const {
  std::vector<std::string> unknown;
  for (const auto& item : object_.items()) {
    if (known_.count(item.key()) == 0) unknown.push_back(item.key());
  }
  return unknown;
}

void JsonReader::Fail(const char* key, const std::string& rule) const {
  const std::string value = object_.contains(key) ? ShortText(object_[key]) : "missing";
  throw Error(ExitCode::kBadInput, where_ + ": " + key + " is " + value + ", " + rule);
}

void JsonReader::NotBuilt(const char* key, const std::string& value) const {
  throw Error(ExitCode::kUnsupported, where_ + ": " + key + " " + value + " is not built in this version");
}

}  // namespace smx::tools
