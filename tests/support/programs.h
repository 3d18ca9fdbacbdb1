#ifndef SMX_TESTS_SUPPORT_PROGRAMS_H_
#define SMX_TESTS_SUPPORT_PROGRAMS_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "safetensors.h"
#include "support/process.h"

namespace smx::tests {

/// The shipped model as smx-quantize makes it without flags; made once per process.
const std::string& ShippedModel();

/// The golden case `name` in float32 with `flags`, made anew in `folder`; returns its path.
std::string GoldenModel(const TemporaryFolder& folder, const std::string& name,
                        const std::vector<std::string>& flags = {});

/// The model of a golden case's folder, or of the shipped model's, with `keys` in its config.json; made anew in
/// `folder` without a word on stderr. Returns its path.
std::string ModelWithKeys(const TemporaryFolder& folder, const std::string& source, const nlohmann::json& keys);

struct Row {
  std::string text, label;
};

/// Every so many texts of the shipped model's test set, which is sorted by class and has 40 of each.
std::vector<Row> ShippedRows(size_t every);

/// What smx evaluate reads, columns text and label.
std::string Tsv(const std::vector<Row>& rows);

ProcessResult RunSmx(const std::vector<std::string>& arguments, const std::string& input = "");
ProcessResult RunQuantize(const std::vector<std::string>& arguments);

/// Stdout of a run of smx that must succeed.
std::string SmxOut(const std::vector<std::string>& arguments, const std::string& input = "");

/// The same, split into its lines, each of which must end with a line feed.
std::vector<std::string> SmxLines(const std::vector<std::string>& arguments, const std::string& input = "");

/// The same as JSON, one object for the whole stdout.
nlohmann::json SmxJson(const std::vector<std::string>& arguments, const std::string& input = "");

/// The same, one object per line.
std::vector<nlohmann::json> SmxJsonLines(const std::vector<std::string>& arguments, const std::string& input = "");

/// Lines without their line feeds; a last line need not have one.
std::vector<std::string> SplitLines(const std::string& text);
std::vector<std::string> Split(const std::string& text, char at);

bool Holds(const std::string& text, const std::string& part);

/// Checks that a run failed with `exit_code`, wrote nothing to stdout, and that stderr holds every one of `words`.
void CheckRefused(const ProcessResult& result, int exit_code, const std::vector<std::string>& words);

/// The config.json of a golden case or of the shipped model.
nlohmann::json ReadConfig(const std::string& folder);

/// A safetensors file of `arrays`; returns its path.
std::string WriteArrays(const TemporaryFolder& folder, const std::string& name, const tools::ArrayMap& arrays);

}  // namespace smx::tests

#endif  // SMX_TESTS_SUPPORT_PROGRAMS_H_
