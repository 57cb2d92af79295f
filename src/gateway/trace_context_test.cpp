#include "gateway/trace_context.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <string>

namespace barrio::gateway::trace_context_test {
namespace {

const std::string good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST_CASE("a valid traceparent is read, and written the same") {
  const auto context = parse_traceparent(good);
  REQUIRE(context);
  CHECK(context->sampled);
  CHECK(context->trace[0] == 0x4b);
  CHECK(context->parent[7] == 0xb7);
  std::array<char, traceparent_size> text;
  CHECK(write_traceparent(*context, text) == good);
  CHECK_FALSE(parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")->sampled);
  CHECK(parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff")->sampled);
}

TEST_CASE("what is not a valid traceparent is none") {
  for (const char* bad : {
           "", "00",
           "00-00000000000000000000000000000000-00f067aa0ba902b7-01",      // no trace
           "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",      // no parent
           "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",      // upper case
           "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",      // forbidden version
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",     // longer than version 00 may be
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",       // shorter
           "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",      // another separator
           "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",      // not hex
           "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01extra"  // later version, no separator
       }) {
    CAPTURE(bad);
    CHECK_FALSE(parse_traceparent(bad));
  }
  CHECK(parse_traceparent("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-later"));
}

TEST_CASE("tracestate is held to the recommendation's bounds") {
  CHECK(valid_tracestate("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"));
  CHECK(valid_tracestate("fw529a3039@dt=FfFfFf , 0t@v=a b"));
  CHECK(valid_tracestate("a=1,,b=2"));
  for (const std::string bad :
       {"", "a", "a=", "=1", "A=1", "a=1,a=2", "0a=1", "a=b=c", "a@toolongvendorname=1", "a=\x7f"})
    CHECK_FALSE(valid_tracestate(bad));
  std::string many;
  for (int i = 0; i < 32; ++i) many += (i ? ",k" : "k") + std::to_string(i) + "=v";
  CHECK(valid_tracestate(many));
  CHECK_FALSE(valid_tracestate(many + ",k32=v"));
  CHECK_FALSE(valid_tracestate("a=" + std::string(257, 'x')));
  CHECK_FALSE(valid_tracestate("a=" + std::string(250, 'x') + ",b=" + std::string(250, 'x') + ",c=123456"));
}

TEST_CASE("tracestate counts only with one valid traceparent") {
  const net::Header parent{"Traceparent", good};
  const net::Header state{"tracestate", "a=1"};
  const net::Header bad{"traceparent", "00-nonsense"};
  const net::Header wrong{"tracestate", "A=1"};
  const auto read = [](std::vector<net::Header> headers) { return read_trace(headers); };
  CHECK(read({parent, state}).context);
  CHECK_FALSE(read({parent, state}).drop_state);
  CHECK_FALSE(read({parent, state, {"tracestate", "b=2"}}).drop_state);
  CHECK(read({parent, state, wrong}).drop_state);
  CHECK_FALSE(read({bad, state}).context);
  CHECK(read({bad, state}).drop_parent);
  CHECK(read({bad, state}).drop_state);
  CHECK(read({state}).drop_state);
  CHECK_FALSE(read({parent, parent}).context);
  CHECK(read({parent, parent}).drop_parent);
  CHECK_FALSE(read({}).drop_parent);
  CHECK_FALSE(read({}).drop_state);
}

TEST_CASE("any context that is written is read back") {
  CHECK(rc::check([](uint64_t seed, bool sampled) {
    Rng rng(seed);
    const TraceContext context{new_trace_id(rng), new_span_id(rng), sampled};
    std::array<char, traceparent_size> text;
    const auto back = parse_traceparent(write_traceparent(context, text));
    RC_ASSERT(back);
    RC_ASSERT(back->trace == context.trace && back->parent == context.parent && back->sampled == sampled);
  }));
}

TEST_CASE("no text of any kind is read beyond its end") {
  CHECK(rc::check([](const std::string& text) {
    const auto context = parse_traceparent(text);
    RC_ASSERT(!context || text.size() >= traceparent_size);
    valid_tracestate(text);
  }));
}

}  // namespace
}  // namespace barrio::gateway::trace_context_test
