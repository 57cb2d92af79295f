// The network file.

#include "model/network.h"
#include "model_file.h"
#include "target.h"

namespace barrio::fuzz {

void run_target(std::string_view input) {
  read_model_file<Network>(input);
}

}  // namespace barrio::fuzz
