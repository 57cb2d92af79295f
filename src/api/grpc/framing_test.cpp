#include "api/grpc/framing.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <vector>

namespace barrio::api::framing_test {
namespace {

using namespace std::string_literals;

/// All messages of a body that comes in pieces of these sizes (the last one again and again).
Result<std::vector<std::string>> read_all(std::string_view body, const std::vector<size_t>& sizes, GrpcReader& reader) {
  std::vector<std::string> messages;
  for (size_t i = 0; !body.empty(); ++i) {
    std::string_view piece = body.substr(0, sizes[std::min(i, sizes.size() - 1)]);
    body.remove_prefix(piece.size());
    for (;;) {
      TRY(const bool complete, reader.read(piece));
      if (!complete) break;
      messages.push_back(std::move(reader.message()));
    }
    CHECK(piece.empty());
  }
  return messages;
}

TEST_CASE("a frame is a zero byte, the length and the message") {
  CHECK(grpc_frame("abc") == "\0\0\0\0\3abc"s);
  CHECK(grpc_frame("") == "\0\0\0\0\0"s);
  CHECK(grpc_frame(std::string(0x10203, 'x')).substr(0, 5) == "\0\0\1\2\3"s);
}

TEST_CASE("for all messages and all ways to cut them: they come whole and in order") {
  CHECK(rc::check([] {
    const auto messages = *rc::gen::container<std::vector<std::string>>(rc::gen::arbitrary<std::string>());
    const auto sizes = *rc::gen::nonEmpty(rc::gen::container<std::vector<size_t>>(rc::gen::inRange<size_t>(1, 20)));
    std::string body;
    for (const std::string& message : messages) body += grpc_frame(message);
    GrpcReader reader(1000);
    const auto read = read_all(body, sizes, reader);
    RC_ASSERT(read.has_value());
    RC_ASSERT(*read == messages);
    RC_ASSERT(!reader.inside());
  }));
}

TEST_CASE("compressed, too long and cut off are told apart") {
  GrpcReader reader(3);
  CHECK(read_all("\0\0\0\0\3abc"s, {99}, reader)->size() == 1);
  CHECK(read_all("\0\0\0\0\4abcd"s, {99}, reader).error().code == Code::exhausted);
  CHECK(read_all("\1\0\0\0\0"s, {99}, *std::make_unique<GrpcReader>(3)).error().code == Code::unsupported);
  CHECK(read_all("\2\0\0\0\0"s, {99}, *std::make_unique<GrpcReader>(3)).error().code == Code::invalid);
  GrpcReader cut(9);
  CHECK(read_all("\0\0\0\0\3ab"s, {1}, cut)->empty());
  CHECK(cut.inside());
}

TEST_CASE("an empty message is a message, and a frame's length alone takes no memory") {
  GrpcReader reader(1 << 30);
  CHECK(read_all("\0\0\0\0\0"s, {1}, reader)->size() == 1);
  CHECK(read_all("\0\x3f\xff\xff\xff"s, {5}, reader)->empty());
  CHECK(reader.message().capacity() < (2 << 20));
}

}  // namespace
}  // namespace barrio::api::framing_test
