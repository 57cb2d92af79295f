#include "adapters/openai/openai_backend.h"

#include <doctest/doctest.h>

#include "adapters/openai/fake_llm_test.h"

namespace barrio::adapters::openai_backend_test {
using namespace barrio::adapters::openai::test;
using ports::GenerationKind;

TEST_CASE("a stream is passed on piece by piece, with the server's own name for the model") {
  World world("owner=acme");
  Sink sink;
  CHECK(world.start(sink) != 0);
  const Asked& asked = world.asked(1);
  CHECK(asked.target == "/v1/chat/completions");
  CHECK(asked.body == R"({"model":"theirs","messages":[],"stream_options":{"include_usage":true}})");
  CHECK(asked.key.empty());
  asked.begin_stream();
  asked.event(R"({"n":1})");
  world.until([&] { return sink.pieces.size() == 1; });
  CHECK_FALSE(sink.over());
  asked.event(R"({"n":2})");
  asked.event("[DONE]");
  asked.exchange->end();
  world.until([&] { return sink.over(); });
  CHECK(sink.ended);
  CHECK(sink.pieces == std::vector<std::string>{R"({"n":1})", R"({"n":2})"});
  CHECK(world.backend->models().at(0).owner == "acme");
  CHECK(world.backend->models().at(0).name == "m");
}

TEST_CASE("a whole answer comes in one piece; kinds have their paths") {
  World world;
  Sink chat;
  Sink completion;
  Sink embedding;
  world.start(chat, World::ask(false));
  auto request = World::ask(false);
  request.kind = GenerationKind::completion;
  world.start(completion, request);
  request.kind = GenerationKind::embedding;
  world.start(embedding, request);
  world.asked(3);
  for (const Asked& asked : world.llm.asked) asked.reply(200, "{\"for\":\"" + asked.target + "\"}");
  world.until([&] { return chat.over() && completion.over() && embedding.over(); });
  CHECK(chat.pieces == std::vector<std::string>{R"({"for":"/v1/chat/completions"})"});
  CHECK(completion.pieces == std::vector<std::string>{R"({"for":"/v1/completions"})"});
  CHECK(embedding.pieces == std::vector<std::string>{R"({"for":"/v1/embeddings"})"});
  CHECK(embedding.ended);
}

TEST_CASE("tokens are the server's count; the piece that it comes in goes to who asked for it, and to nobody else") {
  World world;
  Sink plain;
  Sink asking;
  world.start(plain);
  auto request = World::ask();
  request.body = R"({"model":"m","messages":[],"stream_options":{"include_usage":true,"more":1}})";
  world.start(asking, request);
  world.asked(2);
  CHECK(world.llm.asked[1].body ==
        R"({"model":"theirs","messages":[],"stream_options":{"include_usage":true,"more":1}})");
  const std::string text = R"({"choices":[{"delta":{"content":"Hi"}}],"usage":null,"id":"1"})";
  const std::string last = R"({"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":5,"total_tokens":16}})";
  for (const Asked& asked : world.llm.asked) {
    asked.begin_stream();
    asked.event(text);
    asked.event(last);
    asked.event("[DONE]");
    asked.exchange->end();
  }
  world.until([&] { return plain.over() && asking.over(); });
  CHECK(plain.pieces == std::vector<std::string>{R"({"choices":[{"delta":{"content":"Hi"}}],"id":"1"})"});
  CHECK(asking.pieces == std::vector<std::string>{text, last});
  for (const Sink* sink : {&plain, &asking}) {
    CHECK(sink->ended);
    CHECK(sink->tokens.in == 11);
    CHECK(sink->tokens.out == 5);
  }
}

TEST_CASE("a stream that nobody reads to its end counts what came of it, and its prompt by its length") {
  World world;
  Sink left;
  Sink broken;
  Sink unasked;
  const uint64_t id = world.start(left, World::ask(true, 400));
  world.start(broken, World::ask(true, 400));
  const uint64_t other = world.start(unasked, World::ask(true, 400));
  world.asked(3);
  for (size_t i = 0; i < 2; ++i) {
    world.llm.asked[i].begin_stream();
    world.llm.asked[i].event(R"({"choices":[{"delta":{"role":"assistant","content":""}}]})");
    world.llm.asked[i].event(R"({"choices":[{"delta":{"content":"a"}},{"delta":{"content":"b"}}]})");
    world.llm.asked[i].event(R"({"choices":[{"delta":{"content":"c"}}]})");
  }
  world.until([&] { return left.pieces.size() == 3 && broken.pieces.size() == 3; });
  CHECK(left.tokens.in == 0);
  CHECK(left.tokens.out == 3);
  const ports::Tokens more = world.backend->cancel(id);
  CHECK(more.in == 101);
  CHECK(more.out == 0);
  CHECK(world.backend->cancel(id).none());
  world.llm.asked[1].exchange->abort();
  world.until([&] { return broken.over(); });
  CHECK(broken.failure);
  CHECK(broken.tokens.in == 101);
  CHECK(broken.tokens.out == 3);
  CHECK(world.backend->cancel(other).none());  // there was no answer
}

TEST_CASE("a server that says its count with each piece is asked to where the settings say so, and is exact at once") {
  World world("usage=pieces");
  Sink sink;
  const uint64_t id = world.start(sink, World::ask(true, 400));
  const Asked& asked = world.asked(1);
  CHECK(asked.body.find(R"("stream_options":{"include_usage":true,"continuous_usage_stats":true})") !=
        std::string::npos);
  asked.begin_stream();
  asked.event(
      R"({"choices":[{"delta":{"content":"three tokens"}}],"usage":{"prompt_tokens":9,"completion_tokens":3}})");
  world.until([&] { return sink.pieces.size() == 1; });
  CHECK(sink.pieces[0] == R"({"choices":[{"delta":{"content":"three tokens"}}]})");
  CHECK(sink.tokens.in == 9);
  CHECK(sink.tokens.out == 3);
  CHECK(world.backend->cancel(id).none());
  World silent("usage=no");
  Sink other;
  silent.start(other);
  CHECK(silent.asked(1).body == R"({"model":"theirs","messages":[]})");
}

TEST_CASE("a whole answer and an embedding count what they say") {
  World world;
  Sink chat;
  Sink embedding;
  world.start(chat, World::ask(false));
  auto request = World::ask(false);
  request.kind = GenerationKind::embedding;
  world.start(embedding, request);
  world.asked(2);
  const std::string answer =
      R"({"choices":[{"message":{"content":"say \"usage\": {"}}],"usage":{"prompt_tokens":7,"completion_tokens":2}})";
  world.llm.asked[0].reply(200, answer);
  world.llm.asked[1].reply(200, R"({"data":[],"usage":{"prompt_tokens":3,"total_tokens":3}})");
  world.until([&] { return chat.over() && embedding.over(); });
  CHECK(chat.pieces == std::vector<std::string>{answer});
  CHECK(chat.tokens.in == 7);
  CHECK(chat.tokens.out == 2);
  CHECK(embedding.tokens.in == 3);
  CHECK(embedding.tokens.out == 0);
}

