// Writes the seeds of every target into a folder each: write_seeds FOLDER

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "fuzz/targets.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  for (const smx::fuzz::Target& target : smx::fuzz::Targets()) {
    const std::filesystem::path folder = std::filesystem::path(argv[1]) / target.name;
    std::filesystem::create_directories(folder);
    size_t number = 0;
    for (const std::vector<uint8_t>& seed : smx::fuzz::SeedsOf(target.name)) {
      std::ofstream file(folder / ("seed_" + std::to_string(number++)), std::ios::binary);
      file.write(reinterpret_cast<const char*>(seed.data()), static_cast<std::streamsize>(seed.size()));
      if (!file.flush()) {
        std::fprintf(stderr, "write_seeds: cannot write below %s\n", folder.c_str());
        return 5;
      }
    }
  }
}
