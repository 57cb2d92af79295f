#include "gateway/outgoing.h"

#include <doctest/doctest.h>

#include <array>

namespace barrio::gateway::outgoing_test {

namespace {

struct Written {
  OutgoingHead head;
  std::string value(std::string_view name) const {
    return std::string(net::find_header(head.headers(), name).value_or("none"));
  }
};

}  // namespace

TEST_CASE("a secret goes to another gateway only where there is one, and never to a replica") {
  const std::array<net::Header, 2> fields = {{{"Barrio-Peer", "forged"}, {"Authorization", "Bearer t"}}};
  net::RequestHead from;
  from.method = "POST";
  from.target = "/v2/models/a/infer";
  from.headers = fields;
  const AppKey app{TenantId::of("acme"), AppName::of("a")};
  Outgoing outgoing;
  outgoing.from = &from;
  outgoing.app = &app;
  outgoing.to_gateway = true;
  outgoing.left = 250ms;
  outgoing.self = "bio1";
  Written written;
  outgoing.peer_secret = "s3cret";
  written.head.write(outgoing);
  CHECK(written.value("Barrio-Peer") == "s3cret");
  CHECK(written.value("Barrio-Forwarded-By") == "bio1");
  CHECK(written.value("Barrio-Deadline-Ms") == "250.000");
  outgoing.peer_secret = {};
  written.head.write(outgoing);
  CHECK(written.value("Barrio-Peer") == "none");
  CHECK(written.value("Barrio-Forwarded-By") == "bio1");
  outgoing.peer_secret = "s3cret";
  outgoing.to_gateway = false;
  written.head.write(outgoing);
  CHECK(written.value("Barrio-Peer") == "none");
  CHECK(written.value("Barrio-Forwarded-By") == "none");
  CHECK(written.value("Authorization") == "none");
}

}  // namespace barrio::gateway::outgoing_test