TEST_CASE("of a whole answer that nobody waits for any more, what has come of it counts") {
  World world;
  Sink untold;
  Sink told;
  Sink nothing;
  Sink late;
  const uint64_t first = world.start(untold, World::ask(false, 400));
  const uint64_t second = world.start(told, World::ask(false, 400));
  const uint64_t third = world.start(nothing, World::ask(false, 400));
  auto request = World::ask(false, 400);
  request.deadline = world.reactor.fresh_now() + 1s;
  world.start(late, request);
  world.asked(4);
  const std::string usage = R"({"usage":{"prompt_tokens":9,"completion_tokens":3},)";
  for (const size_t i : {0, 1, 3}) world.llm.asked[i].exchange->begin(200, {}, 1000);
  world.llm.asked[0].exchange->write(R"({"choices":[{"message":{"content":"cut)");
  world.llm.asked[1].exchange->write(usage);
  world.llm.asked[3].exchange->write(usage);
  world.until([&] { return late.over(); });
  CHECK(late.failure->error.code == Code::timed_out);
  CHECK(late.tokens.in == 9);
  CHECK(late.tokens.out == 3);
  const ports::Tokens guessed = world.backend->cancel(first);
  CHECK(guessed.in == 101);
  CHECK(guessed.out == 0);
  const ports::Tokens said = world.backend->cancel(second);
  CHECK(said.in == 9);
  CHECK(said.out == 3);
  CHECK(world.backend->cancel(third).none());  // the server alone would know, and stops
  world.until([&] { return world.llm.asked[2].exchange == nullptr; });
  CHECK(world.llm.asked[2].aborted);
}

