#include "decide/proof/receipt.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "base/base64.h"

namespace barrio::decide::receipt_test {

TEST_CASE("a receipt is what its site signed, and nothing once a bit of it differs") {
  const NoteSigner log("bio1.site.barrio.internal/log/1", NoteKeyKind::log, *Ed25519Key::generate());
  const NoteSigner other("mad1.site.barrio.internal/log/1", NoteKeyKind::log, *Ed25519Key::generate());
  const std::string hash(64, 'a');
  const Receipt receipt{WallTime(std::chrono::seconds(1'800'000'000)),
                        SiteId::of("bio1"),
                        *Jurisdiction::parse("ES-PV"),
                        hash,
                        hash,
                        3,
                        hash,
                        200};
  const std::string header = sign_receipt(receipt, log);
  const NoteVerifier keys[] = {other.verifier(), log.verifier()};
  CHECK(*verify_receipt(header, keys) == receipt);
  CHECK(verify_receipt(header, std::span(keys, 1)).error().code == Code::denied);
  CHECK(verify_receipt(sign_receipt(receipt, other), keys).error().code == Code::denied);
  CHECK(rc::check("mutations", [&] {
    std::string text = *from_base64(header);
    const auto at = *rc::gen::inRange<size_t>(0, text.size());
    text[at] = static_cast<char>(text[at] ^ *rc::gen::inRange(1, 256));
    RC_ASSERT(!verify_receipt(base64(text), keys));
  }));
  for (const std::string& bad : {std::string(), std::string("x"), header + "=", std::string(8000, 'A')}) {
    CHECK(!verify_receipt(bad, keys));
  }
}

TEST_CASE("a receipt can stand for no checkpoint") {
  const NoteSigner log("bio1.site.barrio.internal/log/1", NoteKeyKind::log, *Ed25519Key::generate());
  const std::string hash(64, 'a');
  const Receipt receipt{WallTime(), SiteId::of("bio1"), *Jurisdiction::parse("ES-PV"), hash, hash, 3, hash, 200};
  CHECK(!parse_checkpoint(receipt.text()));
  CHECK(!verify_receipt(
      base64(Note{"bio1.site.barrio.internal/log/1\n1\n" + base64(std::string(32, 'r')) + "\n", {log.sign("x")}}.str()),
      std::span(&log.verifier(), 1)));
}

}  // namespace barrio::decide::receipt_test
