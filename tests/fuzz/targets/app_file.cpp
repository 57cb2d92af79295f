// The app file.

#include "model/app.h"
#include "model_file.h"
#include "target.h"

namespace barrio::fuzz {

void run_target(std::string_view input) {
  read_model_file<AppSpec>(input);
}

}  // namespace barrio::fuzz
