#ifndef SMX_TOOLS_LIB_FORMATS_MSGPACK_H_
#define SMX_TOOLS_LIB_FORMATS_MSGPACK_H_

#include <cstdint>
#include <string>

#include "input_file.h"

namespace smx::tools {

enum class MsgpackKind { kNil, kBool, kInteger, kFloat, kText, kBinary, kArray, kMap, kExtension };

/// "an array", "a map" and the like.
const char* NameOf(MsgpackKind kind);

/// What stands before the content of a value.
struct MsgpackHead {
  MsgpackKind kind = MsgpackKind::kNil;
  uint64_t offset = 0;  // where it begins
  uint64_t size = 0;    // bytes of a text, of binary data, of an extension; elements of an array; pairs of a map
  int64_t integer = 0;  // kInteger; what is beyond int64_t becomes its largest value
  int extension = 0;    // kExtension: its type
};

/// Pulls the values of a MessagePack file out of it, one head after the other: nothing is built in memory, nothing
/// calls itself, and content that is skipped is not read. Hostile input: a size beyond the end of the file is refused
/// where it is announced. Errors are kBadInput and name file, offset, key and rule.
///
/// A parser that builds the whole document, as the JSON library's own for MessagePack, would hold the optimizer's state
/// too, three times the parameters, and follows nested values down the stack.
class MsgpackReader {
 public:
  explicit MsgpackReader(const InputFile& file) : file_(file) {}

  /// Of the next value, whose content follows: a text's, binary data's and an extension's bytes are to be read or
  /// skipped, the elements of an array or a map are the next values.
  MsgpackHead Next();

  /// The same, of a value that must be of this kind.
  MsgpackHead Expect(MsgpackKind kind);

  /// The bytes of a text or of binary data whose head was just read, at most `most` of them.
  std::string Text(const MsgpackHead& head, uint64_t most);

  void SkipBytes(uint64_t count) { position_ += count; }

  /// The whole next value, however deep.
  void SkipValue();

  uint64_t position() const { return position_; }

  /// Which key of the file is being read, for messages.
  void SetKey(const std::string& key) { key_ = key; }

  [[noreturn]] void Fail(uint64_t offset, const std::string& rule) const;

 private:
  uint64_t left() const { return file_.size() - position_; }
  uint64_t Unsigned(size_t num_bytes);
  void ReadSized(MsgpackHead* head, uint8_t tag);

  const InputFile& file_;
  std::string key_;
  uint64_t position_ = 0;
  // A window of the file, so that small values take no system call each.
  static constexpr size_t kWindowBytes = 1 << 14;
  uint8_t window_[kWindowBytes];
  uint64_t window_begin_ = 0;
  size_t window_bytes_ = 0;
};

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_FORMATS_MSGPACK_H_
