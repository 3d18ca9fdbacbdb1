#ifndef SMX_TOOLS_LIB_JSON_READER_H_
#define SMX_TOOLS_LIB_JSON_READER_H_

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "parse_json.h"

namespace smx::tools {

/// Reads keys of one JSON object, which it does not own, and remembers which were asked for. A key whose value is null
/// is not there. Error(kBadInput) naming `where`, key, value and rule for what is missing or not as it must be.
class JsonReader {
 public:
  JsonReader(std::string where, const nlohmann::json& object);

  bool Has(const char* key);
  const nlohmann::json& Required(const char* key);

  uint32_t Count(const char* key, uint32_t least = 1);
  uint32_t CountOr(const char* key, uint32_t otherwise) { return Has(key) ? Count(key, 0) : otherwise; }
  double Number(const char* key);
  double NumberOr(const char* key, double otherwise) { return Has(key) ? Number(key) : otherwise; }
  bool BoolOr(const char* key, bool otherwise);
  std::string Text(const char* key);
  std::string TextOr(const char* key, const std::string& otherwise) { return Has(key) ? Text(key) : otherwise; }

  void Ignore(const char* key) { known_.insert(key); }
  /// Keys of the object that nobody asked for.
  std::vector<std::string> UnknownKeys() const;

  [[noreturn]] void Fail(const char* key, const std::string& rule) const;
  /// Error(kUnsupported)
  [[noreturn]] void NotBuilt(const char* key, const std::string& value) const;

  const std::string& where() const { return where_; }

 private:
  const std::string where_;
  const nlohmann::json& object_;
  std::set<std::string> known_;
};

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_JSON_READER_H_
