#include "emulation/camera.h"

#include <doctest/doctest.h>

#include "net/server.h"

namespace barrio::emulation::camera_test {
namespace {

net::Response json(int status, std::string body) {
  return {.status = status, .headers = {{"Content-Type", "application/json"}}, .body = std::move(body)};
}

/// Control and the only gateway that may serve, which declines the first picture.
struct World {
  World() {
    const net::SocketAddress at = *server.listen(*net::SocketAddress::parse("127.0.0.1:0"));
    camera = std::make_unique<Camera>(reactor, client, std::vector{at},
                                      CameraConfig{.name = "Vitoria",
                                                   .app = "people",
                                                   .client_id = "acme",
                                                   .client_secret = "secret",
                                                   .entries = {{"bio1", at.str()}},
                                                   .interval = 20ms,
                                                   .offset = 1ms,
                                                   .objective = 5s},
                                      pictures);
    REQUIRE(camera->start());
  }
  net::Response answer(const net::Request& request) {
    if (request.target == "/oauth2/token") return json(200, R"({"access_token": "t", "expires_in": 60})");
    if (request.method == "GET") return json(200, R"({"entries": [{"site": "bio1"}]})");
    if (++pictures_seen == 1) return json(503, R"({"reason": "unavailable", "detail": "bio1 starts"})");
    return json(200, R"({"outputs": []})");
  }

  const std::vector<std::string> pictures{"a jpeg"};
  int pictures_seen = 0;
  net::Reactor reactor;
  net::MessageServer server{
      reactor, {}, [this](const net::Request& request, net::Responder respond) { respond(answer(request)); }};
  net::Client client{reactor, {}};
  std::unique_ptr<Camera> camera;
};

TEST_CASE("a camera with one permitted gateway loses the picture that this declined, and no other") {
  World world;
  std::vector<Shot> shots;
  // Long before a gateway that failed is taken for good again.
  const Time limit = world.reactor.fresh_now() + 1500ms;
  while (shots.size() < 3 && world.reactor.now() < limit) {
    world.reactor.turn(10ms);
    for (Shot& shot : world.camera->take_line().shots) shots.push_back(std::move(shot));
  }
  REQUIRE(shots.size() >= 3);
  CHECK(shots[0].outcome == Outcome::lost);
  CHECK(shots[0].entry == "bio1");
  CHECK(shots[0].detail == "bio1 starts");
  CHECK(shots[1].outcome == Outcome::answered);
  CHECK(shots[2].outcome == Outcome::answered);
}

}  // namespace
}  // namespace barrio::emulation::camera_test
