#include <doctest/doctest.h>
// doctest first: base/check.h leaves its CHECK alone.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "objects/three_sites_test.h"

namespace barrio::objects::heads_test {

using three_sites::OneSite;
using three_sites::World;

namespace {

constexpr const char* far_day = "2099-01-01T00:00:00Z";

/// Sends heads alone, as a client does that waits for "100 Continue" before it sends gigabytes.
struct Heads : World {
  Heads() {
    CHECK(make("frames", "bio1", bilbao) == 200);
    CHECK(make("spanish", "ES", bilbao) == 200);
  }
  /// What comes first: the status line.
  std::string first_line(OneSite& site, const std::string& target, net::OwnedHeaders headers,
                         const std::string& length = "5000000000") {
    headers.emplace_back("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    const net::Request request = signed_request({"PUT", target, "", std::move(headers), key}, runtime.wall());
    std::string text = "PUT " + target + " HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: " + length + "\r\n";
    for (const auto& [name, value] : request.headers) text += name + ": " + value + "\r\n";
    text += "\r\n";
    const int client_fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in there{};
    there.sin_family = AF_INET;
    there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const std::string address = site.address.str();
    there.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    REQUIRE(::connect(client_fd, reinterpret_cast<const sockaddr*>(&there), sizeof there) == 0);
    REQUIRE(::send(client_fd, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
    std::string answer;
    turn_until([&] {
      char piece[4096];
      const ssize_t got = ::recv(client_fd, piece, sizeof piece, MSG_DONTWAIT);
      if (got > 0) answer.append(piece, static_cast<size_t>(got));
      return answer.find("\r\n") != std::string::npos;
    });
    ::close(client_fd);
    return answer.substr(0, answer.find("\r\n"));
  }
  S3Key key = acme_key;  // of who sends them
};

const std::string go_on = "HTTP/1.1 100 Continue";
const std::string wrong = "HTTP/1.1 400 Bad Request";
const std::string forbidden = "HTTP/1.1 403 Forbidden";
const std::string failed = "HTTP/1.1 412 Precondition Failed";

}  // namespace

TEST_CASE("whatever the head of a new object says wrong is refused before its body is asked for") {
  Heads heads;
  const auto line = [&](const net::OwnedHeaders& headers) {
    return heads.first_line(heads.bilbao, "/frames/a", headers);
  };
  CHECK(line({}) == go_on);
  const std::pair<const char*, const char*> mode{"x-amz-object-lock-mode", "GOVERNANCE"};
  CHECK(line({mode, {"x-amz-object-lock-retain-until-date", "2020-01-01T00:00:00Z"}}) == wrong);
  CHECK(line({mode, {"x-amz-object-lock-retain-until-date", "tomorrow"}}) == wrong);
  CHECK(line({mode}) == wrong);
  CHECK(line({mode, {"x-amz-object-lock-retain-until-date", far_day}}) == wrong);  // the bucket has no lock
  CHECK(line({{"x-amz-object-lock-legal-hold", "PERHAPS"}}) == wrong);
  CHECK(line({{"x-amz-object-lock-legal-hold", "ON"}}) == wrong);
  CHECK(line({{"x-amz-tagging", "a=1&a=2"}}) == wrong);
  CHECK(line({{"x-amz-meta-long", std::string(3000, 'm')}}) == wrong);
  CHECK(line({{"x-amz-checksum-crc32", "AAAA"}}) == wrong);
  CHECK(line({{"Content-MD5", "AAAA"}}) == wrong);
  CHECK(line({{"x-amz-storage-class", "GLACIER"}}) == "HTTP/1.1 501 Not Implemented");
  CHECK(heads.first_line(heads.bilbao, "/frames/a", {}, "5368709121") == wrong);
  CHECK(heads.ask(heads.bilbao, {"PUT", "/frames/there", "text"}).status == 200);
  CHECK(heads.first_line(heads.bilbao, "/frames/there", {{"If-None-Match", "*"}}) == failed);
  CHECK(heads.first_line(heads.bilbao, "/frames/there", {{"If-Match", "\"other\""}}) == failed);
  CHECK(heads.first_line(heads.bilbao, "/frames/not-there", {{"If-Match", "\"other\""}}) == "HTTP/1.1 404 Not Found");
  CHECK(heads.first_line(heads.bilbao, "/frames/not-there", {{"If-None-Match", "*"}}) == go_on);
}

TEST_CASE("a site that passes a request on refuses what its head says wrong itself") {
  Heads heads;
  heads.pull(heads.madrid);
  const auto line = [&](const std::string& target, const net::OwnedHeaders& headers) {
    return heads.first_line(heads.madrid, target, headers);
  };
  CHECK(line("/spanish/a", {}) == go_on);
  CHECK(line("/spanish/a", {{"x-amz-object-lock-mode", "GOVERNANCE"},
                            {"x-amz-object-lock-retain-until-date", "2020-01-01T00:00:00Z"}}) == wrong);
  CHECK(line("/spanish/a?partNumber=1&uploadId=any", {{"x-amz-checksum-sha256", "AAAA"}}) == wrong);
}

TEST_CASE(
    "a site that passes a request on asks for its body once the home has looked at conditions, policy and quota") {
  Heads heads;
  heads.pull(heads.madrid);
  const auto line = [&](const std::string& target, const net::OwnedHeaders& headers = {}) {
    return heads.first_line(heads.madrid, target, headers);
  };
  CHECK(heads.ask(heads.bilbao, {"PUT", "/spanish/there", "text"}).status == 200);
  CHECK(line("/spanish/there", {{"If-None-Match", "*"}}) == failed);
  CHECK(line("/spanish/not-there", {{"If-None-Match", "*"}}) == go_on);
  heads.key = rival_key;
  CHECK(line("/spanish/a") == forbidden);  // no policy lets others in
  CHECK(heads.ask(heads.bilbao, {.method = "PUT", .target = "/small", .key = rival_key}).status == 200);
  heads.pull(heads.madrid);
  CHECK(line("/small/a") == forbidden);
  CHECK(heads.first_line(heads.madrid, "/small/a", {}, "500") == go_on);
}

TEST_CASE("a body that was waited for comes whole, also through a site that passes it on") {
  Heads heads;
  heads.pull(heads.madrid);
  for (OneSite* site : {&heads.bilbao, &heads.madrid}) {
    const auto stored =
        heads.ask(*site, {"PUT", "/spanish/a", std::string(3'000'000, 'b'), {{"Expect", "100-continue"}}});
    CHECK(stored.status == 200);
    CHECK(heads.ask(heads.bilbao, {"GET", "/spanish/a"}).body == std::string(3'000'000, 'b'));
  }
}

TEST_CASE("CreateBucket says how many sites are to keep each object, from 1 to 5") {
  World world;
  const auto make = [&](const char* name, const char* copies) {
    return world.ask(world.bilbao, {"PUT", name, "", {{"x-barrio-copies", copies}}});
  };
  CHECK(make("/twice", "2").status == 200);
  CHECK(world.control.orders.buckets.back().copies == 2);
  CHECK(net::find_header(world.ask(world.bilbao, {"HEAD", "/twice"}).headers, "x-barrio-copies") == "2");
  for (const char* copies : {"0", "6", "two", "-1", ""}) CHECK(code_of(make("/other", copies)) == "InvalidArgument");
  CHECK(world.control.orders.buckets.size() == 1);
  // Another site that has not heard of it asks control, which has it with two.
  CHECK(code_of(world.ask(world.madrid, {"PUT", "/twice"})) == "BucketAlreadyOwnedByYou");
  CHECK(code_of(world.ask(world.bilbao, {"PUT", "/public", "", {{"x-amz-acl", "public-read"}}})) == "NotImplemented");
}

}  // namespace barrio::objects::heads_test
