#include "decide/proof/note.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "base/base64.h"
#include "decide/proof/merkle.h"
#include "decide/proof/witness.h"

namespace barrio::decide::note_test {

namespace {

NoteSigner signer(const std::string& name, NoteKeyKind kind) {
  return NoteSigner(name, kind, *Ed25519Key::generate());
}

Note signed_note(const Checkpoint& checkpoint, const NoteSigner& log) {
  return {checkpoint.text(), {log.sign(checkpoint.text())}};
}

/// A log of `size` leaves, "0", "1" and so on.
struct SmallLog {
  std::vector<Digest> leaves;
  explicit SmallLog(size_t size) {
    for (size_t i = 0; i < size; ++i) leaves.push_back(merkle_leaf(std::to_string(i)));
  }
  NodeReader node() const {
    return [this](int level, uint64_t index) -> Result<Digest> {
      if (level == 0) return leaves.at(index);
      const auto below = node();
      return merkle_node(*below(level - 1, 2 * index), *below(level - 1, 2 * index + 1));
    };
  }
  Checkpoint at(const std::string& origin, size_t size) const { return {origin, size, *merkle_root(size, node())}; }
};

}  // namespace

TEST_CASE("the verifier key and the note of the signed-note examples hold") {
  // golang.org/x/mod/sumdb/note's documented example.
  const auto key = NoteVerifier::parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW");
  REQUIRE(key);
  CHECK(key->name() == "PeterNeumann");
  CHECK(key->str() == "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW");
  const auto note = parse_note(
      "If you think cryptography is the answer to your problem,\n"
      "then you don't know what your problem is.\n"
      "\n"
      "\xe2\x80\x94 PeterNeumann "
      "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n");
  REQUIRE(note);
  CHECK(key->verify(*note) == 0);
}

TEST_CASE("a note that is signed verifies, and not once a bit of it differs") {
  const NoteSigner log = signer("bio1.example/log", NoteKeyKind::log);
  const NoteSigner witness_key = signer("w.example", NoteKeyKind::witness);
  Note note = signed_note({"bio1.example/log", 7, sha256("root")}, log);
  note.signatures.push_back(witness_key.sign(note.text, 1'800'000'000));
  const auto back = parse_note(note.str());
  REQUIRE(back);
  CHECK(back->str() == note.str());
  CHECK(log.verifier().verify(*back) == 0);
  CHECK(witness_key.verifier().verify(*back) == 1'800'000'000);
  CHECK(verify_checkpoint(*back, log.verifier())->size == 7);
  CHECK(!signer("bio1.example/log", NoteKeyKind::log).verifier().verify(*back));
  CHECK(rc::check("mutations", [&] {
    std::string text = note.str();
    const auto at = *rc::gen::inRange<size_t>(0, text.size());
    text[at] = static_cast<char>(text[at] ^ *rc::gen::inRange(1, 256));
    const auto read = parse_note(text);
    RC_ASSERT((!read || !verify_checkpoint(*read, log.verifier()) || !witness_key.verifier().verify(*read)));
  }));
}

TEST_CASE("keys are read back, and kinds we cannot check are said to be") {
  for (const NoteKeyKind kind : {NoteKeyKind::log, NoteKeyKind::witness}) {
    const NoteVerifier key = signer("a/b", kind).verifier();
    CHECK(NoteVerifier::parse(key.str()) == key);
  }
  const std::string good = signer("a", NoteKeyKind::log).verifier().str();
  for (const std::string& text : {std::string(), std::string("a"), std::string("a+b"), "x" + good, good + "=",
                                  std::string("a+00000000+AQ=="), "a b" + good.substr(1)}) {
    CHECK_MESSAGE(!NoteVerifier::parse(text), text);
  }
  const std::string other = base64("\x02" + std::string(32, 'k'));
  CHECK(NoteVerifier::parse("a+00000000+" + other).error().code == Code::unsupported);
}

TEST_CASE("what is not a note or a checkpoint is refused") {
  const NoteSigner log = signer("log", NoteKeyKind::log);
  for (const char* text :
       {"", "\n\n", "text\n", "text\n\n", "text\n\nno dash\n", "a\n\n\xe2\x80\x94 x\n", "a\n\n\xe2\x80\x94 x AAAA\n",
        "a\tb\n\n\xe2\x80\x94 x AAAAAAAA\n", "a\n\n\xe2\x80\x94 x AAAAAAAA"}) {
    CHECK_MESSAGE(!parse_note(text), text);
  }
  const std::string root = base64(std::string(32, 'r'));
  for (const std::string& text : {std::string("log\n"), "log\n1\n" + root, "log\n01\n" + root + "\n",
                                  "log\n-1\n" + root + "\n", "\n1\n" + root + "\n", std::string("log\n1\nAAAA\n"),
                                  "log\n1\n" + root + "\n\n", "log\n99999999999999999999\n" + root + "\n"}) {
    CHECK_MESSAGE(!parse_checkpoint(text), text);
  }
  CHECK(parse_checkpoint("log\n1\n" + root + "\nmore\n"));
}

TEST_CASE("a witness cosigns what grew out of what it saw, and nothing else") {
  const SmallLog small(20);
  const NoteSigner log = signer("log", NoteKeyKind::log);
  const NoteVerifier keys[] = {log.verifier()};
  auto ask = [&](uint64_t old_size, uint64_t claimed_old, uint64_t size, std::optional<Checkpoint> seen) {
    const AddCheckpoint request{claimed_old, *consistency_proof(old_size, size, small.node()),
                                signed_note(small.at("log", size), log)};
    const auto read = parse_add_checkpoint(request.str());
    REQUIRE(read);
    CHECK(read->str() == request.str());
    return witness(*read, keys, seen);
  };
  CHECK(ask(0, 0, 5, std::nullopt).accepted == small.at("log", 5));
  for (uint64_t old_size = 1; old_size <= 20; ++old_size) {
    for (uint64_t size = old_size; size <= 20; ++size) {
      CHECK(ask(old_size, old_size, size, small.at("log", old_size)).status == 200);
      CHECK(ask(old_size, old_size, size, Checkpoint{"log", old_size, sha256("another tree")}).status ==
            (size == old_size ? 409 : 422));
    }
  }
  const auto behind = ask(3, 3, 9, small.at("log", 5));
  CHECK(behind.status == 409);
  CHECK(behind.size == 5);
  CHECK(ask(5, 9, 5, small.at("log", 9)).status == 400);
  const AddCheckpoint other_key{0, {}, signed_note(small.at("log", 5), signer("log", NoteKeyKind::log))};
  CHECK(witness(other_key, keys, std::nullopt).status == 403);
  const AddCheckpoint other_log{0, {}, signed_note(small.at("gol", 5), signer("gol", NoteKeyKind::log))};
  CHECK(witness(other_log, keys, std::nullopt).status == 404);
}

TEST_CASE("what is not a request to a witness is refused") {
  const std::string hash = base64(std::string(32, 'h')) + "\n";
  std::string many;
  for (int i = 0; i < 64; ++i) many += hash;
  const std::string note = "a\n1\n" + hash + "\n\xe2\x80\x94 a AAAAAAAA\n";
  CHECK(parse_add_checkpoint("old 0\n\n" + note));
  for (const std::string& body : {std::string(), note, "old \n\n" + note, "old 01\n\n" + note, "old 1\n" + hash + note,
                                  "old 1\nAAAA\n\n" + note, "old 1\n" + many + "\n" + note, std::string("old 1\n\n")}) {
    const auto read = parse_add_checkpoint(body);
    CHECK_MESSAGE((!read || read->checkpoint.text.empty()), body);
  }
}

}  // namespace barrio::decide::note_test