TEST_CASE("a caller that takes no more holds the server up, until it takes more") {
  World world;
  Sink sink;
  sink.takes_more = false;
  const uint64_t id = world.start(sink);
  const Asked& asked = world.asked(1);
  asked.begin_stream();
  const std::string large = "{\"text\":\"" + std::string(100'000, 'x') + "\"}";
  bool full = false;
  for (int i = 0; i < 400 && !full; ++i) full = !asked.exchange->write("data: " + large + "\n\n");
  world.some_turns();
  const size_t read = sink.pieces.size();
  CHECK(read < 60);  // of what sockets and buffers hold, no more
  while (asked.exchange != nullptr && asked.exchange->write("data: " + large + "\n\n") && read < 400)
    world.some_turns();
  world.some_turns();
  CHECK(sink.pieces.size() == read);
  sink.takes_more = true;
  world.backend->resume(id);
  world.until([&] { return sink.pieces.size() > read; });
  asked.event("[DONE]");
  asked.exchange->end();
  world.until([&] { return sink.over(); });
  CHECK(sink.ended);
}

TEST_CASE("a caller that goes closes its connection to the server, also in the middle of a piece") {
  World world;
  Sink first;
  Sink second;
  const uint64_t id = world.start(first);
  const uint64_t other = world.start(second);
  world.asked(2);
  for (const Asked& asked : world.llm.asked) asked.begin_stream();
  world.backend->cancel(id);
  second.on_each = [&] { world.backend->cancel(other); };
  world.llm.asked[1].exchange->write("data: 1\n\ndata: 2\n\n");
  world.until([&] { return second.pieces.size() == 1; });
  world.until_closed(0);
  world.until_closed(1);
  CHECK_FALSE(first.over());
  CHECK(second.pieces.size() == 1);
  CHECK_FALSE(second.over());
  world.backend->cancel(id);  // again, and unknown ones: nothing
  world.backend->resume(12345);
}

TEST_CASE("what the server refuses comes back with its status, its words and its body") {
  World world;
  Sink sink;
  world.start(sink);
  const std::string error = R"({"error":{"message":"context too long","type":"invalid_request_error"}})";
  world.asked(1).reply(400, error);
  world.until([&] { return sink.over(); });
  REQUIRE(sink.failure);
  CHECK(sink.failure->error.code == Code::invalid);
  CHECK(sink.failure->error.what == "the server answered 400: context too long");
  CHECK(sink.failure->status == 400);
  CHECK(sink.failure->body == error);
  Sink busy;
  world.start(busy);
  world.asked(2).reply(503, "queue full", {{"Retry-After", "7"}});
  world.until([&] { return busy.over(); });
  CHECK(busy.failure->error.code == Code::exhausted);
  CHECK(busy.failure->retry_after == 7s);
  CHECK(busy.failure->body.empty());
}

TEST_CASE("an error that the server says in its own flat form, also in mid-stream, is one of OpenAI's") {
  World world;
  const std::string flat =
      R"({"object":"error","message":"too hot","type":"BadRequestError","param":"temperature","code":400})";
  Sink refused;
  Sink broken;
  Sink quoting;
  world.start(refused);
  world.start(broken);
  world.start(quoting);
  world.asked(3);
  world.llm.asked[0].reply(400, flat);
  world.llm.asked[1].begin_stream();
  world.llm.asked[1].event("1");
  world.llm.asked[1].event(flat);
  world.llm.asked[1].event("[DONE]");
  world.llm.asked[2].begin_stream();
  world.llm.asked[2].event(R"({"choices":[{"delta":{"content":"{\"object\":\"error\"}"}}],"note":"error"})");
  world.llm.asked[2].event("[DONE]");
  world.llm.asked[2].exchange->end();
  world.until([&] { return refused.over() && broken.over() && quoting.over(); });
  CHECK(refused.failure->body ==
        R"({"error":{"message":"too hot","type":"BadRequestError","param":"temperature","code":400}})");
  REQUIRE(broken.failure);
  CHECK(broken.failure->error.what == "the server broke off: too hot");
  CHECK(broken.pieces.size() == 1);
  CHECK_FALSE(quoting.failure);
  CHECK(quoting.pieces.size() == 1);
}

