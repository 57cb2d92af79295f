#include "cli/run.h"

int main(int argc, char** argv) {
  return barrio::cli::run(argc, argv);
}
