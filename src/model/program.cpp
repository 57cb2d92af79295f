#include "model/program.h"

namespace barrio {

std::vector<std::string> ProgramSpec::words() const {
  std::vector<std::string> all = command.empty() ? std::vector<std::string>{"./program"} : command;
  all.insert(all.end(), arguments.begin(), arguments.end());
  return all;
}

BARRIO_JSON_HERE(ProgramSpec)

}  // namespace barrio
