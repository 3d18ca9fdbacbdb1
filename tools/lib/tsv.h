#ifndef SMX_TOOLS_LIB_TSV_H_
#define SMX_TOOLS_LIB_TSV_H_

#include <string>
#include <vector>

namespace smx::tools {

/// Names of the columns that a data.tsv is read by; an empty text_pair or label means none.
struct TsvColumns {
  std::string text = "text";
  std::string text_pair;
  std::string label = "label";
};

struct LabelledText {
  std::string text;
  std::string text_pair;
  std::string label;
  size_t line;  // of the file, from 1
};

/// Reads UTF-8 with a header line, columns split by one tab, no quoting. Error(kBadInput) naming file, line, value and
/// rule for an empty file, a missing column (lists those there are), a line with another number of columns.
std::vector<LabelledText> ReadTsv(const std::string& path, const TsvColumns& columns);

/// Texts without labels: of a data.tsv, when the name ends in .tsv, else each line of a UTF-8 file is one.
/// Error(kBadInput) as above.
std::vector<LabelledText> ReadTexts(const std::string& path, const TsvColumns& columns);

/// The class that `label` names among `labels`, or the class number that it is; Error(kBadInput) naming `place`.
size_t ClassOf(const std::string& label, const std::vector<std::string>& labels, size_t num_classes,
               const std::string& place);

/// What splits the labels of a text that has several.
inline constexpr char kLabelSeparator = '|';

/// The same of a cell with any number of labels, such as "news|sports"; an empty one has none. True for the classes
/// that it names. Error(kBadInput) for a label that is there twice, too.
std::vector<bool> ClassesOf(const std::string& cell, const std::vector<std::string>& labels, const std::string& place);

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_TSV_H_
