#include <doctest/doctest.h>
// doctest first: base/check.h leaves its CHECK alone.
#include "adapters/memory_state/memory_state_store.h"
#include "ports/state_store_contract.h"

TEST_CASE("the store in memory keeps the contract of a StateStore") {
  barrio::ports::check_state_store(
      [](barrio::ports::Runtime& runtime) { return std::make_unique<barrio::adapters::MemoryStateStore>(runtime); });
}