TEST_CASE("a stream that breaks off, and an answer that is none, are failures") {
  World world;
  Sink cut;
  Sink closed;
  Sink whole;
  world.start(cut);
  world.start(closed);
  world.start(whole);
  world.asked(3);
  world.llm.asked[0].begin_stream();
  world.llm.asked[0].event("1");
  world.llm.asked[0].exchange->end();
  world.llm.asked[1].begin_stream();
  world.llm.asked[1].event("1");
  world.until([&] { return closed.pieces.size() == 1; });
  world.llm.asked[1].exchange->abort();
  world.llm.asked[2].reply(200, "{}");
  world.until([&] { return cut.over() && closed.over() && whole.over(); });
  CHECK(cut.failure->error.code == Code::unavailable);
  CHECK(cut.failure->error.what.find("before its end") != std::string::npos);
  CHECK(closed.failure->error.code == Code::unavailable);
  CHECK(whole.failure->error.code == Code::unavailable);
}

TEST_CASE("a first token that does not come in time ends the request at the server too") {
  World world;
  Sink sink;
  auto request = World::ask();
  request.first_token = world.reactor.fresh_now() + 30ms;
  world.start(sink, request);
  world.asked(1).begin_stream();
  world.until([&] { return sink.over(); });
  CHECK(sink.failure->error.code == Code::timed_out);
  CHECK(world.reactor.now() >= *request.first_token);
  world.until_closed(0);
  // One that has begun goes on for as long as it likes.
  Sink begun;
  request.first_token = world.reactor.fresh_now() + 2s;
  world.start(begun, request);
  world.asked(2).begin_stream();
  world.llm.asked[1].event("1");
  world.until([&] { return begun.pieces.size() == 1; });
  world.until([&] { return world.reactor.now() > *request.first_token; });
  CHECK_FALSE(begun.over());
}

TEST_CASE("a deadline ends an answer that is not complete by then") {
  World world;
  Sink sink;
  auto request = World::ask();
  request.deadline = world.reactor.fresh_now() + 50ms;
  world.start(sink, request);
  world.asked(1).begin_stream();
  world.llm.asked[0].event("1");
  world.until([&] { return sink.over(); });
  CHECK(sink.pieces.size() == 1);
  CHECK(sink.failure->error.code == Code::timed_out);
  Sink late;
  request.deadline = world.reactor.fresh_now() - 1ms;
  world.start(late, request);
  CHECK(late.failure->error.code == Code::timed_out);
}

TEST_CASE("what would begin too late is refused at once, and what waits goes out in turn") {
  World world("rate=1000,margin=1,unread=1000");
  Sink first;
  Sink second;
  Sink third;
  world.start(first, World::ask(true, 4 * 800));
  world.start(second, World::ask(true, 4 * 800));
  auto tight = World::ask(true, 4 * 100);
  tight.first_token = world.reactor.fresh_now() + 1s;
  world.start(third, tight);
  REQUIRE(third.failure);
  CHECK(third.failure->error.code == Code::exhausted);
  CHECK(third.failure->error.what.find("the first token would come in 17") != std::string::npos);
  CHECK(third.failure->retry_after > 500ms);
  CHECK(third.failure->retry_after < 1s);
  CHECK(third.failure->status == 0);
  world.asked(1);
  world.some_turns();
  CHECK(world.llm.asked.size() == 1);  // the second waits here
  world.llm.asked[0].begin_stream();
  world.llm.asked[0].event("1");
  world.asked(2);
}

TEST_CASE("a request that waits for its turn until its time is over is told so, and never sent") {
  World world("unread=10,first_token=40ms");
  Sink first;
  Sink second;
  auto patient = World::ask(true, 400);
  patient.first_token = world.reactor.fresh_now() + 10s;
  world.start(first, patient);
  world.start(second, World::ask(true, 400));
  world.until([&] { return second.over(); });
  CHECK(second.failure->error.code == Code::exhausted);
  CHECK(world.llm.asked.size() == 1);
}

TEST_CASE("answers in one piece do not hold up others until they are there") {
  World world("unread=10,rate=100000");
  Sink first;
  Sink second;
  world.start(first, World::ask(false, 400));
  world.start(second, World::ask(false, 400));
  world.asked(2);
  CHECK_FALSE(first.over());
}

