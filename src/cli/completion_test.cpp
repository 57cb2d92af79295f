#include <doctest/doctest.h>
#include <unistd.h>

#include "cli/actions.h"
#include "cli/context.h"
#include "cli/files.h"

namespace barrio::cli::completion_test {

TEST_CASE("a shell is given plain names alone, whatever stands where they come from") {
  char pattern[] = "/tmp/barrio-names-XXXXXX";
  const std::string home = mkdtemp(pattern);
  Contexts contexts;
  for (const char* name : {"acme-1", "$(touch pwned)", "a`b`", "two words", "x.y_z"})
    contexts.put({name, "http://127.0.0.1:1", "client", "secret", ""});
  REQUIRE(save_contexts(home, contexts));
  Session session{.global = {}, .home = home, .http = {}};
  CHECK(known_names(session, {.kind = "context"}) == "acme-1\nx.y_z\n");
  REQUIRE(remove_folder(home));
}

}  // namespace barrio::cli::completion_test
