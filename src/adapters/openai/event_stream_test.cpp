#include "adapters/openai/event_stream.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <vector>

namespace barrio::event_stream_test {
using namespace barrio::adapters::openai;

namespace {

std::vector<std::string> events(const std::vector<std::string>& pieces) {
  EventStream stream;
  std::vector<std::string> found;
  for (const std::string& piece : pieces) {
    const auto fed = stream.feed(piece, [&](std::string_view data) {
      found.emplace_back(data);
      return true;
    });
    REQUIRE(fed);
  }
  return found;
}

}  // namespace

TEST_CASE("events are the data of lines up to an empty one, whatever ends them") {
  CHECK(events({"data: {\"a\":1}\n\ndata: [DONE]\n\n"}) == std::vector<std::string>{"{\"a\":1}", "[DONE]"});
  CHECK(events({"data:x\r\n\r\ndata:y\r\r"}) == std::vector<std::string>{"x", "y"});
  CHECK(events({"data: one\ndata: two\n\n"}) == std::vector<std::string>{"one\ntwo"});
  CHECK(events({": ping\n\nevent: message\nid: 4\ndata:  spaced\nretry: 3\n\n"}) ==
        std::vector<std::string>{" spaced"});
  CHECK(events({"data:\n\n"}) == std::vector<std::string>{""});
  CHECK(events({"data: cut off\n"}).empty());
  CHECK(events({"\n\n\n"}).empty());
}

TEST_CASE("where a stream is cut into pieces does not matter") {
  const std::string text = "data: first\r\n\r\n: note\ndata: second\ndata: line\n\ndata: [DONE]\r\r";
  const auto whole = events({text});
  REQUIRE(whole.size() == 3);
  CHECK(rc::check([&] {
    std::vector<std::string> pieces;
    size_t at = 0;
    while (at < text.size()) {
      const auto length = *rc::gen::inRange<size_t>(1, 9);
      pieces.push_back(text.substr(at, length));
      at += length;
    }
    RC_ASSERT(events(pieces) == whole);
  }));
}

TEST_CASE("an event without an end is not kept for ever") {
  EventStream stream;
  const std::string piece(EventStream::longest_event / 2, 'x');
  const auto ignore = [](std::string_view) { return true; };
  CHECK(stream.feed("data: ", ignore));
  CHECK(stream.feed(piece, ignore));
  CHECK(stream.feed(piece, ignore).error().code == Code::exhausted);
  EventStream lines;
  Result<void> fed;
  for (int i = 0; fed && i < 3; ++i) fed = lines.feed("data: " + piece + "\n", ignore);
  CHECK(fed.error().code == Code::exhausted);
}

TEST_CASE("who has seen enough hears no more") {
  EventStream stream;
  int heard = 0;
  CHECK(stream.feed("data: 1\n\ndata: 2\n\n", [&](std::string_view) { return ++heard > 1; }));
  CHECK(heard == 1);
}

}  // namespace barrio::event_stream_test