TEST_CASE("models and kinds that are not served are refused") {
  World world("kinds=text");
  Sink sink;
  auto request = World::ask();
  request.kind = GenerationKind::embedding;
  world.start(sink, request);
  CHECK(sink.failure->error.code == Code::unsupported);
  Sink unknown;
  request.model = "gpt-0";
  CHECK(world.start(unknown, request) != 0);
  CHECK(unknown.failure->error.code == Code::not_found);
  Sink bad;
  request = World::ask();
  request.body = "[]";
  world.start(bad, request);
  CHECK(bad.failure->error.code == Code::invalid);
}

TEST_CASE("several models at one backend do not mix") {
  World world(std::vector<std::string>{"", "model=other"});
  Sink one;
  Sink two;
  auto request = World::ask();
  const uint64_t first = world.start(one, request);
  request.model = "m2";
  const uint64_t second = world.start(two, request);
  CHECK(first != second);
  CHECK(world.asked(2).body.find("\"other\"") != std::string::npos);
  world.llm.asked[1].begin_stream();
  world.backend->cancel(second);
  world.until_closed(1);
  CHECK(world.llm.asked[0].exchange != nullptr);
}

TEST_CASE("the server's figures are read again and again, and count") {
  World world("metrics=10ms,rate=1000,margin=1");
  CHECK_FALSE(world.backend->models()[0].ready);
  world.until([&] { return world.llm.metrics_asked > 2; });
  CHECK(world.backend->models()[0].ready);  // it answers, if only 404
  Sink first;
  world.start(first, World::ask(true, 4000));
  world.asked(1);
  world.llm.metrics = "vllm:num_requests_waiting 5\n";
  const size_t before = world.llm.metrics_asked;
  world.until([&] { return world.llm.metrics_asked > before + 1; });
  Sink sink;
  auto request = World::ask(true, 400);
  request.first_token = world.reactor.fresh_now() + 3s;
  world.start(sink, request);  // 1000 of ours and 4 others' prompts are ahead
  REQUIRE(sink.failure);
  CHECK(sink.failure->error.code == Code::exhausted);
  world.llm.metrics = "vllm:num_requests_waiting 0\n";
  const size_t then = world.llm.metrics_asked;
  world.until([&] { return world.llm.metrics_asked > then + 1; });
  Sink admitted;
  request.first_token = world.reactor.fresh_now() + 3s;
  world.start(admitted, request);
  CHECK_FALSE(admitted.failure);
}

TEST_CASE("a server that is not there is unavailable, and not ready") {
  net::Reactor reactor;
  std::string nobody;
  {
    const FakeLlm gone(reactor);
    nobody = gone.url();
  }
  OpenaiBackend backend(reactor, {*OpenaiSettings::parse("m", "url=" + nobody)});
  Sink sink;
  backend.start(World::ask(), sink);
  const Time limit = reactor.fresh_now() + 10s;
  while (!sink.over() && reactor.now() < limit) reactor.turn(10ms);
  REQUIRE(sink.failure);
  CHECK(sink.failure->error.code == Code::unavailable);
  CHECK_FALSE(backend.models()[0].ready);
}

TEST_CASE("settings are checked, and a base with or without /v1 is the same") {
  const auto with = OpenaiSettings::parse("m", "url=http://127.0.0.1:8000/openai/v1,model=a/b,first_token=2s");
  REQUIRE(with);
  CHECK(with->url.path == "/openai");
  CHECK(with->model == "a/b");
  CHECK(with->first_token == 2s);
  CHECK(OpenaiSettings::parse("m", "url=http://127.0.0.1:8000")->model == "m");
  for (const char* text :
       {"", "url=grpc://127.0.0.1:1", "url=http://127.0.0.1:1,kinds=video", "url=http://127.0.0.1:1,running=0",
        "url=http://127.0.0.1:1,margin=0", "url=http://127.0.0.1:1,metrics=1ms", "url=http://127.0.0.1:1,timeout=0s",
        "url=http://127.0.0.1:1,key_file=/nonexistent", "url=http://127.0.0.1:1,first_token=-1s",
        "url=http://127.0.0.1:1,rate=-1", "url=http://127.0.0.1:1,usage=always", "url=http://127.0.0.1:1,budget=1s"})
    CHECK_MESSAGE(!OpenaiSettings::parse("m", text), text);
}

}  // namespace barrio::adapters::openai_backend_test
