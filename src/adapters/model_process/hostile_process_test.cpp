// A process that has been taken over and lies to its owner in every way it can.

#include <doctest/doctest.h>
#include <sys/mman.h>

#include <filesystem>

#include "adapters/model_process/channel.h"
#include "adapters/model_process/puppet_test.h"
#include "adapters/model_process/test_worker_test.h"
#include "net/child_process.h"

namespace barrio::adapters::hostile_process_test {
using test::command;
using test::said;

namespace {

const char* const liar = "process: a liar";

ports::Outputs honest(const std::string& word) {
  return {{"said", ports::DataType::BYTES, {1}, ports::pack_bytes(word)}, {"data", ports::DataType::FP32, {0}, ""}};
}

void send_note(Kind kind, uint32_t head_bytes, uint64_t body_bytes) {
  const Note note{kind, head_bytes, body_bytes};
  send(net::handed_over_descriptor, &note, sizeof(note), 0);
}

/// An answer of the right form, with these bytes of /etc/passwd's descriptor beside it.
void send_descriptor() {
  const Note note{Kind::answers, 8, 0};
  iovec bytes{const_cast<Note*>(&note), sizeof(note)};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  cmsghdr* part = CMSG_FIRSTHDR(&message);
  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = SCM_RIGHTS;
  part->cmsg_len = CMSG_LEN(sizeof(int));
  const int fd = 0;
  std::memcpy(CMSG_DATA(part), &fd, sizeof(fd));
  sendmsg(net::handed_over_descriptor, &message, 0);
}

void answer_with(Channel& channel, const Answers& answers) {
  (void)channel.send(Kind::answers, pack_answers(answers));
}

void lie(Channel& channel, const std::string& how) {
  ports::Outputs outputs = honest(how);
  const Answers truth{outputs};
  Message answer = pack_answers(truth);
  if (how == "honest") (void)channel.send(Kind::answers, answer);
  if (how == "head beyond memory") send_note(Kind::answers, ~0U, 0);
  if (how == "body beyond memory") send_note(Kind::answers, 8, ~uint64_t{0});
  if (how == "sum beyond memory") send_note(Kind::answers, 64, channel.half_bytes() - 63);
  if (how == "not an answer") send_note(Kind::loaded, 8, 0);
  if (how == "unknown kind") send_note(static_cast<Kind>(77), 8, 0);
  if (how == "short packet") send(net::handed_over_descriptor, "x", 1, 0);
  if (how == "long packet") send(net::handed_over_descriptor, std::string(4000, 'x').data(), 4000, 0);
  if (how == "empty packet") send(net::handed_over_descriptor, "", 0, 0);
  if (how == "descriptor") send_descriptor();
  if (how == "garbage") (void)channel.send(Kind::answers, {std::string(500, '\xff'), {"abc"}});
  if (how == "empty head") (void)channel.send(Kind::answers, {"", {}});
  if (how == "two answers") answer_with(channel, {outputs, outputs});
  if (how == "no answers") answer_with(channel, {});
  outputs[1].shape = {1'000'000};
  if (how == "shape beyond data") answer_with(channel, {outputs});
  outputs[1].shape = {1 << 30, 1 << 30, 1 << 30};
  if (how == "shape that overflows") answer_with(channel, {outputs});
  answer.bodies.clear();
  if (how == "bodies left out") (void)channel.send(Kind::answers, answer);
}

const std::vector<std::string> lies = {
    "head beyond memory", "body beyond memory", "sum beyond memory", "not an answer",     "unknown kind",
    "short packet",       "long packet",        "empty packet",      "descriptor",        "garbage",
    "empty head",         "two answers",        "no answers",        "shape beyond data", "shape that overflows",
    "bodies left out"};

size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(all), end(all)));
}

}  // namespace

TEST_CASE("process: a liar" * doctest::skip()) {
  OwnedDescriptor file;
  auto channel = Channel::join(OwnedDescriptor(net::handed_over_descriptor), file);
  REQUIRE(channel);
  const auto order = unpack_load(channel->receive(std::nullopt)->head);
  if (order->spec.builtin == "nonsense") {
    (void)channel->send(Kind::loaded, {std::string(100, '\xfe')});
  } else if (order->spec.builtin == "unasked") {
    send_note(Kind::answers, 8, 0);
  } else {
    (void)channel->send(Kind::loaded, pack_loaded({test::puppet_info("any"), "everything\n"}));
  }
  while (true) {
    const auto received = channel->receive(std::nullopt);
    if (!received) _exit(0);
    const auto batch = unpack_requests(received->head, received->bodies);
    lie(*channel, std::string(ports::unpack_bytes(batch->at(0).inputs[0].data, 1)->front()));
  }
}

TEST_CASE("an answer that is a lie ends the process that gave it, and nothing else") {
  ModelProcessConfig config{.arguments = test::program_running(liar)};
  config.tensors = kib(64);
  config.back_off = {.first = 1ms, .longest = 1ms};
  ModelProcessBackend backend(config);
  auto model = backend.load({"m", "puppet", ""});
  REQUIRE_MESSAGE(model, model.error().text());
  CHECK((*model)->info().name == "m");
  const size_t descriptors = open_descriptors();
  for (const std::string& how : lies) {
    INFO(how);
    const auto answer = ports::run_alone(**model, command(how));
    REQUIRE_FALSE(answer);
    CHECK(answer.error().code == Code::unavailable);
    INFO(answer.error().text());
    CHECK(answer.error().text().find("model m: its process ") == 0);
    CHECK(answer.error().text().find("killed") != std::string::npos);
    CHECK(test::until([&] { return said(ports::run_alone(**model, command("honest"))) == "honest"; }));
  }
  CHECK(open_descriptors() == descriptors);
}

TEST_CASE("a model that describes itself in nonsense is not loaded") {
  ModelProcessBackend backend({.arguments = test::program_running(liar)});
  for (const char* how : {"nonsense", "unasked"}) {
    INFO(how);
    const auto model = backend.load({"m", how, ""});
    REQUIRE_FALSE(model);
    CHECK(model.error().code == Code::invalid);
  }
}

TEST_CASE("nobody can make the shared memory shorter under its readers") {
  auto channel = Channel::make(OwnedDescriptor(open("/dev/null", O_RDWR | O_CLOEXEC)), 4096);
  REQUIRE(channel);
  // The memory's descriptor is the newest one.
  bool found = false;
  for (int fd = 3; fd < 1000; ++fd) {
    const int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & F_SEAL_SEAL) == 0) continue;
    found = true;
    CHECK(ftruncate(fd, 0) != 0);
    CHECK(errno == EPERM);
    CHECK(ftruncate(fd, 1 << 20) != 0);
    CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) != 0);
  }
  CHECK(found);
}

}  // namespace barrio::adapters::hostile_process_test
