#ifndef SMX_TOOLS_LIB_INPUT_FILE_H_
#define SMX_TOOLS_LIB_INPUT_FILE_H_

#include <cstdint>
#include <string>
#include <vector>

namespace smx::tools {

/// A file that is read in pieces, so that what nobody asks for takes neither time nor memory. What has no places to
/// read from, a pipe or "-" for stdin, is read whole.
class InputFile {
 public:
  /// Error(kBadInput) naming path and reason.
  explicit InputFile(const std::string& path);
  /// Bytes in memory; `path` is for messages.
  InputFile(const std::string& path, std::vector<uint8_t> bytes);
  InputFile(InputFile&& other) noexcept;
  InputFile& operator=(InputFile&&) = delete;
  ~InputFile();

  const std::string& path() const { return path_; }
  uint64_t size() const { return size_; }

  /// Bytes offset .. offset + count - 1 into `out`; the caller keeps them inside of the file. Error(kBadInput) when the
  /// file has become shorter in the meantime, or cannot be read.
  void Read(uint64_t offset, size_t count, uint8_t* out) const;

 private:
  std::string path_;
  int fd_ = -1;  // or the bytes are here
  std::vector<uint8_t> bytes_;
  uint64_t size_ = 0;
};

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_INPUT_FILE_H_
