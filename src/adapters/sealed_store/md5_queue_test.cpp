#include "adapters/sealed_store/md5_queue.h"

#include <doctest/doctest.h>

#include <vector>

#include "adapters/sealed_store/step_runtime_test.h"
#include "base/hash.h"

namespace barrio::adapters::sealed_store::md5_queue_test {

namespace {

struct Hashing {
  StepRuntime runtime;
  Md5Queue queue;
  std::vector<std::string> texts;
  std::vector<std::string> digests;

  Hashing(size_t messages, size_t at_once) : queue(runtime, at_once), digests(messages) {
    for (size_t i = 0; i < messages; ++i) texts.emplace_back(1000 + 100 * i, static_cast<char>('a' + i));
    for (size_t i = 0; i < messages; ++i) {
      runtime.spawn("hash", [this, i] {
        Md5 message;
        queue.add(message, texts[i]);
        digests[i] = message.finish();
      });
    }
    runtime.run_fibers();
  }
  size_t done() const {
    size_t count = 0;
    for (size_t i = 0; i < texts.size(); ++i) count += digests[i] == hash_of(HashKind::md5, texts[i]) ? 1 : 0;
    return count;
  }
};

}  // namespace

TEST_CASE("what waits while a message is hashed is hashed together, as many as there are lanes") {
  Hashing hashing(20, 1);
  std::vector<size_t> done;
  while (!hashing.runtime.jobs.empty()) {
    CHECK(hashing.runtime.jobs.size() == 1);
    hashing.runtime.end_job();
    done.push_back(hashing.done());
  }
  CHECK(done == std::vector<size_t>{1, 1 + Md5::lanes, 20});
  CHECK(hashing.runtime.fibers.alive() == 0);
}

TEST_CASE("where cores are free, no message waits for another") {
  Hashing hashing(4, 3);
  CHECK(hashing.runtime.jobs.size() == 3);
  hashing.runtime.end_job();
  CHECK(hashing.done() == 1);
  CHECK(hashing.runtime.jobs.size() == 3);
  while (!hashing.runtime.jobs.empty()) hashing.runtime.end_job();
  CHECK(hashing.done() == 4);
}

}  // namespace barrio::adapters::sealed_store::md5_queue_test
