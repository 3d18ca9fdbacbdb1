#include "parse_json.h"

#include <unordered_set>
#include <vector>

#include "error.h"

namespace smx::tools {
namespace {

using nlohmann::json;

constexpr int kMaxDepth = 64;

/// Goes through a text before a value is made of it, and refuses depth, and keys that one object has twice. The
/// parser's own callback would do, but it looks at all values of an object again after each one.
class Guard : public json::json_sax_t {
 public:
  Guard(const std::string& place, RepeatedKeys repeated_keys)
      : place_(place), counts_keys_(repeated_keys == RepeatedKeys::kRefused) {}

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }

  bool start_object(size_t) override {
    if (counts_keys_) keys_.emplace_back();
    return Enter();
  }
  bool key(string_t& key) override {
    if (counts_keys_ && !keys_.back().insert(key).second) Fail("\"" + key + "\" occurs twice");
    return true;
  }
  bool end_object() override {
    if (counts_keys_) keys_.pop_back();
    return Leave();
  }
  bool start_array(size_t) override { return Enter(); }
  bool end_array() override { return Leave(); }

  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception& error) override {
    Fail(std::string("not JSON: ") + error.what());
  }

 private:
  bool Enter() {
    if (++depth_ > kMaxDepth) Fail("nested more than " + std::to_string(kMaxDepth) + " deep");
    return true;
  }
  bool Leave() {
    --depth_;
    return true;
  }
  [[noreturn]] void Fail(const std::string& what) const { throw Error(ExitCode::kBadInput, place_ + ": " + what); }

  const std::string& place_;
  const bool counts_keys_;
  int depth_ = 0;
  std::vector<std::unordered_set<std::string>> keys_;  // of the objects that are open
};

}  // namespace

json ParseJson(const std::string& place, const uint8_t* text, size_t size, RepeatedKeys repeated_keys) {
  Guard guard(place, repeated_keys);
  json::sax_parse(text, text + size, &guard);
  return json::parse(text, text + size);
}

std::string ShortText(const json& value) {
  constexpr size_t kMaxBytes = 80;
  std::string text = value.dump();
  if (text.size() <= kMaxBytes) return text;
  size_t end = kMaxBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;  // not inside of a code point
  return text.substr(0, end) + "...";
}

}  // namespace smx::tools
